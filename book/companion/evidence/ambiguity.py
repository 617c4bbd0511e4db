"""Heatmaps' covariances beside the known noise of synthface's labels (Section 4.1, Figure 3)."""

from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import stats

from starlib.data.synthface import SPLITS, VARIANTS
from starlib.moments import principal_components
from starlib.runs.records import Run
from starlib.synthface import place_faces

AMBIGUOUS = 1.5  # λ1/λ2 of a landmark's noise, from which it has a direction
SMALLEST = 1e-6  # of the eigenvalues in a ratio, in the square of [-1, 1] of a crop


@lru_cache(maxsize=4)
def noise_covariance(dataset: str, faces: int) -> NDArray[np.float64]:
    """Covariance [F, 98, 2, 2] of the labels' noise for the first test faces, in the pictures'
    [-1, 1]; without noise that of strength 1, for its directions."""
    if dataset not in VARIANTS:
        raise ValueError(f"dataset: expected one of {', '.join(VARIANTS)}, got {dataset!r}")
    seed, count = SPLITS["test"]
    strength = VARIANTS[dataset][0] or 1.0
    return place_faces(min(faces, count), seed, strength).covariance.double().numpy()


def components(covariance: NDArray) -> tuple[NDArray, NDArray]:
    """Eigenvalues [..., 2], largest first, and eigenvectors [..., 2, 2] in columns."""
    values, vectors = principal_components(torch.from_numpy(np.asarray(covariance, np.float64)))
    return values.numpy(), vectors.numpy()


def eigenvalue_ratio(covariance: NDArray) -> NDArray:
    """λ1/λ2 [...] of covariances [..., 2, 2]."""
    values = np.maximum(components(covariance)[0], SMALLEST)
    return values[..., 0] / values[..., 1]


def first_eigenvalue(covariance: NDArray) -> NDArray:
    """λ1 [...] of covariances [..., 2, 2], the energy of the first component."""
    return components(covariance)[0][..., 0]


def stored_covariance(run: Run) -> NDArray | None:
    """Covariances [f, N, 2, 2] of the first test faces' heatmaps, or None in older records."""
    return run.landmarks().get("covariance")


def angles_to_noise(run: Run) -> NDArray | None:
    """Angles in degrees, 0 to 90, between the heatmaps' first principal direction and that of the
    noise, of the landmarks of the first test faces whose noise has a direction; 45 is the mean by
    chance. None without covariances."""
    covariance = stored_covariance(run)
    if covariance is None:
        return None
    noise = noise_covariance(run.config.dataset, len(covariance))
    cosine = np.einsum("fni,fni->fn", *(components(c)[1][..., 0] for c in (covariance, noise)))
    angles = np.degrees(np.arccos(np.clip(np.abs(cosine), 0, 1)))
    return angles[eigenvalue_ratio(noise) > AMBIGUOUS]


def angle_to_noise(run: Run) -> float:
    """The mean of `angles_to_noise`; NaN without covariances."""
    angles = angles_to_noise(run)
    return float("nan") if angles is None else float(angles.mean())


def correlation_with_noise(
    run: Run, measure: Callable[[NDArray], NDArray] = eigenvalue_ratio
) -> float:
    """Rank correlation over landmarks between a measure of heatmaps and of noise, means over
    faces: λ1/λ2, or what `measure` makes of covariances. NaN without covariances."""
    covariance = stored_covariance(run)
    if covariance is None:
        return float("nan")
    noise = noise_covariance(run.config.dataset, len(covariance))
    ranked, known = (strength(c, measure) for c in (covariance, noise))
    return float(stats.spearmanr(ranked, known).statistic)


def strength(covariance: NDArray, measure: Callable[[NDArray], NDArray]) -> NDArray:
    """Mean over faces [N] of a measure, to four digits: landmarks of the same noise differ by
    rounding alone, and must have the same rank."""
    return np.array([float(f"{value:.4g}") for value in measure(covariance).mean(0)])


def region_ratio(run: Run, regions: Sequence[str]) -> float:
    """Mean λ1/λ2 of the heatmaps of the first of two regions over that of the other."""
    covariance = stored_covariance(run)
    if covariance is None:
        return float("nan")
    ratio = eigenvalue_ratio(covariance)
    one, other = (ratio[:, run.scheme.region(name)].mean() for name in regions)
    return float(one / other)


def errors_along_across(run: Run) -> tuple[NDArray, NDArray]:
    """Errors [F] against the truth along and across the ambiguous direction, mean over the
    landmarks that have one, over the normalising distance. synthface alone."""
    arrays = run.landmarks()
    predicted, target = (arrays[name].astype(np.float64) for name in ("predicted", "clean"))
    noise = noise_covariance(run.config.dataset, len(predicted))
    unit = run.scheme.unit(target)
    projected = np.abs(np.einsum("fnik,fni->fnk", components(noise)[1], predicted - target))
    directed = eigenvalue_ratio(noise) > AMBIGUOUS
    along, across = (
        (np.where(directed, projected[..., k], 0).sum(1) / directed.sum(1) / unit) for k in (0, 1)
    )
    return along, across
