"""Checkpoints that know when they are damaged: a line with the hash of what follows, then what
`torch.save` writes. The one before stays beside it, as `.previous`."""

import hashlib
import io
import os
import pickle
import time
import warnings
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import torch

from starlib.files import atomically

# Seconds of training that a kill may cost.
EVERY = float(os.environ.get("STARLIB_CHECKPOINT_SECONDS", "180"))
MARK = b"starlib checkpoint sha256 "


class Checkpoints:
    """Writes checkpoints to a file while the training continues; none without a path.

    A context manager; at its end the last one is on the disk. What could not be written is raised
    at the next offer, or at the end.
    """

    def __init__(self, path: Path | None):
        self.path, self.last = path, time.monotonic()
        self.writer = ThreadPoolExecutor(1)
        self.pending: Future[None] | None = None

    def __enter__(self) -> "Checkpoints":
        return self

    def __exit__(self, kind: Any, *_: object) -> None:
        self.writer.shutdown()
        if kind is None:
            self._finish()

    def offer(self, snapshot: Callable[[], dict[str, Any]], now: bool = False) -> None:
        """Write `snapshot()` if EVERY seconds have passed since the last one; `now`: in any case,
        and wait for it."""
        if self.path is None or not (now or time.monotonic() - self.last >= EVERY):
            return
        self._finish()
        self.pending = self.writer.submit(write_checkpoint, self.path, snapshot())
        self.last = time.monotonic()
        if now:
            self._finish()

    def _finish(self) -> None:
        if self.pending is not None:
            self.pending.result()


def checkpoint_files(path: Path) -> list[Path]:
    """The checkpoints of that name that are there, the last first."""
    return [p for p in (path, path.with_suffix(".previous")) if p.exists()]


def named(path: Path | None) -> str:
    """The checkpoints of that name, for a message."""
    return ", ".join(map(str, checkpoint_files(path) if path else ()))


def write_checkpoint(path: Path, values: dict[str, Any]) -> None:
    """Write a checkpoint, whole or not at all; what was at `path` becomes `.previous`."""
    buffer = io.BytesIO()
    torch.save(values, buffer)
    content = buffer.getbuffer()
    digest = hashlib.sha256(content).hexdigest().encode()

    def write(partial: Path) -> None:
        with partial.open("wb") as file:
            file.write(MARK + digest + b"\n")
            file.write(content)
        if path.exists():
            os.replace(path, path.with_suffix(".previous"))

    atomically(path, write)


def read_checkpoint(path: Path) -> dict[str, Any]:
    """The values of a checkpoint; ValueError for a file in which any bit has changed."""
    head, _, content = path.read_bytes().partition(b"\n")
    if head != MARK + hashlib.sha256(content).hexdigest().encode():
        raise ValueError(f"{path}: expected a checkpoint whose hash is that of its content")
    try:
        values: dict[str, Any] = torch.load(
            io.BytesIO(content), map_location="cpu", weights_only=True
        )
    except pickle.UnpicklingError as error:  # holds more than tensors, such as code to run
        raise ValueError(f"{path}: expected tensors and numbers alone") from error
    return values


def last_checkpoint(path: Path) -> dict[str, Any] | None:
    """The last good checkpoint of that name, or None. A damaged one gets the suffix `.damaged`
    and a warning that names it."""
    for candidate in checkpoint_files(path):
        try:
            return read_checkpoint(candidate)
        except ValueError as error:
            aside = candidate.with_name(candidate.name + ".damaged")
            os.replace(candidate, aside)
            warnings.warn(
                f"{error}; it is now {aside.name}, training goes on from the one before, or anew",
                stacklevel=2,
            )
    return None
