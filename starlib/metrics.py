"""Errors of predicted landmarks: NME per face, and FR and AUC over the faces of a set."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from starlib.checks import number
from starlib.schemes import Scheme, get_scheme


def point_errors(predicted: ArrayLike, target: ArrayLike, scheme: Scheme | str) -> NDArray:
    """Euclidean error of every point over the face's normalising distance.

    Args:
        predicted, target: landmarks [F, N, 2], both in the same unit; pixels, or [-1, 1] of a
            square crop. A target that is NaN is unlabelled.
        scheme: a landmark scheme or its name; its normalising points (for 300-W and WFLW the
            outer eye corners) are taken from `target`.

    Returns:
        Errors [F, N], NaN where unlabelled. Raises ValueError for wrong shapes, for a prediction
        that is not finite at a labelled point, and for a normalising distance of zero or without
        labelled points.
    """
    scheme = get_scheme(scheme)
    predicted, target = _numbers("predicted", predicted), _numbers("target", target)
    if target.ndim != 3 or target.shape[1:] != (scheme.points, 2):
        raise ValueError(f"target: expected shape [F, {scheme.points}, 2], got {target.shape}")
    if predicted.shape != target.shape:
        raise ValueError(f"predicted: expected shape {target.shape}, got {predicted.shape}")
    if np.isinf(target).any():
        raise ValueError("target: expected finite landmarks, or NaN where unlabelled")
    distance = scheme.unit(target)
    if not (distance > 0).all():
        raise ValueError(
            f"target: normalising distance is zero or NaN in face {int((~(distance > 0)).argmax())}"
        )
    wrong = ~(np.isfinite(predicted).all(-1) | np.isnan(target).any(-1))
    if wrong.any():
        face, point = np.argwhere(wrong)[0]
        raise ValueError(
            "predicted: expected finite landmarks where the target is labelled, "
            f"point {point} of face {face} is {predicted[face, point].tolist()}"
        )
    return np.linalg.norm(predicted - target, axis=-1) / distance[:, None]


def _numbers(name: str, values: ArrayLike) -> NDArray:
    """The values as float64; ValueError naming the argument that holds no real numbers, or a tensor
    that torch does not convert."""
    try:
        array = np.asarray(values)
        if np.iscomplexobj(array):
            raise TypeError("they are complex")
        return array.astype(np.float64)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ValueError(f"{name}: expected an array of numbers ({error})") from error


def squared_mahalanobis(error: NDArray, covariance: NDArray, floor: float = 0.0) -> NDArray:
    """eᵀ (Σ + floor · 1)⁻¹ e [...] of errors [..., 2] and covariances [..., 2, 2]; the floor is for
    those without an inverse, such as that of a map on one cell."""
    inverse = np.linalg.inv(covariance + floor * np.eye(2, dtype=covariance.dtype))
    return np.einsum("...i,...ij,...j->...", error, inverse, error)


def cell_variance(cells: float, side: float = 2.0) -> float:
    """Variance along one axis of a map that is spread evenly over one of the cells of a side, the
    least that a heatmap resolves."""
    return (side / cells) ** 2 / 12


def nme(predicted: ArrayLike, target: ArrayLike, scheme: Scheme | str) -> NDArray:
    """Normalised mean error [F] of each face over its labelled points, a fraction (0.04 is "4 %");
    see `point_errors`. The scheme's unscored points are left out."""
    return labelled_mean(scored(point_errors(predicted, target, scheme), scheme))


def scored(errors: NDArray, scheme: Scheme | str) -> NDArray:
    """Errors [F, N] of all points -> those of the points that count, without `Scheme.unscored`."""
    left_out = get_scheme(scheme).unscored
    return np.delete(errors, left_out, axis=1) if left_out else errors


def labelled_mean(errors: NDArray) -> NDArray:
    """Mean [F] of those of each face's errors [F, N] that are not NaN; ValueError names a face
    without any."""
    with np.errstate(invalid="ignore"):
        means = np.nansum(errors, -1) / (~np.isnan(errors)).sum(-1)
    if np.isnan(means).any():
        raise ValueError(
            f"target: expected a labelled point, face {int(np.isnan(means).argmax())} has none"
        )
    return means


def _checked(nmes: ArrayLike, threshold: Any) -> NDArray:
    values = _numbers("nmes", nmes)
    if values.ndim != 1 or not values.size:
        raise ValueError(f"nmes: expected one value per face, got shape {values.shape}")
    if not (values >= 0).all():
        raise ValueError("nmes: expected values >= 0, got negative values or NaN")
    number("a number > 0", lambda value: value > 0).check("threshold", threshold)
    return values


def failure_rate(nmes: ArrayLike, threshold: float) -> float:
    """Share of faces, in [0, 1], whose NME is above the threshold (FR)."""
    return float((_checked(nmes, threshold) > threshold).mean())


def auc(nmes: ArrayLike, threshold: float) -> float:
    """Area under the cumulative error curve up to the threshold, over the threshold, in [0, 1].

    Exactly mean(max(0, 1 - NME / t)), which the usual sampled Simpson rule approximates.
    """
    return float(np.maximum(0, 1 - _checked(nmes, threshold) / threshold).mean())
