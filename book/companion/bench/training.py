"""Benchmarks of training steps, inference and memory, measured side by side."""

import concurrent.futures
import dataclasses
import multiprocessing
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import torch
from torch import Tensor

from companion.bench.summary import COMPILED
from companion.bench.timing import (
    Loss,
    compiles,
    forward_and_backward,
    interleaved,
    maps_of,
    wait,
)
from starlib.comparisons import reference
from starlib.comparisons.aam import edge_targets, point_targets
from starlib.data import CropStore, crop_store
from starlib.data.augment import augment
from starlib.data.crops import store_size
from starlib.data.synthface import SPLITS, album
from starlib.losses import RegressionLoss, STARLoss
from starlib.schemes import Scheme, get_scheme
from starlib.training.config import PRECISIONS, RunConfig
from starlib.training.loop import predict, train
from starlib.training.precision import forward_pass
from starlib.training.state import State

LAYOUTS = {"contiguous": torch.contiguous_format, "channels last": torch.channels_last}
STATUS = Path("/proc/self/status")
MEMORY = RunConfig.at("smoke", "synthface", image_size=128, width=16, epochs=1)


def _full(loss: str, batch: int) -> tuple[RunConfig, Scheme]:
    """The paper's protocol with 98 points."""
    return RunConfig.at("full", "synthface", loss=loss, batch_size=batch), get_scheme("wflw")


def _batch(
    config: RunConfig, scheme: Scheme, device: torch.device
) -> tuple[Callable[[], tuple[Tensor, Tensor]], Tensor, Tensor]:
    """A function that makes a batch of stored crops on the device; images and targets of one."""
    generator = torch.Generator().manual_seed(0)
    size, side = config.batch_size, store_size(config.image_size)
    stored = torch.randint(0, 256, (size, 3, side, side), generator=generator, dtype=torch.uint8)
    stored, points = stored.to(device), maps_of(size, scheme.points, device, pool=1)[1]

    def make() -> tuple[Tensor, Tensor]:
        return augment(stored, points, scheme, config.image_size, generator)

    return make, *make()


def step_times(device: torch.device, rounds: int, seconds: float, batch: int) -> dict[str, Any]:
    """A four-stack 256-px training step without and with STAR, and its parts by themselves.

    "network" is forward and backward of the network alone; "star loss", "transcription loss" (STAR
    as its equations stand) and "regression loss" are those of the loss on the heatmaps of all
    stacks, other ones at every call; "augment" makes the batch, "aam targets" the target maps that
    AAM has in addition.
    """
    config, scheme = _full("star", batch)
    make, images, targets = _batch(config, scheme, device)
    model = _training(config, scheme, device).model

    def network() -> None:
        model.zero_grad(set_to_none=True)
        outputs = forward_pass(model, images, config.precision)
        torch.stack([output.heatmaps.float().mean() for output in outputs]).sum().backward()

    side = config.image_size // 4
    maps, landmarks = maps_of(batch, scheme.points, device, side)

    def of_all_stacks(loss: Loss) -> Callable[[], object]:
        return forward_and_backward(loss, maps, landmarks, config.stacks)

    runs: dict[str, Callable[[], object]] = {
        "network": network,
        "star loss": of_all_stacks(STARLoss(check_values=False)),
        "transcription loss": of_all_stacks(reference.star),
        "regression loss": of_all_stacks(RegressionLoss(check_values=False)),
        "augment": make,
        "aam targets": lambda: (point_targets(targets, side), edge_targets(targets, scheme, side)),
    }
    for name in ("star", "regression"):
        state = _training(_full(name, batch)[0], scheme, device)
        runs[f"step with {name}"] = partial(state.step, images, targets)
    times = interleaved(runs, device, rounds, seconds, warm=False)
    return {"batch": batch, "config": config.to_dict(), "seconds": times}


def host_times(rounds: int, seconds: float, batch: int = 64) -> dict[str, Any]:
    """Times of the processor to augment a batch of the paper's protocol for a GPU.

    The pictures have no values (device `meta`), so that only drawing and launching count; an upper
    bound, as `meta` takes `grid_sample` apart. "serial noise" is what it drew for them in protocol
    1: noise for whole pictures from one generator.
    """
    config, scheme = _full("star", batch)
    side, meta = store_size(config.image_size), torch.device("meta")
    stored = torch.empty(batch, 3, side, side, dtype=torch.uint8, device=meta)
    points = torch.empty(batch, scheme.points, 2, device=meta)
    generator = torch.Generator().manual_seed(0)
    shape = (batch, 3, config.image_size, config.image_size)
    runs: dict[str, Callable[[], object]] = {
        "augment": lambda: augment(stored, points, scheme, config.image_size, generator),
        "serial noise": lambda: torch.rand(shape, generator=generator),
    }
    times = interleaved(runs, torch.device("cpu"), rounds, seconds, warm=False)
    return {"batch": batch, "seconds": times}


