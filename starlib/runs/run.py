"""One run: a config is trained on its faces, evaluated, and its record is kept."""

import contextlib
import hashlib
import json
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from starlib.data import CropStore, DataError, FaceSet, crop_store, data_root, load_dataset
from starlib.data.face_boxes import measured_reach
from starlib.data.held_out import hold_out
from starlib.data.synthface import VARIANTS, VERSION
from starlib.devices import AUTO, available_device, set_backends
from starlib.files import PARTIAL, results_folder, write_text
from starlib.models.weights import save_tensors
from starlib.runs.evaluation import calibration, evaluation_metrics, mean_shape
from starlib.runs.finished import load_run
from starlib.runs.model_card import model_card
from starlib.runs.predictions import evaluation_arrays
from starlib.runs.progress import expected_seconds
from starlib.runs.provenance import provenance_of
from starlib.runs.records import Faces, Run
from starlib.schemes import is_path
from starlib.training import distributed
from starlib.training.checkpoints import checkpoint_files
from starlib.training.config import RunConfig
from starlib.training.loop import StoppedError, Trained, predict, train
from starlib.training.start import Start
from starlib.training.state import State

PAUSE = 0.5  # seconds between looks at a lock that is taken


def run(
    config: RunConfig,
    device: str = AUTO,
    results: Path | str | None = None,
    data_root: Path | str | None = None,
    report: Callable[[int, dict[str, list[float]]], None] | None = None,
    stop: Callable[[], bool] = lambda: False,
    compiled: bool = False,
    anew: bool = False,
    wait: bool = True,
    start: Start | None = None,
    test_curve: bool = False,
    announce: Callable[[int, float], None] | None = None,
) -> Run:
    """The run of a config: read if it is finished, else trained (on from its checkpoint) and kept.

    Which run it is, the faces decide (see `RunConfig.name`): they are loaded and cut first. Only
    where their files are not there, and for synthface, which its name defines, a finished run is
    looked up by its config.

    device: "cpu", "cuda", …; "auto" is a GPU where there is one, else the CPU.

    Weights go to results/weights/<name>.pt, checkpoints to results/checkpoints/, crop stores to
    results/crops/. `report`, `stop`, `compiled` and `start` as in `starlib.training.loop.train`;
    `anew`: train though there is a record, and replace it. `test_curve`: test after every epoch
    too, for curves "test_nme" of the averaged and "test_nme_raw" of the raw weights, on the first
    subset; a finished run without them is read, with a warning. `announce` is called before a
    training begins, with its number of faces and the seconds that it is expected to take. A run
    that another process trains is waited for, and read; without `wait`, StoppedError is raised.
    """

    def read(finished: Run) -> Run:
        if test_curve and len(finished.curves.get("test_nme", ())) < config.epochs:
            warnings.warn(f"{finished.path}: has no test curve; train it anew", stacklevel=3)
        return finished

    folder = results_folder(results)
    if not anew and not faces_decide(config.dataset, data_root):
        finished = distributed.once(lambda: load_run(config, folder))
        if finished is not None:
            return read(finished)
    device = available_device(device)
    set_backends(device)
    # Of the code as it is now, not after hours of training.
    provenance = {**provenance_of(device), "compiled": compiled}

    def waiting() -> None:
        if stop():
            raise StoppedError("waited for another process")

    def busy() -> None:
        if not wait:
            raise StoppedError("another process trains it")
        waiting()

    faces = _faces(config, data_root)
    patient = waiting if distributed.rank() == 0 else lambda: None  # no process stops alone
    crops = distributed.first(lambda: _cut(config, faces, folder / "crops", patient))
    prints = fingerprints(config, faces, crops)
    name = config.name(*prints)
    checkpoint = folder / "checkpoints" / f"{name}.pt"
    with contextlib.ExitStack() as held:  # by the first process for all that train together
        lock = checkpoint.with_suffix(".lock")
        distributed.once(lambda: held.enter_context(_lock(lock, busy)))
        if not anew:
            finished = distributed.once(lambda: load_run(config, folder, prints))
            if finished is not None:
                distributed.once(lambda: _clear(folder, name))  # killed before it could
                return read(finished)
        provenance["resumed"] = distributed.once(lambda: bool(checkpoint_files(checkpoint)))
        scheme = faces["train"].scheme
        observe = _test_curve(config, crops["test"], faces["test"]) if test_curve else None
        how = (report, stop, compiled, start, observe)
        if announce is not None and not (provenance["resumed"] or compiled):
            count = min(config.train_faces or len(faces["train"]), len(faces["train"]))
            announce(count, expected_seconds(config, scheme, count, device))
        trained = train(config, crops["train"], scheme, device, checkpoint, *how)
        evaluated = distributed.once(
            lambda: _evaluated(config, trained, faces, crops, prints, provenance, folder)
        )
        distributed.once(lambda: _clear(folder, name))
    return evaluated


def _faces(config: RunConfig, root: Path | str | None) -> dict[str, FaceSet]:
    """The faces to train and test on; of your own data also those "held-out" for calibration, where
    it has enough."""
    faces = {split: load_dataset(config.dataset, split, root) for split in ("train", "test")}
    if is_path(config.dataset):
        faces["train"], held = hold_out(faces["train"])
        faces |= {} if held is None else {"held-out": held}
    return faces


