"""How a network comes with the project: a run's weights, its covariances calibrated on faces that
the training has not seen, and its record.

    from companion.bench import shipping
    shipping.ship("300w", "results/weights/e18a5c607055.pt", "results/runs/e18a5c607055.json")
    shipping.ship_rendered("synthface")
"""

import hashlib
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from starlib.data import crop_store
from starlib.data.synthface import album
from starlib.files import write_text
from starlib.inference.shipped import FOLDER
from starlib.metrics import squared_mahalanobis
from starlib.models.weights import read_tensors, save_tensors
from starlib.runs.evaluation import calibration_factor
from starlib.runs.records import read_record
from starlib.schemes import Scheme
from starlib.training.config import RunConfig
from starlib.training.loop import predict
from starlib.training.state import build_model

SEED, FACES = 2, 240  # of rendered faces that are neither synthface's training nor its test faces


def calibration_check(
    error: NDArray, spread: NDArray, config: RunConfig, before: float
) -> tuple[dict[str, float], dict[str, dict[str, float]]]:
    """A calibration fitted on every second face, and what the factor "before" it and the one
    "after" give on the other faces: shares of the labels "within" 1, 2 and 3 standard deviations
    (of a Gaussian's points 39.3, 86.5 and 98.9 %), and the mean squared "mahalanobis" distance (2).

    error: labels minus predictions [F, N, 2], spread: covariances [F, N, 2, 2], both in the stored
    crops' [-1, 1], of faces that the training has not seen.
    """
    fit, rest = slice(0, None, 2), slice(1, None, 2)
    factor = calibration_factor(error[fit], spread[fit], config)
    count = len(error[fit])
    fitted: dict[str, float] = {"factor": factor, "faces": count, "held_out": count}
    squared = squared_mahalanobis(error[rest], spread[rest])
    squared = squared[~np.isnan(squared)]
    check = {}
    for when, by in {"before": before, "after": factor}.items():
        check[when] = {f"within {s}": float((squared / by < s * s).mean()) for s in (1, 2, 3)}
        check[when] |= {"mahalanobis": float(squared.mean() / by), "faces": len(error[rest])}
    return fitted, check


def ship(name: str, weights: Path | str, record: Path | str) -> None:
    """Make the network `name` of starlib/weights from a run, calibrated on half of its test faces,
    whose predictions its record holds."""
    run = read_record(Path(record))
    arrays = run.landmarks()
    error = arrays["target"] - arrays["predicted"]
    before = run.calibration["factor"]
    fitted, check = calibration_check(error, arrays["covariance"], run.config, before)
    _write(name, read_tensors(weights), json.loads(run.path.read_text("utf-8")), fitted, check)


def ship_rendered(name: str) -> None:
    """Calibrate the network `name`, which is trained on rendered faces, on others of another seed;
    their labels have the annotation noise."""
    parts = read_tensors(FOLDER / f"{name}.pt")
    config = RunConfig.from_dict(parts["config"])
    model = build_model(config, Scheme.from_dict(parts["scheme"])).eval()
    model.load_state_dict(parts["weights"])
    with tempfile.TemporaryDirectory() as folder:
        faces = album("held-out", SEED, FACES, config.dataset)
        crops = crop_store(faces, config.image_size, Path(folder), config.crop)
        predicted, spread = predict(model, crops.images, config)
        assert spread is not None
        error = crops.landmarks - predicted
    record = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    trained = record.get("calibration_of_run", record["calibration"])["factor"]
    _write(name, parts, record, *calibration_check(error, spread, config, trained))


def _write(
    name: str, parts: dict[str, Any], record: dict[str, Any], fitted: dict, check: dict
) -> None:
    record.setdefault("calibration_of_run", record["calibration"])
    record |= {"calibration": fitted, "calibration_check": check}
    weights = FOLDER / f"{name}.pt"
    save_tensors(weights, parts | {"calibration": fitted})
    write_text(FOLDER / f"{name}.json", json.dumps(record, indent=1, allow_nan=False) + "\n")
    about = json.loads((FOLDER / "about.json").read_text(encoding="utf-8"))
    about[name]["sha256"] = hashlib.sha256(weights.read_bytes()).hexdigest()
    write_text(FOLDER / "about.json", json.dumps(about, indent=1) + "\n")