def _training(config: RunConfig, scheme: Scheme, device: torch.device, **options: Any) -> State:
    state = State(config, scheme, "benchmark", device, **options)
    state.model.train()
    return state


def step_variants(device: torch.device, rounds: int, seconds: float, scale: str) -> dict[str, Any]:
    """A training step at a scale in each precision and memory layout, and compiled.

    "compile_seconds" is what the first compiled step takes longer than the others; None where
    torch.compile does not work. "steps" are those of a run on all of synthface.
    """
    config, scheme = RunConfig.at(scale, "synthface"), get_scheme("wflw")
    _, images, targets = _batch(config, scheme, device)
    runs: dict[str, Callable[[], object]] = {}
    for precision in PRECISIONS:
        own = dataclasses.replace(config, precision=precision)
        for name, layout in LAYOUTS.items():
            state = _training(own, scheme, device, layout=layout)
            runs[f"{precision}, {name}"] = partial(state.step, images, targets)
    compiling = None
    if compiles(device):
        torch.compiler.reset()
        own = dataclasses.replace(config, precision="bfloat16")  # as COMPILED says
        step = partial(_training(own, scheme, device, compiled=True).step, images, targets)
        with (  # what was compiled before does not count
            tempfile.TemporaryDirectory() as folder,
            mock.patch.dict(os.environ, {"TORCHINDUCTOR_CACHE_DIR": folder}),
        ):
            started = time.perf_counter()
            step()
            wait(device)
            compiling = time.perf_counter() - started
        runs[COMPILED] = step
    times = interleaved(runs, device, rounds, seconds, warm=False)
    if compiling is not None:
        compiling -= times[COMPILED]["median"]
    return {
        "scale": scale,
        "steps": config.epochs * (SPLITS["train"][1] // config.batch_size),
        "config": config.to_dict(),
        "seconds": times,
        "compile_seconds": compiling,
    }


def inference_times(
    device: torch.device, rounds: int, seconds: float, batches: tuple[int, ...]
) -> list[dict[str, Any]]:
    """From stored crops to landmarks with the four-stack 256-px network of a training."""
    config, scheme = _full("star", max(batches))
    model = _training(config, scheme, device).average.module
    side = store_size(config.image_size)
    crops = torch.randint(0, 256, (max(batches), 3, side, side), dtype=torch.uint8).numpy()
    rows = []
    for batch in batches:
        run = {"predict": lambda n=batch: predict(model, crops[:n], config, n)}
        times = interleaved(run, device, rounds, seconds, warm=False)
        rows.append({"batch": batch, "seconds": times})
    return rows


def memory_of_trainings(counts: Sequence[int] = (150, 1500)) -> list[dict[str, Any]]:
    """Memory of a training on the CPU with so many synthface crops on the disk, each in a process
    of its own: what it holds beyond pages of files, which the system may drop. All take as many
    steps, since the allocator's reserve grows with steps. Empty but on Linux."""
    rows: list[dict[str, Any]] = []
    if not STATUS.exists():
        return rows
    with tempfile.TemporaryDirectory() as folder:
        for count in counts:
            crops = _crops(count, folder)
            stored = crops.images.nbytes
            # The crops are opened anew: to send them would copy them.
            with concurrent.futures.ProcessPoolExecutor(
                1, multiprocessing.get_context("spawn")
            ) as pool:
                used = pool.submit(_memory, count, max(counts) // count, folder).result()
            rows.append({"faces": count, "stored_mb": stored / 2**20, "used_mb": used})
    return rows


def _crops(count: int, folder: str) -> CropStore:
    return crop_store(album("train", 0, count), MEMORY.image_size, Path(folder))


def _memory(count: int, epochs: int, folder: str) -> float:
    used = []

    def look(*_: object) -> None:
        lines = STATUS.read_text(encoding="utf-8").splitlines()
        [line] = [line for line in lines if line.startswith("RssAnon")]
        used.append(int(line.split()[1]) / 1024)

    config = dataclasses.replace(MEMORY, epochs=epochs)
    train(config, _crops(count, folder), get_scheme("wflw"), report=look)
    return used[-1]
