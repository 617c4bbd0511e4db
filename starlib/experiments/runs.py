"""Runs: a config is trained once, here or side by side with others, and its record is kept."""

import concurrent.futures
import functools
import multiprocessing
import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from starlib.data import CropStore, FaceSet, crop_store, load_dataset
from starlib.data.augment import VIEW_OF_STORE
from starlib.experiments.locks import locked
from starlib.experiments.provenance import provenance_of
from starlib.experiments.records import (
    COVARIANCE_FACES,
    Run,
    atomically,
    describe,
    evaluation_arrays,
    evaluation_metrics,
    load_run,
    missing,
    read,
    results_folder,
)
from starlib.training import distributed
from starlib.training.config import RunConfig
from starlib.training.loop import StoppedError, Trained, covariances, predict, train

CALIBRATION_FACES = 256


def run(
    config: RunConfig,
    device: str = "cpu",
    results: Path | str | None = None,
    data_root: Path | str | None = None,
    report: Callable[[int, dict[str, list[float]]], None] | None = None,
    stop: Callable[[], bool] = lambda: False,
    compiled: bool = False,
) -> Run:
    """The run of a config: read if it is finished, else trained (on from its checkpoint) and kept.

    Weights go to results/weights/<hash>.pt, checkpoints to results/checkpoints/, crop stores to
    results/crops/. `report`, `stop` and `compiled` as in
    `starlib.training.loop.train`. A config that another process trains is waited for, and read.
    """
    finished = distributed.once(lambda: load_run(config, results))
    if finished is not None:
        return finished
    _check_device(device)
    # Of the code as it is now, not after hours of training.
    provenance = {**provenance_of(device), "compiled": compiled}
    folder = results_folder(results)
    checkpoint = folder / "checkpoints" / f"{config.hash}.pt"
    faces = {split: load_dataset(config.dataset, split, data_root) for split in ("train", "test")}

    def waiting() -> None:
        if stop():
            raise StoppedError(f"run {config.hash} waited for another process")

    with locked(checkpoint.with_suffix(".lock"), waiting):
        finished = distributed.once(lambda: load_run(config, results))
        if finished is not None:  # by the process that had the lock
            return finished
        stores = folder / "crops"
        # Runs that start side by side would all cut the same crops.
        with locked(stores / f"{Path(config.dataset).stem}-{config.image_size}.lock", waiting):
            crops = distributed.first(
                lambda: {s: crop_store(faces[s], config.image_size, stores) for s in faces}
            )
        provenance["resumed"] = distributed.once(checkpoint.exists)
        scheme = faces["train"].scheme
        trained = train(config, crops["train"], scheme, device, checkpoint, report, stop, compiled)
        found = distributed.once(
            lambda: _evaluated(config, trained, faces, crops, provenance, folder)
        )
        if distributed.rank() == 0:
            checkpoint.unlink(missing_ok=True)
    return found


def _evaluated(
    config: RunConfig,
    trained: Trained,
    faces: dict[str, FaceSet],
    crops: dict[str, CropStore],
    provenance: dict[str, Any],
    folder: Path,
) -> Run:
    """The run of a trained network, its weights and record written."""
    predicted = predict(trained.model, crops["test"].images, config)
    arrays = evaluation_arrays(predicted, crops["test"], faces["test"])
    spread = covariances(trained.model, crops["test"].images[:COVARIANCE_FACES], config)
    if spread is not None:
        arrays["covariance"] = spread
    calibration = _calibration(trained.model, crops["train"], config)
    found = Run(
        config=config,
        metrics=evaluation_metrics(arrays, faces["test"]),
        curves={name: [round(v, 6) for v in values] for name, values in trained.curves.items()},
        provenance={
            **provenance,
            "finished": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "seconds": round(sum(trained.curves["seconds"]), 1),
            "data": {split: _describe(faces[split], crops[split], config) for split in faces},
        },
        path=folder / "runs" / f"{config.hash}.json",
        calibration=calibration,
    )
    weights = folder / "weights" / f"{config.hash}.pt"
    weights.parent.mkdir(parents=True, exist_ok=True)
    parts: dict[str, Any] = {"config": config.to_dict(), "scheme": faces["train"].scheme.to_dict()}
    parts |= {"weights": trained.model.state_dict(), "calibration": calibration}
    atomically(weights, lambda p: torch.save(parts, p))
    found.save(arrays)
    return found


def _calibration(model: nn.Module, crops: CropStore, config: RunConfig) -> dict[str, float]:
    """The factor by which the network's covariances must be multiplied so that the squared
    Mahalanobis distance of the labels of training faces averages 2; empty without covariances."""
    images = crops.images[:CALIBRATION_FACES]
    spread = covariances(model, images, config)
    if spread is None:
        return {}
    error = crops.landmarks[:CALIBRATION_FACES] - predict(model, images, config)
    # A map on one cell has no inverse; it counts with a covariance of its cell's size.
    floor = (2 * VIEW_OF_STORE / (config.image_size / 4)) ** 2 / 12 * np.eye(2, dtype=np.float32)
    squared = np.einsum("fni,fnij,fnj->fn", error, np.linalg.inv(spread + floor), error)
    return {"factor": float(squared.mean() / 2), "faces": len(images)}


