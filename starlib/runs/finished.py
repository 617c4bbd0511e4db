"""The finished runs of a results folder: all of them, or those of given configs."""

import collections
import dataclasses
import os
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from starlib.files import PARTIAL, results_folder
from starlib.runs.records import Faces, Run, read_record
from starlib.schemes import is_path
from starlib.training.config import RunConfig


def load_all(results: Path | str | None = None) -> list[Run]:
    """Every finished run, in the order of their names. A damaged record is left out, with a warning
    that names it."""
    paths = sorted((results_folder(results) / "runs").glob("*.json"))
    # A partial file was being written when its process was killed.
    return _readable(path for path in paths if not path.name.startswith(PARTIAL))


def _readable(paths: Iterable[Path]) -> list[Run]:
    runs = []
    for path in paths:
        try:
            runs.append(read_record(path))
        except ValueError as error:
            warnings.warn(f"left out: {error}", stacklevel=3)
    return runs


def load_run(
    config: RunConfig, results: Path | str | None = None, faces: Faces | None = None
) -> Run | None:
    """The finished run of a config on faces of these fingerprints, or None.

    Without `faces`, where a config was run on several copies of a data set (a partial and a whole
    one): the run on the copy that most runs of this data set and image size share; between copies
    of as many runs, the one that finished last. Damaged records as in `load_all`.
    """
    if faces is not None:  # one file to read
        path = results_folder(results) / "runs" / f"{config.name(*faces)}.json"
        return next(iter(_readable([path] if path.exists() else [])), None)
    return by_config(load_all(results)).get(key_of(config))


def key_of(config: RunConfig) -> RunConfig:
    """The config, with one spelling of the path of your own data."""
    if not is_path(config.dataset):
        return config
    return dataclasses.replace(config, dataset=os.path.abspath(config.dataset))


def by_config(runs: Iterable[Run]) -> dict[RunConfig, Run]:
    """One run per config, as `load_run` chooses it."""
    runs = list(runs)

    def copy(run: Run) -> tuple[Any, ...]:
        key = key_of(run.config)
        return key.dataset, key.image_size, key.crop, run.comparable

    shared = collections.Counter(map(copy, runs))
    runs.sort(key=lambda run: (shared[copy(run)], run.provenance.get("finished", "")))
    return {key_of(run.config): run for run in runs}
