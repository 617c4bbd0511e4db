"""Trials with random inputs: a few in `make test`, many with `make fuzz`."""

import os
from collections import Counter

SCALE = float(os.environ.get("STARLIB_FUZZ", "1"))
TALLY: Counter[str] = Counter()  # what was tried and how it ended, printed after the tests


def times(count: int) -> int:
    """How many trials stand for `count` ones of `make test`: STARLIB_FUZZ times as many."""
    return max(1, round(count * SCALE))