def _check_device(device: str) -> None:
    try:
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise ValueError(f"device: expected one that is here, got {device!r} ({error})") from error


def _describe(faces: FaceSet, crops: CropStore, config: RunConfig) -> dict[str, Any]:
    used = len(faces)
    if faces.split == "train":
        used = min(config.train_faces or used, used)
    return {
        "faces": used,
        "official": faces.official,
        "partial": faces.partial,
        "fingerprint": crops.fingerprint,
    }


def run_all(
    configs: Iterable[RunConfig],
    device: str = "cpu",
    workers: int = 1,
    results: Path | str | None = None,
    data_root: Path | str | None = None,
    minutes: float | None = None,
    say: Callable[[str], None] = print,
    executor: concurrent.futures.Executor | None = None,
    compiled: bool = False,
) -> list[Run]:
    """Train what is missing, `workers` runs side by side, and return the runs that are finished.

    Processes share the CPU's cores evenly. With an `executor`, such as Dask's, it decides what
    runs where; its workers must see the folders of results and data. Under
    `starlib.training.distributed.joined` all processes train one run after the other together.

    After `minutes` no run is begun, and those under way stop at the end of their epoch with a
    checkpoint. A run that fails does not stop the others; the first failure is raised at the end.
    """
    if workers < 1:
        raise ValueError(f"workers: expected an integer >= 1, got {workers!r}")
    if minutes is not None and minutes < 0:
        raise ValueError(f"minutes: expected a number >= 0, got {minutes!r}")
    together = distributed.size() > 1
    if together and (workers > 1 or executor is not None):
        raise ValueError("workers: processes that train one run together train no other beside it")
    if executor is None:
        _check_device(device)
    configs = list(dict.fromkeys(configs))
    results = results_folder(results).absolute()
    data_root = Path(data_root).absolute() if data_root else None
    todo = distributed.once(lambda: missing(configs, results))
    until = None if minutes is None else time.time() + 60 * minutes
    one = functools.partial(
        _one,
        device=device,
        results=results,
        data_root=data_root,
        compiled=compiled,
        until=until,
    )
    if together:
        for config in todo:
            told = one(config)
            if distributed.rank() == 0:
                say(f"{describe(config)}: {told}")
    elif executor is not None:
        _side_by_side(executor, one, todo, say)
    else:
        with concurrent.futures.ProcessPoolExecutor(
            max_workers=max(1, min(workers, len(todo))),
            mp_context=multiprocessing.get_context("spawn"),
            initializer=torch.set_num_threads,
            initargs=(max(1, (os.cpu_count() or 1) // workers),),
        ) as pool:
            _side_by_side(pool, one, todo, say)
    return read(configs, results)


def _side_by_side(
    executor: concurrent.futures.Executor,
    one: Callable[[RunConfig], str],
    todo: list[RunConfig],
    say: Callable[[str], None],
) -> None:
    failure: Exception | None = None
    futures = {executor.submit(one, config): config for config in todo}
    for count, future in enumerate(concurrent.futures.as_completed(futures), 1):
        config = futures[future]
        try:
            say(f"{count}/{len(todo)} {describe(config)}: {future.result()}")
        except Exception as error:
            say(f"{count}/{len(todo)} {describe(config)}: failed: {error}")
            failure = failure or error
    if failure is not None:
        raise failure


def read_or_train(
    configs: Iterable[RunConfig],
    train_missing: bool = False,
    device: str = "cpu",
    workers: int = 1,
    results: Path | str | None = None,
    data_root: Path | str | None = None,
) -> list[Run]:
    """The finished runs of the configs; what is missing is trained only when asked to."""
    if not isinstance(train_missing, bool):
        raise ValueError(f"train: expected True or False, got {train_missing!r}")
    if train_missing:
        return run_all(configs, device, workers, results, data_root or None, say=_silent)
    return read(configs, results)


def _silent(_: str) -> None:
    """Notebooks keep their output the same from run to run."""


def _one(
    config: RunConfig,
    device: str,
    results: Path | str | None,
    data_root: Path | str | None,
    compiled: bool,
    until: float | None,
) -> str:
    def late() -> bool:
        return until is not None and time.time() > until

    if distributed.once(late):
        return "not begun"
    try:
        found = run(config, device, results, data_root, stop=late, compiled=compiled)
    except StoppedError as stopped:
        return str(stopped)
    subset, values = next(iter(found.metrics.items()))
    return f"NME {subset} {100 * values['nme']:.3f} %, {found.provenance['seconds']:.0f} s"
