"""What the loss, a training step and inference cost on this machine, measured side by side.

Contestants take turns in random order within each round, so that what else the machine does hits
all alike; a turn begins with one call that is not timed. Times are in seconds: the median over the
rounds, and the quartiles.
"""

import os
import platform
import random
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import starlib
from starlib import reference
from starlib.augment import augment
from starlib.backbones import build_model
from starlib.config import RunConfig
from starlib.data.crops import store_size
from starlib.losses import RegressionLoss, STARLoss
from starlib.schemes import Scheme, get_scheme
from starlib.train import predict, stepper

BATCHES, POINTS, SIDE = (1, 16, 64), (29, 68, 98), 64
TURN = 0.02  # seconds that a turn takes at least, in several calls if need be
LEAST = 3  # rounds

Loss = Callable[[Tensor, Tensor], Tensor]
Times = dict[str, dict[str, float]]


def machine(device: torch.device) -> dict[str, Any]:
    """What it was measured on; names the parts, not the machine."""
    name = _processor()
    if device.type == "cuda":
        name = torch.cuda.get_device_name(device)
    return {
        "device": device.type,
        "device_name": name,
        "processor": _processor(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "vectors": torch.backends.cpu.get_cpu_capability(),
        "system": platform.system(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "starlib": starlib.__version__,
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(v.split(":")[1].strip() for v in lines if v.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def interleaved(
    contestants: Mapping[str, Callable[[], object]],
    device: torch.device,
    rounds: int,
    seconds: float,
    warm: bool = True,
) -> Times:
    """Median, quartiles and number of rounds of each contestant.

    `rounds` are played, or fewer (but LEAST) when they would take longer than `seconds`. Without
    `warm` a turn has no call that is not timed.
    """

    def timed(run: Callable[[], object], calls: int) -> float:
        _wait(device)
        started = time.perf_counter()
        for _ in range(calls):
            run()
        _wait(device)
        return (time.perf_counter() - started) / calls

    calls = {}
    for name, run in contestants.items():
        timed(run, 1)  # compiles, fills caches
        calls[name] = max(1, min(50, round(TURN / timed(run, 1))))
    order, samples = random.Random(0), {name: list[float]() for name in contestants}
    started = time.monotonic()
    for done in range(rounds):
        if done >= LEAST and time.monotonic() - started > seconds:
            break
        for name in order.sample(list(contestants), len(contestants)):
            if warm:
                contestants[name]()
            samples[name].append(timed(contestants[name], calls[name]))
    return {name: _summary(values) for name, values in samples.items()}


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _summary(values: list[float]) -> dict[str, float]:
    quartiles = torch.tensor([0.25, 0.5, 0.75], dtype=torch.float64)
    low, median, high = torch.tensor(values).double().quantile(quartiles).tolist()
    return {"median": median, "low": low, "high": high, "rounds": len(values)}


def _maps(batch: int, points: int, device: torch.device, side: int = SIDE) -> tuple[Tensor, Tensor]:
    """Heatmaps like a network's first ones, and landmarks."""
    generator = torch.Generator().manual_seed(0)
    maps = torch.randn(batch, points, side, side, generator=generator).relu()
    landmarks = torch.rand(batch, points, 2, generator=generator) - 0.5
    return maps.to(device), landmarks.to(device)


def _there_and_back(loss: Loss, maps: Tensor, landmarks: Tensor) -> Callable[[], object]:
    """Value and gradient of a loss."""

    def run() -> object:
        leaf = maps.detach().requires_grad_()
        return torch.autograd.grad(loss(leaf, landmarks).mean(), leaf)

    return run


def loss_times(
    device: torch.device, rounds: int, seconds: float, compiled: bool = False
) -> dict[str, Any]:
    """The loss forward and backward for each size, `seconds` in all.

    "limit" reads the heatmaps once (their sum) and writes a new tensor of their size once. "fixed"
    is one map of four cells: what the calls cost whatever the size.
    """
    star, plain = STARLoss(check_values=False), RegressionLoss(check_values=False)
    losses: dict[str, Loss] = {
        "star": star,
        "transcription": reference.star,
        "regression": plain,
        "plain regression": reference.regression,
    }
    if compiled:
        losses["star, compiled"] = torch.compile(star, dynamic=False)

    def measured(batch: int, points: int, side: int) -> Times:
        maps, landmarks = _maps(batch, points, device, side)
        runs = {name: _there_and_back(loss, maps, landmarks) for name, loss in losses.items()}
        runs["limit"] = lambda: (maps.sum(), torch.full_like(maps, 0.1))
        return interleaved(runs, device, rounds, seconds / len(BATCHES) / len(POINTS))

    sizes = [
        {"batch": batch, "points": points, "side": SIDE, "seconds": measured(batch, points, SIDE)}
        for batch in BATCHES
        for points in POINTS
    ]
    return {"sizes": sizes, "fixed": measured(1, 1, 2)}


def _full(loss: str, device: torch.device, batch: int) -> tuple[RunConfig, Scheme]:
    """The paper's protocol with 98 points; in float32 on a CPU."""
    precision = "bfloat16" if device.type == "cuda" else "float32"
    config = RunConfig.at("full", "synthface", loss=loss, batch_size=batch, precision=precision)
    return config, get_scheme("wflw")


def step_times(device: torch.device, rounds: int, seconds: float, batch: int) -> dict[str, Any]:
    """A four-stack 256-px training step without and with STAR, and its parts by themselves.

    "network" is forward and backward of the network alone; "star loss" and "regression loss" are
    those of the loss on the heatmaps of all stacks; "augment" makes the batch.
    """
    config, scheme = _full("star", device, batch)
    generator = torch.Generator().manual_seed(0)
    side = store_size(config.image_size)
    stored = torch.randint(0, 256, (batch, 3, side, side), generator=generator, dtype=torch.uint8)
    stored, points = stored.to(device), _maps(batch, scheme.points, device)[1]
    images, targets = augment(stored, points, scheme, config.image_size, generator)
    model = build_model(config, scheme).to(device)
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    views = images.to(memory_format=torch.channels_last)

    def network() -> None:
        model.zero_grad(set_to_none=True)
        with torch.autocast(device.type, torch.bfloat16, enabled=config.precision != "float32"):
            outputs = model(views)
        torch.stack([output.heatmaps.float().mean() for output in outputs]).sum().backward()

    def loss_of_all_stacks(loss: Loss) -> Callable[[], object]:
        runs = [_there_and_back(loss, *_maps(batch, scheme.points, device))] * config.stacks
        return lambda: [run() for run in runs]

    runs: dict[str, Callable[[], object]] = {
        "network": network,
        "star loss": loss_of_all_stacks(STARLoss(check_values=False)),
        "regression loss": loss_of_all_stacks(RegressionLoss(check_values=False)),
        "augment": lambda: augment(stored, points, scheme, config.image_size, generator),
    }
    for name in ("star", "regression"):
        step = stepper(_full(name, device, batch)[0], scheme, device)
        runs[f"step with {name}"] = lambda step=step: step(images, targets)  # type: ignore[misc]
    times = interleaved(runs, device, rounds, seconds, warm=False)
    return {"batch": batch, "config": config.to_dict(), "seconds": times}


def inference_times(
    device: torch.device, rounds: int, seconds: float, batches: tuple[int, ...]
) -> list[dict[str, Any]]:
    """From stored crops to landmarks with the four-stack 256-px network."""
    config, scheme = _full("star", device, max(batches))
    model = build_model(config, scheme).to(device)
    side = store_size(config.image_size)
    crops = torch.randint(0, 256, (max(batches), 3, side, side), dtype=torch.uint8).numpy()
    found = []
    for batch in batches:
        run = {"predict": lambda n=batch: predict(model, crops[:n], config, n)}
        times = interleaved(run, device, rounds, seconds, warm=False)
        found.append({"batch": batch, "seconds": times})
    return found
