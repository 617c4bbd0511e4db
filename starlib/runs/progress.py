"""Lines that say how far a training is, where there is no terminal for a bar."""

import time
from collections.abc import Callable

from starlib.training.config import RunConfig, describe

EVERY = 30.0  # seconds between lines


class Progress:
    """A `report` of `run`: prints the first and last epoch, and between them one when
    EVERY seconds have passed since the last line."""

    def __init__(
        self,
        config: RunConfig,
        say: Callable[[str], None] = lambda line: print(line, flush=True),
        clock: Callable[[], float] = time.monotonic,
    ):
        self.config, self.say, self.clock = config, say, clock
        self.last = -float("inf")

    def __call__(self, epochs: int, curves: dict[str, list[float]]) -> None:
        now, total = self.clock(), self.config.epochs
        if now - self.last < EVERY and epochs < total:
            return
        self.last = now
        left = (total - epochs) * sum(curves["seconds"]) / len(curves["seconds"]) / 60
        self.say(
            f"{describe(self.config)}: epoch {epochs} of {total}, loss {curves['loss'][-1]:.4f}, "
            f"about {left:.1f} minutes left"
        )
