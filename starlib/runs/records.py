"""Records of finished runs: results/runs/<name>.json, and the arrays beside it.

The record holds config, metrics per subset, curves, provenance and the hash of its arrays, the
predictions and targets of the test set, so that everything shown recomputes without training.
A run is named by its config and its faces (`RunConfig.name`).
"""

import functools
import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from starlib.data.own.schemes import scheme_of
from starlib.data.synthface import VARIANTS
from starlib.files import write_text
from starlib.runs import predictions
from starlib.runs.evaluation import MEAN_SHAPE, evaluation_metrics
from starlib.schemes import Scheme
from starlib.training.config import RunConfig

Faces = tuple[str, str]  # fingerprints of training and test faces
FIRST_RENDERER = 1  # version of synthface in records that do not name it


@dataclass(frozen=True)
class Run:
    """A finished run: its record (see `run`), and where it lies."""

    config: RunConfig
    metrics: dict[str, dict[str, float]]
    curves: dict[str, list[float]]
    provenance: dict[str, Any]
    path: Path
    calibration: dict[str, float] = field(default_factory=dict)
    arrays: str = ""  # hash of the `.npz` (`starlib.runs.predictions.digest`)

    @property
    def name(self) -> str:
        """Twelve hexadecimal digits, as in the names of its files."""
        return self.path.stem

    @property
    def faces(self) -> Faces:
        """Fingerprints of its training and test faces."""
        data = self.provenance["data"]
        return data["train"]["fingerprint"], data["test"]["fingerprint"]

    @property
    def comparable(self) -> str:
        """Equal for runs on the same faces: their fingerprints; for rendered faces the version of
        the renderer, since processors round a few pixels in a million to the neighbouring value."""
        if self.config.dataset not in VARIANTS:
            return f"the fingerprints {self.faces}"
        version = self.provenance["data"]["test"].get("renderer", FIRST_RENDERER)
        return f"version {version} of the renderer"

    @property
    def scheme(self) -> Scheme:
        """The scheme of its landmarks."""
        own = self.provenance.get("scheme")  # of your own data
        return Scheme.from_dict(own) if own else scheme_of(self.config.dataset)

    @property
    def commit(self) -> str:
        """The first digits of the commit that it ran from, with "(changed)" if it was changed."""
        where = self.provenance
        return (where["commit"] or "none")[:8] + (" (changed)" if where["dirty"] else "")

    def save(self, evaluated: dict[str, NDArray]) -> "Run":
        """Write the `evaluation_arrays`, then the record: where it is, both are. Returns the run
        as it will be read."""
        values = predictions.stored(evaluated)
        predictions.write(self.path.with_suffix(".npz"), values)
        parts: dict[str, Any] = {"config": self.config.to_dict()}
        names = ("metrics", "curves", "provenance", "calibration")
        parts |= {name: getattr(self, name) for name in names}
        parts["arrays"] = predictions.digest(values)
        text = json.dumps(parts, indent=1, allow_nan=False) + "\n"
        write_text(self.path, text)
        return read_record(self.path)

    def landmarks(self) -> dict[str, NDArray]:
        """Test landmarks [F, N, 2] in the crops' [-1, 1]: "predicted", "target", and "clean" where
        it is known; the masks [F] of the subsets as "subset_<name>"; and "covariance" [f, N, 2, 2]
        of all faces, where the network has one; protocol 1 kept the first 128 or none.

        ValueError names a file that is not the one of the record."""
        path = self.path.with_suffix(".npz")
        values = predictions.read(path)
        if predictions.digest(values) != self.arrays:
            raise ValueError(f"{path}: expected the arrays whose hash is in {self.path.name}")
        return predictions.restored(values)


def read_record(path: Path) -> Run:
    """The run of a record's file. ValueError names a damaged one: a file that is no record or
    another run's, and arrays that are missing or not those of the record."""
    path = path.absolute()
    return _read(path, *_stamp(path), *_stamp(path.with_suffix(".npz")))


def _stamp(path: Path) -> tuple[int, int, int]:
    """Inode, time and size of a file, which change when it does."""
    try:
        status = path.stat()
    except OSError as error:
        raise ValueError(f"{path}: expected a file of a run's record ({error.strerror})") from error
    return status.st_ino, status.st_mtime_ns, status.st_size


@functools.lru_cache(maxsize=4096)
def _read(path: Path, *stamps: int) -> Run:
    """`read_record`, once for as long as both files stay the same."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        config = RunConfig.from_dict(record.pop("config"))
        run = Run(config=config, path=path, **record)
        _check_parts(run)
        name = config.name(*run.faces)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"{path}: expected the record of a run ({error})") from error
    if name != path.stem:
        raise ValueError(f"{path}: expected the record of a run (its config is that of run {name})")
    run.landmarks()  # checks them
    return run


def _check_parts(run: Run) -> None:
    """An error for a part of a record that has another form than `Run` says."""
    values = [v for part in (*run.metrics.values(), run.calibration) for v in part.values()]
    values += [v for curve in run.curves.values() for v in curve]
    numbers = all(type(value) in (int, float) for value in values)
    numbers &= all(isinstance(curve, list) for curve in run.curves.values())
    if not (numbers and run.metrics and "loss" in run.curves and isinstance(run.arrays, str)):
        raise ValueError("expected numbers in metrics, curves and calibration, and arrays' hash")
    run.provenance.keys()


def verify(run: Run) -> None:
    """Recompute a record's metrics from its arrays; ValueError names what does not follow. The mean
    shape's errors are left: they come from the training faces."""
    expected = evaluation_metrics(run.landmarks(), run.scheme)
    wrong = list(expected.keys() ^ (run.metrics.keys() - {MEAN_SHAPE}))
    for subset in expected.keys() & run.metrics.keys():
        values, recorded = expected[subset], run.metrics[subset]
        wrong += [
            f"{subset} {name}"
            for name in values.keys() | recorded.keys()
            if not math.isclose(
                values.get(name, math.nan), recorded.get(name, math.nan), rel_tol=1e-6, abs_tol=1e-9
            )
        ]
    if len(run.curves["loss"]) != run.config.epochs:
        wrong.append("curves")
    if wrong:
        raise ValueError(
            f"{run.path}: expected numbers that follow from its arrays, not so: "
            f"{', '.join(sorted(wrong))}"
        )
