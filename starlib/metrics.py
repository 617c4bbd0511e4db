"""Errors of predicted landmarks: NME per face, and FR and AUC over the faces of a set."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from starlib.schemes import Scheme, get_scheme


def point_errors(predicted: ArrayLike, target: ArrayLike, scheme: Scheme | str) -> NDArray:
    """Euclidean error of every point over the face's normalising distance.

    Args:
        predicted, target: landmarks [F, N, 2], both in the same unit; pixels, or [-1, 1] of a
            square crop.
        scheme: a landmark scheme or its name; its normalising points (for 300-W and WFLW the
            outer eye corners) are taken from `target`.

    Returns:
        Errors [F, N]. Raises ValueError for wrong shapes and for a normalising distance of zero.
    """
    scheme = get_scheme(scheme)
    predicted, target = np.asarray(predicted, np.float64), np.asarray(target, np.float64)
    if target.ndim != 3 or target.shape[1:] != (scheme.points, 2):
        raise ValueError(f"target: expected shape [F, {scheme.points}, 2], got {target.shape}")
    if predicted.shape != target.shape:
        raise ValueError(f"predicted: expected shape {target.shape}, got {predicted.shape}")
    left, right = (target[:, list(ends)].mean(1) for ends in scheme.normaliser)
    distance = np.linalg.norm(left - right, axis=-1)
    if not (distance > 0).all():
        raise ValueError(
            f"target: normalising distance is zero or NaN in face {int((~(distance > 0)).argmax())}"
        )
    return np.linalg.norm(predicted - target, axis=-1) / distance[:, None]


def nme(predicted: ArrayLike, target: ArrayLike, scheme: Scheme | str) -> NDArray:
    """Normalised mean error [F] of each face, a fraction (0.04 is "4 %"); see `point_errors`.

    The scheme's unscored points are left out.
    """
    return scored(point_errors(predicted, target, scheme), scheme).mean(-1)


def scored(errors: NDArray, scheme: Scheme | str) -> NDArray:
    """Errors [F, N] of all points -> those of the points that count, without `Scheme.unscored`."""
    left_out = get_scheme(scheme).unscored
    return np.delete(errors, left_out, axis=1) if left_out else errors


def _checked(nmes: ArrayLike, threshold: float) -> NDArray:
    values = np.asarray(nmes, np.float64)
    if values.ndim != 1 or not values.size:
        raise ValueError(f"nmes: expected one value per face, got shape {values.shape}")
    if not (values >= 0).all():
        raise ValueError("nmes: expected values >= 0, got negative values or NaN")
    if not threshold > 0:
        raise ValueError(f"threshold: expected a number > 0, got {threshold!r}")
    return values


def failure_rate(nmes: ArrayLike, threshold: float) -> float:
    """Share of faces, in [0, 1], whose NME is above the threshold (FR)."""
    return float((_checked(nmes, threshold) > threshold).mean())


def auc(nmes: ArrayLike, threshold: float) -> float:
    """Area under the cumulative error curve up to the threshold, over the threshold, in [0, 1].

    Exactly mean(max(0, 1 - NME / t)), which the usual sampled Simpson rule approximates.
    """
    return float(np.maximum(0, 1 - _checked(nmes, threshold) / threshold).mean())
