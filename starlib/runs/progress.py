"""How long a training takes: what to expect, and lines that say how far it is."""

import time

import torch

from starlib.data.augment import augment
from starlib.data.crops import store_size
from starlib.schemes import Scheme
from starlib.training.config import RunConfig, describe
from starlib.training.state import State

EVERY = 30.0  # seconds between lines
TRIED = 4  # steps, the first of which takes longer than others
BESIDE = 1.5  # steps whose time an epoch takes besides, for heatmaps and checkpoints


def expected_seconds(config: RunConfig, scheme: Scheme, faces: int, device: str) -> float:
    """Seconds that training on so many faces takes, from a few steps on random pictures."""
    state = State(config, scheme, "", torch.device(device))
    generator = torch.Generator().manual_seed(0)
    side, size = store_size(config.image_size), min(config.batch_size, faces)
    stored = torch.randint(0, 256, (size, 3, side, side), dtype=torch.uint8, generator=generator)
    points = torch.rand(size, scheme.points, 2, generator=generator) - 0.5
    times = []
    for _ in range(TRIED):
        started = time.monotonic()
        given = stored.to(device), points.to(device), scheme, config.image_size, generator
        state.step(*augment(*given, kind=config.augmentation)).tolist()  # waits for a GPU
        times.append(time.monotonic() - started)
    return config.epochs * (faces // size + BESIDE) * sum(times[1:]) / (TRIED - 1)


class Progress:
    """A `report` of `run`: prints the first and last epoch, and between them one when
    EVERY seconds have passed since the last line."""

    def __init__(self, config: RunConfig):
        self.config, self.last = config, -float("inf")

    def __call__(self, epochs: int, curves: dict[str, list[float]]) -> None:
        now, total = time.monotonic(), self.config.epochs
        if now - self.last < EVERY and epochs < total:
            return
        self.last = now
        left = (total - epochs) * sum(curves["seconds"]) / len(curves["seconds"]) / 60
        print(
            f"{describe(self.config)}: epoch {epochs} of {total}, loss {curves['loss'][-1]:.4f}, "
            f"about {left:.1f} minutes left",
            flush=True,
        )
