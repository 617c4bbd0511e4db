"""Runs: a config is trained once, here or side by side with others, and its record is kept."""

import concurrent.futures
import contextlib
import functools
import hashlib
import json
import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import torch

from starlib.data import CropStore, DataError, FaceSet, crop_store, data_root, load_dataset
from starlib.data.synthface import VARIANTS
from starlib.experiments.arrays import COVARIANCE_FACES, evaluation_arrays
from starlib.experiments.baseline import beside, mean_shape
from starlib.experiments.evaluation import calibration, evaluation_metrics
from starlib.experiments.paths import results_folder
from starlib.experiments.progress import Progress
from starlib.experiments.provenance import provenance_of
from starlib.experiments.records import (
    Faces,
    Run,
    by_config,
    describe,
    key_of,
    load_all,
    load_run,
    read,
)
from starlib.files import PARTIAL, atomically
from starlib.schemes import is_path
from starlib.training import distributed
from starlib.training.checkpoints import checkpoint_files
from starlib.training.config import RunConfig
from starlib.training.loop import StoppedError, Trained, covariances, predict, train

PAUSE = 0.5  # seconds between looks at a lock that is taken


def run(
    config: RunConfig,
    device: str = "cpu",
    results: Path | str | None = None,
    data_root: Path | str | None = None,
    report: Callable[[int, dict[str, list[float]]], None] | None = None,
    stop: Callable[[], bool] = lambda: False,
    compiled: bool = False,
    anew: bool = False,
    wait: bool = True,
) -> Run:
    """The run of a config: read if it is finished, else trained (on from its checkpoint) and kept.

    Which run it is, the faces decide (see `RunConfig.name`): they are loaded and cut first. Only
    where their files are not there, and for synthface, which its name defines, a finished run is
    looked up by its config.

    Weights go to results/weights/<name>.pt, checkpoints to results/checkpoints/, crop stores to
    results/crops/. `report`, `stop` and `compiled` as in `starlib.training.loop.train`; `anew`:
    train though there is a record, and replace it. A run that another process trains is waited
    for, and read; without `wait`, StoppedError is raised.
    """
    folder = results_folder(results)
    if not anew and not faces_decide(config.dataset, data_root):
        finished = distributed.once(lambda: load_run(config, folder))
        if finished is not None:
            return finished
    check_device(device)
    # Of the code as it is now, not after hours of training.
    provenance = {**provenance_of(device), "compiled": compiled}

    def waiting() -> None:
        if stop():
            raise StoppedError("waited for another process")

    def busy() -> None:
        if not wait:
            raise StoppedError("another process trains it")
        waiting()

    faces = {split: load_dataset(config.dataset, split, data_root) for split in ("train", "test")}
    crops = distributed.first(lambda: _cut(config, faces, folder / "crops", waiting))
    prints = fingerprints(config, faces, crops)
    name = config.name(*prints)
    checkpoint = folder / "checkpoints" / f"{name}.pt"
    with _locked(checkpoint.with_suffix(".lock"), busy):
        if not anew:
            finished = distributed.once(lambda: load_run(config, folder, prints))
            if finished is not None:
                distributed.once(lambda: _clear(folder, name))  # killed before it could
                return finished
        provenance["resumed"] = distributed.once(lambda: bool(checkpoint_files(checkpoint)))
        scheme = faces["train"].scheme
        trained = train(config, crops["train"], scheme, device, checkpoint, report, stop, compiled)
        found = distributed.once(
            lambda: _evaluated(config, trained, faces, crops, provenance, folder)
        )
        distributed.once(lambda: _clear(folder, name))
    return found


def _clear(folder: Path, name: str) -> None:
    """Remove a finished run's checkpoints, and what was being written when it was killed."""
    unfinished = folder.glob(f"*/{PARTIAL}{name}-*")
    for path in [*checkpoint_files(folder / "checkpoints" / f"{name}.pt"), *unfinished]:
        path.unlink()


