"""Benchmarks of the losses on this machine, measured side by side; `bench.training` has the rest.

Contestants take turns in random order within each round, so that other load on the machine affects
all alike; a turn begins with one call that is not timed. Every call gets other heatmaps, of a pool
that no cache holds, as a training step does. Times are in seconds: the median over the rounds, and
the quartiles.
"""

import contextlib
import itertools
import os
import platform
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from starlib.comparisons import reference
from starlib.losses import RegressionLoss, STARLoss
from starlib.runs.provenance import processor, versions

BATCHES, POINTS, SIDE = (1, 16, 64), (29, 68, 98), 64
TURN = 0.02  # seconds that a turn takes at least, in several calls if need be
LEAST = 3  # rounds
POOL = 2**28  # bytes of heatmaps that take turns: several times a processor's cache
POOLED = 1024  # sets of them at most
# Threads, and whether another process keeps a core busy.
SITUATIONS = {
    "one thread": (1, False),
    "two threads": (2, False),
    "two threads beside a busy process": (2, True),
}

Loss = Callable[[Tensor, Tensor], Tensor]
Times = dict[str, dict[str, float]]


def machine(device: torch.device) -> dict[str, Any]:
    """The machine that is measured: names of its parts, not its own."""
    name = processor()
    if device.type == "cuda":
        name = torch.cuda.get_device_name(device)
    return {
        "device": device.type,
        "device_name": name,
        "processor": processor(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "vectors": torch.backends.cpu.get_cpu_capability(),
        "system": platform.system(),
        **versions(),
    }


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
        wait(device)
        started = time.perf_counter()
        for _ in range(calls):
            run()
        wait(device)
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


def wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _summary(values: list[float]) -> dict[str, float]:
    quartiles = torch.tensor([0.25, 0.5, 0.75], dtype=torch.float64)
    low, median, high = torch.tensor(values).double().quantile(quartiles).tolist()
    return {"median": median, "low": low, "high": high, "rounds": len(values)}


def maps_of(
    batch: int, points: int, device: torch.device, side: int = SIDE, pool: int | None = None
) -> tuple[Tensor, Tensor]:
    """Heatmaps [P, B, N, H, W] like a network's first ones, and landmarks [B, N, 2].

    pool: number of sets P; by default as many as fill POOL.
    """
    generator = torch.Generator().manual_seed(0)
    if pool is None:
        pool = max(2, min(POOLED, -(-POOL // (4 * batch * points * side**2))))
    one = torch.randn(batch, points, side, side, generator=generator).relu()
    landmarks = torch.rand(batch, points, 2, generator=generator) - 0.5
    return one.to(device).repeat(pool, 1, 1, 1, 1), landmarks.to(device)


def forward_and_backward(
    loss: Loss, maps: Tensor, landmarks: Tensor, calls: int = 1
) -> Callable[[], object]:
    """Value and gradient of a loss, `calls` times; each call takes the next of maps
    [P, B, N, H, W]."""
    turn = itertools.cycle(maps.unbind())

    def run() -> object:
        leaves = [next(turn).detach().requires_grad_() for _ in range(calls)]
        return [torch.autograd.grad(loss(leaf, landmarks).mean(), leaf) for leaf in leaves]

    return run


def compiles(device: torch.device) -> bool:
    """Whether torch.compile works here: on a CPU it needs a C++ compiler."""
    try:
        torch.compile(torch.square)(torch.ones(2, device=device))
    except Exception:  # whatever the compiler, or its absence, raises
        return False
    return True


def captured(run: Callable[[], object]) -> Callable[[], object]:
    """A call's work on a GPU as a CUDA graph: what the device does, without launching it. A graph
    has its inputs fixed, so it meets the same heatmaps every time."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(3):  # what is set up at first calls stays out of the graph
            run()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        kept = run()

    def replay() -> object:
        graph.replay()
        return kept

    return replay


def loss_times(device: torch.device, rounds: int, seconds: float) -> dict[str, Any]:
    """The loss forward and backward for each size, `seconds` in all and some for compiling.

    "transcription" is STAR as its equations stand. "limit" reads the heatmaps once (their sum) and
    writes a new tensor of their size once. "fixed" is one map of four cells: what the calls cost
    whatever the size. "star, compiled" is there where torch.compile works, and "star, captured"
    (compiled, in a CUDA graph) on a GPU.
    """
    star, plain = STARLoss(check_values=False), RegressionLoss(check_values=False)
    losses: dict[str, Loss] = {
        "star": star,
        "transcription": reference.star,
        "regression": plain,
        "plain regression": reference.regression,
    }
    compiled = compiles(device)

    def measured(batch: int, points: int, side: int, pool: int | None = None) -> Times:
        maps, landmarks = maps_of(batch, points, device, side, pool)
        runs = {name: forward_and_backward(loss, maps, landmarks) for name, loss in losses.items()}
        if compiled:
            torch.compiler.reset()  # or it would give up after some sizes
            run = forward_and_backward(torch.compile(star, dynamic=False), maps, landmarks)
            runs["star, compiled"] = run
            if device.type == "cuda":
                runs["star, captured"] = captured(run)
        turn = itertools.cycle(maps.unbind())
        runs["limit"] = lambda: ((one := next(turn)).sum(), torch.full_like(one, 0.1))
        return interleaved(runs, device, rounds, seconds / len(BATCHES) / len(POINTS))

    sizes = [
        {"batch": batch, "points": points, "side": SIDE, "seconds": measured(batch, points, SIDE)}
        for batch in BATCHES
        for points in POINTS
    ]
    record: dict[str, Any] = {"sizes": sizes, "fixed": measured(1, 1, 2, pool=1)}
    if device.type == "cpu":
        record["situations"] = situation_times(
            rounds, seconds / 4, BATCHES[len(BATCHES) // 2], POINTS[-1], SIDE
        )
    return record


def situation_times(
    rounds: int, seconds: float, batch: int, points: int, side: int
) -> dict[str, Any]:
    """The loss and its transcription, forward and backward on the CPU, in each of SITUATIONS."""
    device = torch.device("cpu")
    maps, landmarks = maps_of(batch, points, device, side)
    losses: dict[str, Loss] = {
        "star": STARLoss(check_values=False),
        "transcription": reference.star,
    }
    runs = {name: forward_and_backward(loss, maps, landmarks) for name, loss in losses.items()}
    before, times = torch.get_num_threads(), {}
    try:
        for name, (threads, busy) in SITUATIONS.items():
            torch.set_num_threads(threads)
            with busy_process() if busy else contextlib.nullcontext():
                times[name] = interleaved(runs, device, rounds, seconds / len(SITUATIONS))
    finally:
        torch.set_num_threads(before)
    return {"batch": batch, "points": points, "seconds": times}


@contextlib.contextmanager
def busy_process() -> Iterator[None]:
    """Within, another process keeps one core busy."""
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as process:
        try:
            yield
        finally:
            process.kill()
