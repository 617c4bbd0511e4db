"""The command line, one module for each command with `add(parser)`."""

import argparse
from typing import Any

from starlib.devices import AUTO
from starlib.inference.shipped import shipped_names


def add_weights(parser: argparse.ArgumentParser, **how: Any) -> None:
    """The options that say which network is used."""
    names = ", ".join(shipped_names())
    parser.add_argument(
        "--weights",
        help=f"the authors' .pkl, results/weights/<hash>.pt of a run, or a network that comes with "
        f"the project: {names}" + (f"; default {how['default']}" if "default" in how else ""),
        **how,
    )
    parser.add_argument("--ema", action="store_true", help="the averaged weights of the authors")


def add_flip_average(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--flip-average", action="store_true", help="average with the mirror image, twice the time"
    )


def add_device(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--device", default=AUTO, help="cpu, cuda, …; default a GPU where there is one"
    )