def faces_decide(dataset: str, root: Path | str | None = None) -> bool:
    """Whether the faces of a data set are there to say which of its runs is meant; those of
    synthface follow from its name."""
    if is_path(dataset):
        return True
    try:
        return dataset not in VARIANTS and data_root(dataset, root).is_dir()
    except DataError:
        return False


def fingerprints(
    config: RunConfig, faces: dict[str, FaceSet], crops: dict[str, CropStore]
) -> Faces:
    """Of training and test faces: that of their crops; for your own data, of scheme and subsets
    too, which the code fixes for the others."""
    if is_path(config.dataset):
        train, test = (_own_fingerprint(faces[s], crops[s]) for s in ("train", "test"))
        return train, test
    return crops["train"].fingerprint, crops["test"].fingerprint


def _own_fingerprint(faces: FaceSet, crops: CropStore) -> str:
    parts = [crops.fingerprint, faces.scheme.to_dict()]
    parts += [(name, mask.tolist()) for name, mask in sorted(faces.subsets.items())]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def _cut(
    config: RunConfig, faces: dict[str, FaceSet], stores: Path, waiting: Callable[[], None]
) -> dict[str, CropStore]:
    """The crops of both splits. Runs that start side by side would all cut the same ones."""
    lock = stores / f"{Path(config.dataset).stem}-{config.image_size}.lock"
    with _lock(lock, waiting):
        return {split: crop_store(faces[split], config.image_size, stores) for split in faces}


@contextlib.contextmanager
def _locked(path: Path, waiting: Callable[[], None]) -> Iterator[None]:
    """As `_lock`; of processes that train together the first holds it for all."""
    with contextlib.ExitStack() as held:
        distributed.once(lambda: held.enter_context(_lock(path, waiting)))
        yield


@contextlib.contextmanager
def _lock(path: Path, waiting: Callable[[], None]) -> Iterator[None]:
    """Hold the lock of that name; wait while another process has it, calling `waiting` meanwhile.
    The lock is the operating system's and ends with its process; its empty file stays."""
    import filelock

    path.parent.mkdir(parents=True, exist_ok=True)
    lock = filelock.FileLock(path)
    while not lock.is_locked:
        try:
            lock.acquire(timeout=PAUSE)
        except filelock.Timeout:
            waiting()
    try:
        yield
    finally:
        lock.release()


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
    metrics = evaluation_metrics(arrays, faces["test"].scheme)
    shapes = crops["train"].landmarks[: config.train_faces]
    metrics |= mean_shape(shapes, arrays, faces["test"].scheme)
    spread = covariances(trained.model, crops["test"].images[:COVARIANCE_FACES], config)
    if spread is not None:
        arrays["covariance"] = spread
    prints, scheme = fingerprints(config, faces, crops), faces["train"].scheme.to_dict()
    provenance = {
        **provenance,
        "finished": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "seconds": round(sum(trained.curves["seconds"]), 1),
        "data": {
            split: _describe(faces[split], config) | {"fingerprint": fingerprint}
            for split, fingerprint in zip(("train", "test"), prints, strict=True)
        },
    }
    if is_path(config.dataset):  # not one that the code knows
        provenance["scheme"] = scheme
    found = Run(
        config=config,
        metrics=metrics,
        curves={name: [round(v, 6) for v in values] for name, values in trained.curves.items()},
        provenance=provenance,
        path=folder / "runs" / f"{config.name(*prints)}.json",
        calibration=calibration(trained.model, crops["train"], config),
    )
    parts: dict[str, Any] = {"config": config.to_dict(), "scheme": scheme}
    parts |= {"weights": trained.model.state_dict(), "calibration": found.calibration}
    atomically(folder / "weights" / f"{found.name}.pt", lambda p: torch.save(parts, p))
    return found.save(arrays)


def check_device(device: str) -> None:
    """ValueError for a device that is not available on this machine."""
    try:
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise ValueError(
            f"device: expected one available on this machine, got {device!r} ({error})"
        ) from error