def _clear(folder: Path, name: str) -> None:
    """Remove a finished run's checkpoints, and what was being written when it was killed."""
    unfinished = folder.glob(f"*/{PARTIAL}{name}-*")
    for path in [*checkpoint_files(folder / "checkpoints" / f"{name}.pt"), *unfinished]:
        path.unlink()


def faces_decide(dataset: str, root: Path | str | None = None) -> bool:
    """Whether faces that are there name the run: not for synthface, which its name defines, nor for
    a data set without files, whose runs are looked up by their config."""
    if is_path(dataset):
        return True
    try:
        return dataset not in VARIANTS and data_root(dataset, root).is_dir()
    except DataError:
        return False


def fingerprints(
    config: RunConfig, faces: dict[str, FaceSet], crops: dict[str, CropStore]
) -> Faces:
    """Fingerprints of training and test faces: those of their crops; for your own data, of scheme
    and subsets too, which the code fixes for the others."""

    def fingerprint(split: str) -> str:
        known = crops[split].fingerprint
        if not is_path(config.dataset):
            return known
        subsets = [(name, mask.tolist()) for name, mask in sorted(faces[split].subsets.items())]
        parts = [known, faces[split].scheme.to_dict(), *subsets]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]

    return fingerprint("train"), fingerprint("test")


def known_fingerprints(config: RunConfig, results: Path, data_root: Path | None) -> Faces:
    """The `fingerprints` of the faces that are there, cut where they are not yet."""
    faces = _faces(config, data_root)
    return fingerprints(config, faces, _cut(config, faces, results / "crops", lambda: None))


def _cut(
    config: RunConfig, faces: dict[str, FaceSet], stores: Path, waiting: Callable[[], None]
) -> dict[str, CropStore]:
    """The crops of both splits. Runs that start side by side would all cut the same ones."""
    lock = stores / f"{Path(config.dataset).stem}-{config.image_size}.lock"
    with _lock(lock, waiting):
        return {s: crop_store(faces[s], config.image_size, stores, config.crop) for s in faces}


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


def _test_curve(
    config: RunConfig, crops: CropStore, faces: FaceSet
) -> Callable[[State], dict[str, float]]:
    """The test NME of a training's averaged and raw weights: a choice of the epoch on the test
    faces, which a run does not make, would choose from these."""

    def observe(state: State) -> dict[str, float]:
        models = {"test_nme": state.average.module, "test_nme_raw": state.model}
        values = {}
        for name, model in models.items():
            arrays = evaluation_arrays(predict(model, crops.images, config)[0], crops, faces)
            values[name] = next(iter(evaluation_metrics(arrays, faces.scheme).values()))["nme"]
        return values

    return observe


def _evaluated(
    config: RunConfig,
    trained: Trained,
    faces: dict[str, FaceSet],
    crops: dict[str, CropStore],
    prints: Faces,
    provenance: dict[str, Any],
    folder: Path,
) -> Run:
    """The run of a trained network, its weights and record written."""
    predicted, spread = predict(trained.model, crops["test"].images, config)
    arrays = evaluation_arrays(predicted, crops["test"], faces["test"])
    metrics = evaluation_metrics(arrays, faces["test"].scheme)
    shapes = crops["train"].landmarks[: config.train_faces]
    metrics |= mean_shape(shapes, arrays, faces["test"].scheme)
    if spread is not None:
        arrays["covariance"] = spread
    scheme = faces["train"].scheme.to_dict()
    provenance = {
        **provenance,
        "finished": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "seconds": round(sum(trained.curves["seconds"]), 1),
        "data": {
            split: _describe(faces[split], config) | {"fingerprint": fingerprint}
            for split, fingerprint in zip(("train", "test"), prints, strict=True)
        },
    }
    held, own = crops.get("held-out"), dict[str, Any]()
    calibrated = calibration(trained.model, held or crops["train"], config)
    if is_path(config.dataset):  # of your own data, which the code does not know
        own = {"scheme": scheme, "detector": measured_reach(faces["train"])}
    if held is not None and calibrated:
        calibrated["held_out"] = calibrated["faces"]
    evaluated = Run(
        config=config,
        metrics=metrics,
        curves={n: [float(f"{v:.6g}") for v in values] for n, values in trained.curves.items()},
        provenance=provenance | own,
        path=folder / "runs" / f"{config.name(*prints)}.json",
        calibration=calibrated,
    )
    parts: dict[str, Any] = {"config": config.to_dict(), "scheme": scheme}
    parts |= {"weights": trained.model.state_dict(), "calibration": calibrated} | own
    weights = folder / "weights" / f"{evaluated.name}.pt"
    save_tensors(weights, parts)
    write_text(weights.with_suffix(".md"), model_card(evaluated, weights))
    return evaluated.save(arrays)


def _describe(faces: FaceSet, config: RunConfig) -> dict[str, Any]:
    used = len(faces)
    if faces.split == "train":
        used = min(config.train_faces or used, used)
    described = {"faces": used, "official": faces.official, "partial": faces.partial}
    return described | ({"renderer": VERSION} if config.dataset in VARIANTS else {})
