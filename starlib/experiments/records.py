"""Records of finished runs: results/runs/<hash>.json, and the `.npz` beside it.

The record holds config, metrics per subset, curves and provenance; the `.npz` the predictions and
targets of the test set, so that everything shown recomputes without training.
"""

import json
import os
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from starlib import metrics
from starlib.data import CropStore, FaceSet
from starlib.schemes import ALSO_BY, SCHEMES
from starlib.training.config import STAR_LOSSES, RunConfig

ROOT = Path(__file__).resolve().parents[2]
# Landmarks are stored as int16 in this unit of the crop's [-1, 1]: 0.004 pixels of 120.
UNIT = 2.0**-14
# Covariances are stored as float16 in this unit of the square of [-1, 1], of the first faces alone.
COVARIANCE_UNIT = 2.0**-10
COVARIANCE_FACES = 128
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
    calibration: dict[str, float] = field(default_factory=dict)

    @property
    def commit(self) -> str:
        """The first digits of the commit that it ran from, with "(changed)" if it was changed."""
        where = self.provenance
        return (where["commit"] or "none")[:8] + (" (changed)" if where["dirty"] else "")

    def save(self, arrays: dict[str, NDArray]) -> None:
        """Write the `evaluation_arrays`, then the record: where it is, both are."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        atomically(self.path.with_suffix(".npz"), lambda p: _save_arrays(p, arrays))
        parts = {n: getattr(self, n) for n in ("metrics", "curves", "provenance", "calibration")}
        record = {"config": self.config.to_dict(), **parts}
        text = json.dumps(record, indent=1, allow_nan=False) + "\n"
        atomically(self.path, lambda p: p.write_text(text, encoding="utf-8"))

    def landmarks(self) -> dict[str, NDArray]:
        """Test landmarks [F, N, 2] in the crops' [-1, 1]: "predicted", "target", and "clean" where
        it is known; the masks [F] of the subsets as "subset_<name>"; and "covariance" [f, N, 2, 2]
        of the first COVARIANCE_FACES, where the network has one (older records lack it)."""
        with np.load(self.path.with_suffix(".npz")) as arrays:
            return {name: _restored(values) for name, values in arrays.items()}


def read_record(path: Path) -> Run:
    """The run of a record's file. ValueError names a file that is no record, or another run's."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
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


def read(configs: Iterable[RunConfig], results: Path | str | None = None) -> list[Run]:
    """The finished runs of the configs."""
    return [found for config in configs if (found := load_run(config, results)) is not None]


def missing(configs: Iterable[RunConfig], results: Path | str | None = None) -> list[RunConfig]:
    """The configs without a finished run."""
    return [config for config in configs if load_run(config, results) is None]


def describe(config: RunConfig) -> str:
    """A config in a few words, for logs."""
    words = (config.hash, config.dataset, config.scale, arm(config))
    return f"{' '.join(words)} seed {config.seed}"


def arm(config: RunConfig) -> str:
    """What a config compares with others: loss, distance and additions, in a few words."""
    words = [config.loss]
    if config.loss in (*STAR_LOSSES, "mahalanobis"):
        words[0] += f"-{config.restriction}"
        if config.weight != 1:
            words.append(f"w {config.weight:g}")
    if config.loss in (*STAR_LOSSES, "regression", "adl"):
        words.append(config.distance)
    if config.adl_ratio is not None:
        words.append(f"λ {config.adl_ratio:g}")
    words += [name for name in ("dr", "aam") if getattr(config, name)]
    for name in ("covariance", "backbone", "output"):
        default = RunConfig.__dataclass_fields__[name].default
        words += [getattr(config, name)] * (getattr(config, name) != default)
    return " ".join(words)


def atomically(path: Path, write: Callable[[Path], object]) -> None:
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


def _restored(values: NDArray) -> NDArray:
    if values.dtype == bool:
        return values
    return values.astype(np.float32) * (UNIT if values.dtype == np.int16 else COVARIANCE_UNIT)


def _stored(values: NDArray) -> NDArray:
    if values.dtype == bool:
        return values
    if values.ndim == 4:  # covariances
        return (values / COVARIANCE_UNIT).astype(np.float16)
    return _fixed_point(values)


def _save_arrays(path: Path, arrays: dict[str, NDArray]) -> None:
    with path.open("wb") as file:
        stored = {name: _stored(values) for name, values in arrays.items()}
        np.savez_compressed(file, **stored)  # type: ignore[arg-type]


def _fixed_point(values: NDArray) -> NDArray[np.int16]:
    return np.clip(np.rint(values / UNIT), -32768, 32767).astype(np.int16)


def evaluation_arrays(predicted: NDArray, crops: CropStore, faces: FaceSet) -> dict[str, NDArray]:
    """What a run's `.npz` holds: "predicted", "target" and, where known, "clean" landmarks
    [F, N, 2] float32 in the crops' [-1, 1], and masks [F] "subset_<name>"."""
    if not np.isfinite(predicted).all():
        raise ValueError(
            "predicted: expected finite landmarks, the network returned NaN or infinity"
        )
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


def evaluation_metrics(arrays: dict[str, NDArray], faces: FaceSet) -> dict[str, dict[str, float]]:
    """Summaries per subset, and again by the scheme's other normalisations ("test, inter-ocular");
    with clean landmarks, those of faces and labels against them too."""
    predicted, target = arrays["predicted"], arrays["target"]
    subsets = faces.subsets or {"test": np.ones(len(faces), bool)}
    schemes = {"": faces.scheme}
    if faces.scheme == SCHEMES.get(faces.scheme.name):  # not your own one of the same name
        also = ALSO_BY.get(faces.scheme.name, {})
        schemes |= {f", {kind}": SCHEMES[name] for kind, name in also.items()}
    found: dict[str, dict[str, float]] = {}
    for suffix, scheme in schemes.items():
        nmes = metrics.nme(predicted, target, scheme)
        found |= {name + suffix: summary(nmes[mask]) for name, mask in subsets.items()}
    if "clean" in arrays:
        found["clean"] = summary(metrics.nme(predicted, arrays["clean"], faces.scheme))
        found["annotation_noise"] = summary(metrics.nme(target, arrays["clean"], faces.scheme))
    return found