def _describe(faces: FaceSet, config: RunConfig) -> dict[str, Any]:
    used = len(faces)
    if faces.split == "train":
        used = min(config.train_faces or used, used)
    return {"faces": used, "official": faces.official, "partial": faces.partial}


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
    anew: bool = False,
    wait: bool = True,
    progress: bool = False,
) -> list[Run]:
    """Train what is missing, `workers` runs side by side, and return the runs that are finished.

    Processes share the CPU's cores evenly. With an `executor`, such as Dask's, it decides what
    runs where; its workers must see the folders of results and data. Under
    `starlib.training.distributed.joined` all processes train one run after the other together.

    After `minutes` no run is begun, and those under way stop at the end of their epoch with a
    checkpoint. A run that fails does not stop the others; the first failure is raised at the end.
    `anew` and `wait` as in `run`; `progress`: each run under way prints a line now and then.
    """
    if workers < 1:
        raise ValueError(f"workers: expected an integer >= 1, got {workers!r}")
    if minutes is not None and minutes < 0:
        raise ValueError(f"minutes: expected a number >= 0, got {minutes!r}")
    together = distributed.size() > 1
    if together and (workers > 1 or executor is not None):
        raise ValueError("workers: processes that train one run together train no other beside it")
    if executor is None:
        check_device(device)
    configs = list(dict.fromkeys(configs))
    results = results_folder(results).absolute()
    data_root = Path(data_root).absolute() if data_root else None
    todo = configs
    if not anew:
        done = distributed.once(lambda: _finished(configs, results, data_root))
        todo = [config for config in configs if config not in done]
    until = None if minutes is None else time.time() + 60 * minutes
    one = functools.partial(
        _one,
        device=device,
        results=results,
        data_root=data_root,
        compiled=compiled,
        until=until,
        anew=anew,
        wait=wait,
        progress=progress,
    )
    if together:
        for config in todo:
            ending = one(config)
            if distributed.rank() == 0:
                say(f"{describe(config)}: {ending}")
    elif executor is not None:
        _side_by_side(executor, one, todo, say)
    else:
        with concurrent.futures.ProcessPoolExecutor(
            max_workers=max(1, min(workers, len(todo))),
            mp_context=multiprocessing.get_context("spawn"),
            initializer=_in_worker,
            initargs=(max(1, (os.cpu_count() or 1) // workers),),
        ) as pool:
            _side_by_side(pool, one, todo, say)
    done = distributed.once(lambda: _finished(configs, results, data_root))
    return [done[config] for config in configs if config in done]


def _in_worker(threads: int) -> None:
    torch.set_num_threads(threads)
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C ends it; its checkpoint is whole


def _finished(
    configs: Iterable[RunConfig], results: Path, data_root: Path | None
) -> dict[RunConfig, Run]:
    """The finished runs of configs, on the faces that are there where these decide."""
    finished, known = by_config(load_all(results)), {}
    found = {}
    for config in configs:
        run = finished.get(key_of(config))
        if faces_decide(config.dataset, data_root) and (run or is_path(config.dataset)):
            where = config.dataset, config.image_size
            if where not in known:
                known[where] = _faces_of(config, results, data_root)
            run = load_run(config, results, known[where])
        if run is not None:
            found[config] = run
    return found


def _faces_of(config: RunConfig, results: Path, data_root: Path | None) -> Faces:
    faces = {split: load_dataset(config.dataset, split, data_root) for split in ("train", "test")}
    return fingerprints(config, faces, _cut(config, faces, results / "crops", lambda: None))


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
    anew: bool,
    wait: bool,
    progress: bool,
) -> str:
    def late() -> bool:
        return until is not None and time.time() > until

    if distributed.once(late):
        return "not begun"
    try:
        report = Progress(config) if progress else None
        found = run(config, device, results, data_root, report, late, compiled, anew, wait)
    except StoppedError as stopped:
        return str(stopped)
    subset, values = next(iter(found.metrics.items()))
    seconds = found.provenance["seconds"]
    return f"NME {subset} {100 * values['nme']:.3f} %, {seconds:.0f} s{beside(found.metrics)}"
