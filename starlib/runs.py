"""Runs: a config is trained once, and its record is kept in results/runs/<hash>.json and .npz.

The record holds config, metrics per subset, curves and provenance; the `.npz` beside it the
predictions and targets of the test set, so that everything shown recomputes without training.
"""

import concurrent.futures
import json
import multiprocessing
import os
import platform
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

import starlib
from starlib import metrics
from starlib.config import RunConfig
from starlib.data import CropStore, FaceSet, crop_store, load_dataset
from starlib.train import StoppedError, predict, train

ROOT = Path(__file__).resolve().parent.parent
# Landmarks are stored as int16 in this unit of the crop's [-1, 1]: 0.004 pixels of 120.
UNIT = 2.0**-14
FAILURE_THRESHOLD = 0.10


def results_folder(folder: Path | str | None = None) -> Path:
    """Where results go: `folder` (relative to the repository), $STARLIB_RESULTS, or results/."""
    base = ROOT if (ROOT / "pyproject.toml").is_file() else Path.cwd()
    return base / (folder or os.environ.get("STARLIB_RESULTS") or "results")


@dataclass(frozen=True)
class Run:
    """A finished run: its record (see `run`), and where it lies."""

    config: RunConfig
    metrics: dict[str, dict[str, float]]
    curves: dict[str, list[float]]
    provenance: dict[str, Any]
    path: Path

    def to_json(self) -> str:
        """The record as it is kept: one indented object."""
        parts = {n: getattr(self, n) for n in ("metrics", "curves", "provenance")}
        return json.dumps({"config": self.config.to_dict(), **parts}, indent=1) + "\n"

    def landmarks(self) -> dict[str, NDArray]:
        """Test landmarks [F, N, 2] in the crops' [-1, 1]: "predicted", "target", and "clean" where
        it is known; and the masks [F] of the subsets as "subset_<name>"."""
        with np.load(self.path.with_suffix(".npz")) as arrays:
            return {
                name: values if values.dtype == bool else values.astype(np.float32) * UNIT
                for name, values in arrays.items()
            }


def read_record(path: Path) -> Run:
    """The run of a record's file. ValueError names a file that is no record, or another run's."""
    try:
        record = json.loads(path.read_text())
        config = RunConfig.from_dict(record.pop("config"))
        if config.hash != path.stem:
            raise ValueError(f"its config is that of run {config.hash}")
        return Run(config=config, path=path, **record)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path}: expected the record of a run ({error})") from error


def load_run(config: RunConfig, results: Path | str | None = None) -> Run | None:
    """The finished run of a config, or None; errors as `read_record`."""
    path = results_folder(results) / "runs" / f"{config.hash}.json"
    return read_record(path) if path.exists() else None


def load_all(results: Path | str | None = None) -> list[Run]:
    """Every finished run, in the order of their names; errors as `read_record`."""
    folder = results_folder(results) / "runs"
    return [read_record(path) for path in sorted(folder.glob("*.json"))]


