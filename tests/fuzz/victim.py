"""A run in a process of its own that a signal ends at a chosen moment.

Moments are counted in file operations under the run's folders, from cutting the first crop to
renaming the record; a short delay after one lands between them, in the middle of writing or of a
training step.
"""

import os
import signal
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from starlib.runs.run import run
from starlib.training.config import RunConfig

SMALL = {"image_size": 32, "width": 8, "depth": 2, "epochs": 5, "batch_size": 2}
CONFIG = RunConfig.at("smoke", "300w", **SMALL)


@dataclass
class Moment:
    """When the signal comes: `delay` seconds after the `count`-th file operation (from 1)."""

    signal: int
    count: int
    delay: float


def victim(root: Path, results: Path, moment: Moment | None, log: Path) -> None:
    """Train CONFIG on the faces under `root`; the process ends at the moment, if one is given.

    Without one, the number of file operations is written to `log`.
    """
    torch.set_num_threads(1)
    sys.stderr = open(os.devnull, "w")  # noqa: SIM115  # an interrupted run says so
    seen = 0

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal seen
        if event not in ("open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.chmod"):
            return
        if not str(arguments[0]).startswith((str(results), str(root))):
            return
        seen += 1
        if moment is not None and seen == moment.count:
            if moment.delay == 0:
                os.kill(os.getpid(), moment.signal)
            else:
                timer = threading.Timer(moment.delay, os.kill, (os.getpid(), moment.signal))
                timer.daemon = True
                timer.start()

    sys.addaudithook(watch)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    run(CONFIG, results=results, data_root=root)
    if moment is None:
        log.write_text(str(seen))
