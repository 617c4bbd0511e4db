"""The numbers of a record: errors per subset, the mean shape's beside them, and the calibration of
covariances."""

import numpy as np
from numpy.typing import NDArray
from torch import nn

from starlib import metrics
from starlib.data import CropStore
from starlib.data.augment import VIEW_OF_STORE
from starlib.schemes import Scheme, normalisations
from starlib.training.config import RunConfig
from starlib.training.loop import predict

FAILURE_THRESHOLD = 0.10
CALIBRATION_FACES = 256
MEAN_SHAPE = "mean_shape"  # the mean-shape baseline's name in a run's metrics


def summary(nmes: NDArray) -> dict[str, float]:
    """Faces, NME, FR and AUC at 10 % of per-face NMEs [F], as fractions."""
    return {
        "faces": len(nmes),
        "nme": float(nmes.mean()),
        "failure_rate_10": metrics.failure_rate(nmes, FAILURE_THRESHOLD),
        "auc_10": metrics.auc(nmes, FAILURE_THRESHOLD),
    }


def evaluation_metrics(arrays: dict[str, NDArray], scheme: Scheme) -> dict[str, dict[str, float]]:
    """Summaries of `evaluation_arrays` per subset, and again by the scheme's other normalisations
    ("test, inter-ocular"); those of the points that do not count ("test, unscored points"); with
    clean landmarks, those of faces and labels against them too."""
    predicted, target = arrays["predicted"], arrays["target"]
    mark = "subset_"
    subsets = {n.removeprefix(mark): mask for n, mask in arrays.items() if n.startswith(mark)}
    subsets = subsets or {"test": np.ones(len(target), bool)}
    summaries: dict[str, dict[str, float]] = {}
    for kind, by in normalisations(scheme).items():
        suffix = f", {kind}" if kind else ""
        nmes = metrics.nme(predicted, target, by)
        summaries |= {name + suffix: summary(nmes[mask]) for name, mask in subsets.items()}
    if scheme.unscored:
        errors = metrics.point_errors(predicted, target, scheme)[:, list(scheme.unscored)]
        known = ~np.isnan(errors).all(1)
        for name, mask in subsets.items():
            if (mask & known).any():
                values = metrics.labelled_mean(errors[mask & known])
                summaries[f"{name}, unscored points"] = summary(values)
    if "clean" in arrays:
        clean = arrays["clean"]
        summaries["clean"] = summary(metrics.nme(predicted, clean, scheme))
        labelled = np.where(np.isnan(target), np.nan, clean)
        summaries["annotation_noise"] = summary(metrics.nme(target, labelled, scheme))
    return summaries


def map_floor(config: RunConfig) -> float:
    """Variance of a map on one cell, in the square of the stored crops' [-1, 1]."""
    return metrics.cell_variance(config.image_size / 4, 2 * VIEW_OF_STORE)


def calibration(model: nn.Module, crops: CropStore, config: RunConfig) -> dict[str, float]:
    """The factor by which the network's covariances, each with `map_floor`, must be multiplied so
    that the squared Mahalanobis distance of the labels of these faces averages 2; empty without
    covariances."""
    images = crops.images[:CALIBRATION_FACES]
    predicted, spread = predict(model, images, config)
    if spread is None:
        return {}
    error = crops.landmarks[:CALIBRATION_FACES] - predicted
    return {"factor": calibration_factor(error, spread, config), "faces": len(images)}


def calibration_factor(error: NDArray, spread: NDArray, config: RunConfig) -> float:
    """`calibration` of errors [F, N, 2], NaN where unlabelled, and covariances [F, N, 2, 2] in the
    stored crops' [-1, 1]."""
    return float(np.nanmean(metrics.squared_mahalanobis(error, spread, map_floor(config))) / 2)


def mean_shape(
    train: NDArray, arrays: dict[str, NDArray], scheme: Scheme
) -> dict[str, dict[str, float]]:
    """Metrics of the mean training shape as the prediction of every test face.

    Args:
        train: landmarks [F, N, 2] of the training faces, in the [-1, 1] of their crops; each
            point's mean is over the faces where it is labelled, and the centre where it never is.
        arrays: `evaluation_arrays` of the test faces; the summary is that of their first subset.
        scheme: their landmark scheme.
    """
    target = arrays["target"]
    masks = [mask for name, mask in arrays.items() if name.startswith("subset_")]
    target = target[masks[0]] if masks else target
    labelled = (~np.isnan(train)).sum(0)
    mean = np.nansum(train, 0, dtype=np.float64) / np.maximum(labelled, 1)
    mean = np.broadcast_to(mean, target.shape)
    return {MEAN_SHAPE: summary(metrics.nme(mean, target, scheme))}


def beside(summaries: dict[str, dict[str, float]]) -> str:
    """The mean shape's NME in words that follow a run's first result; nothing for older records."""
    if MEAN_SHAPE not in summaries:
        return ""
    nme, mean = next(iter(summaries.values()))["nme"], summaries[MEAN_SHAPE]["nme"]
    if nme < mean:
        return f"; mean training shape {100 * mean:.3f} %"
    return (
        f"; WORSE than the mean training shape, {100 * mean:.3f} %: check the landmarks, or train "
        "for more epochs (--epochs …)"
    )