def run(
    config: RunConfig,
    device: str = "cpu",
    results: Path | str | None = None,
    data_root: Path | str | None = None,
    report: Callable[[int, dict[str, list[float]]], None] | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> Run:
    """The run of a config: read if it is finished, else trained (on from its checkpoint) and kept.

    Weights go to results/weights/<hash>.pt, checkpoints to results/checkpoints/, crop stores to
    results/crops/. `report` and `stop` as in `starlib.train.train`.
    """
    finished = load_run(config, results)
    if finished is not None:
        return finished
    folder = results_folder(results)
    checkpoint = folder / "checkpoints" / f"{config.hash}.pt"
    faces = {split: load_dataset(config.dataset, split, data_root) for split in ("train", "test")}
    crops = {
        split: crop_store(faces[split], config.image_size, folder / "crops") for split in faces
    }
    resumed = checkpoint.exists()
    scheme = faces["train"].scheme
    trained = train(config, crops["train"], scheme, device, checkpoint, report, stop)
    predicted = predict(trained.model, crops["test"].images, config)
    provenance = {
        **_provenance(device),
        "seconds": round(sum(trained.curves["seconds"]), 1),
        "resumed": resumed,
        "data": {split: _describe(faces[split], crops[split], config) for split in faces},
    }
    arrays = _arrays(predicted, crops["test"], faces["test"])
    path = folder / "runs" / f"{config.hash}.json"
    found = Run(
        config=config,
        metrics=_metrics(arrays, faces["test"]),
        curves={name: [round(v, 6) for v in values] for name, values in trained.curves.items()},
        provenance=provenance,
        path=path,
    )
    weights = folder / "weights" / f"{config.hash}.pt"
    weights.parent.mkdir(parents=True, exist_ok=True)
    _atomically(weights, lambda p: torch.save(trained.model.state_dict(), p))
    path.parent.mkdir(parents=True, exist_ok=True)
    # The record last: where it is, everything is.
    _atomically(path.with_suffix(".npz"), lambda p: _save_arrays(p, arrays))
    _atomically(path, lambda p: p.write_text(found.to_json()))
    checkpoint.unlink(missing_ok=True)
    return found


def _atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` fill a temporary file that then takes the name `path`."""
    # torch.save takes no name that begins with a dot.
    handle, name = tempfile.mkstemp(prefix="partial-", suffix=path.suffix, dir=path.parent)
    os.close(handle)
    try:
        write(Path(name))
        os.chmod(name, 0o644)
        os.replace(name, path)
    finally:
        Path(name).unlink(missing_ok=True)


def _save_arrays(path: Path, arrays: dict[str, NDArray]) -> None:
    with path.open("wb") as file:
        stored = {n: a if a.dtype == bool else _fixed_point(a) for n, a in arrays.items()}
        np.savez_compressed(file, **stored)  # type: ignore[arg-type]


def _fixed_point(values: NDArray) -> NDArray[np.int16]:
    return np.clip(np.rint(values / UNIT), -32768, 32767).astype(np.int16)


def _arrays(predicted: NDArray, crops: CropStore, faces: FaceSet) -> dict[str, NDArray]:
    arrays = {"predicted": predicted, "target": crops.landmarks}
    if crops.clean is not None:
        arrays["clean"] = crops.clean
    # As they will be read back, so that metrics recompute exactly.
    arrays = {n: _fixed_point(a).astype(np.float32) * UNIT for n, a in arrays.items()}
    return arrays | {f"subset_{name}": mask for name, mask in faces.subsets.items()}


def summary(nmes: NDArray) -> dict[str, float]:
    """Faces, NME, FR and AUC at 10 % of per-face NMEs [F], as fractions."""
    return {
        "faces": len(nmes),
        "nme": float(nmes.mean()),
        "failure_rate_10": metrics.failure_rate(nmes, FAILURE_THRESHOLD),
        "auc_10": metrics.auc(nmes, FAILURE_THRESHOLD),
    }


def _metrics(arrays: dict[str, NDArray], faces: FaceSet) -> dict[str, dict[str, float]]:
    """Summaries per subset; with clean landmarks, those of faces and labels against them too."""
    predicted, target = arrays["predicted"], arrays["target"]
    nmes = metrics.nme(predicted, target, faces.scheme)
    found = {name: summary(nmes[mask]) for name, mask in faces.subsets.items()}
    if not found:
        found["test"] = summary(nmes)
    if "clean" in arrays:
        found["clean"] = summary(metrics.nme(predicted, arrays["clean"], faces.scheme))
        found["annotation_noise"] = summary(metrics.nme(target, arrays["clean"], faces.scheme))
    return found


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


def _provenance(device: str) -> dict[str, Any]:
    git = ["git", "-C", str(ROOT)]
    commit, dirty = None, None
    try:
        ask = {"capture_output": True, "text": True, "check": True}
        commit = subprocess.run([*git, "rev-parse", "HEAD"], **ask).stdout.strip()  # type: ignore
        # Changed files of the repository, and new ones that Python could import.
        changed = [*git, "status", "--porcelain", "--untracked-files=no", "--", ".", ":!results"]
        new = [*git, "ls-files", "--others", "--exclude-standard", "--", "*.py"]
        dirty = any(subprocess.run(c, **ask).stdout.strip() for c in (changed, new))  # type: ignore
    except (OSError, subprocess.CalledProcessError):
        pass  # not a checkout
    if torch.device(device).type == "cuda":
        name = torch.cuda.get_device_name(device)
    else:
        name = f"{platform.machine()} {torch.backends.cpu.get_cpu_capability()}"
    return {
        "commit": commit,
        "dirty": dirty,
        "starlib": starlib.__version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "device": device,
        "device_name": name,
        "threads": torch.get_num_threads(),
        "finished": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def missing(configs: Iterable[RunConfig], results: Path | str | None = None) -> list[RunConfig]:
    """The configs without a finished run."""
    return [config for config in configs if load_run(config, results) is None]


def run_all(
    configs: Iterable[RunConfig],
    device: str = "cpu",
    workers: int = 1,
    results: Path | str | None = None,
    data_root: Path | str | None = None,
    minutes: float | None = None,
    say: Callable[[str], None] = print,
) -> list[Run]:
    """Train what is missing, `workers` runs side by side, and return the runs that are finished.

    Processes share the CPU's cores evenly. After `minutes` no run is begun, and those under way
    stop at the end of their epoch with a checkpoint. A run that fails does not stop the others;
    the first failure is raised at the end.
    """
    configs = list(configs)
    todo = missing(configs, results)
    until = None if minutes is None else time.time() + 60 * minutes
    threads = max(1, (os.cpu_count() or 1) // workers)
    failure: BaseException | None = None
    with concurrent.futures.ProcessPoolExecutor(
        max_workers=max(1, min(workers, len(todo))),
        mp_context=multiprocessing.get_context("spawn"),
        initializer=torch.set_num_threads,
        initargs=(threads,),
    ) as pool:
        futures = {pool.submit(_one, c, device, results, data_root, until): c for c in todo}
        for count, future in enumerate(concurrent.futures.as_completed(futures), 1):
            config = futures[future]
            try:
                say(f"{count}/{len(todo)} {describe(config)}: {future.result()}")
            except BaseException as error:
                say(f"{count}/{len(todo)} {describe(config)}: failed: {error}")
                failure = failure or error
    if failure is not None:
        raise failure
    return read_or_train(configs, results=results)


def read_or_train(
    configs: Iterable[RunConfig],
    train_missing: bool = False,
    device: str = "cpu",
    workers: int = 1,
    results: Path | str | None = None,
    data_root: Path | str | None = None,
) -> list[Run]:
    """The finished runs of the configs; what is missing is trained only when asked to."""
    configs = list(configs)
    if train_missing:
        return run_all(configs, device, workers, results, data_root or None, say=_silent)
    return [found for config in configs if (found := load_run(config, results)) is not None]


def _silent(_: str) -> None:
    """Notebooks keep their output the same from run to run."""


def _one(
    config: RunConfig,
    device: str,
    results: Path | str | None,
    data_root: Path | str | None,
    until: float | None,
) -> str:
    def late() -> bool:
        return until is not None and time.time() > until

    if late():
        return "not begun"
    try:
        found = run(config, device, results, data_root, stop=late)
    except StoppedError as stopped:
        return str(stopped)
    subset, values = next(iter(found.metrics.items()))
    return f"NME {subset} {100 * values['nme']:.3f} %, {found.provenance['seconds']:.0f} s"


def describe(config: RunConfig) -> str:
    """A config in a few words, for logs."""
    loss = config.loss if config.loss == "regression" else f"star-{config.restriction}"
    words = (config.hash, config.dataset, config.scale, loss, config.distance)
    return f"{' '.join(words)} seed {config.seed}"
