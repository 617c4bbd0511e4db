"""The scatter of several people's labels beside the covariance of a network's heatmaps.

Everything is in the face's frame: the line through the outer eye corners is horizontal, and its
length is the unit. A point's scatter is that of people around their mean on one face, pooled over
faces; a heatmap's covariance is averaged over the same faces. Angles are between long axes.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Array = NDArray[np.float64]
DRAWS = 2000  # of the bootstrap over faces


def rotation_to_frame(left: Array, right: Array) -> Array:
    """[F, 2, 2] that turns and scales offsets into the frame of eye corners `left`, `right` [F, 2],
    those on the picture's left and right."""
    x, y = np.moveaxis(right - left, -1, 0)
    squared = (x**2 + y**2)[:, None, None]
    return np.stack([np.stack([x, y], -1), np.stack([-y, x], -1)], -2) / squared


def to_frame(covariance: Array, frame: Array) -> Array:
    """Covariances [F, N, 2, 2] in the frames [F, 2, 2]."""
    return np.einsum("fij,fnjk,flk->fnil", frame, covariance, frame)


def scatter(people: Array) -> tuple[Array, Array]:
    """Sum of squares [F, N, 2, 2] of people's points [F, A, N, 2] around their mean on each face,
    and its degrees of freedom [F, N]; a NaN is a point that somebody did not mark."""
    there = np.all(np.isfinite(people), axis=-1)
    count = there.sum(1)
    mean = np.where(there[..., None], people, 0).sum(1) / np.maximum(count, 1)[..., None]
    off = np.where(there[..., None], people - mean[:, None], 0)
    return np.einsum("fani,fanj->fnij", off, off), np.maximum(count - 1, 0)


def pooled(squares: Array, freedom: Array, faces: NDArray | slice = slice(None)) -> Array:
    """The scatter [N, 2, 2] of some faces together."""
    return squares[faces].sum(0) / freedom[faces].sum(0)[:, None, None]


def long_axis(covariance: Array) -> Array:
    """Unit vectors [N, 2] along the long axes of covariances [N, 2, 2]."""
    return np.linalg.eigh(covariance)[1][..., -1]


def ratio(covariance: Array) -> Array:
    """Standard deviation along over that across the long axis [N]."""
    values = np.linalg.eigvalsh(covariance)
    return np.sqrt(values[..., 1] / values[..., 0])


def angle(one: Array, other: Array) -> Array:
    """Angles [N] in degrees, 0 to 90, between the long axes of two covariances [N, 2, 2] each."""
    cosine = np.abs(np.einsum("ni,ni->n", long_axis(one), long_axis(other)))
    return np.degrees(np.arccos(np.clip(cosine, 0, 1)))


@dataclass(frozen=True)
class Agreement:
    """What a network's heatmaps share with people's scatter, with 95 % intervals over faces.

    angle: mean over points, in degrees; 45 is chance. ratios, areas: rank correlation over points
    of the long over the short axis, and of the ellipses' areas. Each is (value, low, high).
    """

    angle: tuple[float, float, float]
    ratios: tuple[float, float, float]
    areas: tuple[float, float, float]
    draws: Array  # of the angle, for differences between networks over the same faces


def agreement(squares: Array, freedom: Array, covariance: Array, seed: int = 0) -> Agreement:
    """Compare scatter (`scatter`, in the face's frame) with covariances [F, N, 2, 2] of the same
    faces in that frame. The bootstrap draws faces; one seed draws the same faces for each call."""

    def values(faces: NDArray | slice) -> tuple[float, float, float]:
        people, network = pooled(squares, freedom, faces), covariance[faces].mean(0)
        ranked = [
            float(stats.spearmanr(measure(people), measure(network)).statistic)
            for measure in (ratio, np.linalg.det)
        ]
        return float(angle(people, network).mean()), ranked[0], ranked[1]

    generator = np.random.default_rng(seed)
    count = len(squares)
    drawn = np.array([values(generator.integers(count, size=count)) for _ in range(DRAWS)])
    limits = np.quantile(drawn, (0.025, 0.975), axis=0)
    whole = zip(values(slice(None)), *limits, strict=True)
    named = [tuple(map(float, one)) for one in whole]
    return Agreement(named[0], named[1], named[2], drawn[:, 0])  # type: ignore[arg-type]


def edge_covariance(tensor: Array) -> Array:
    """Covariances whose long axes lie along the edges of structure tensors [..., 2, 2]."""
    trace = np.trace(tensor, axis1=-2, axis2=-1)[..., None, None]
    return trace * np.eye(2) - tensor  # its inverse up to a factor


def closer(one: Agreement, other: Agreement) -> tuple[float, float, float]:
    """By how many degrees one network's axes lie closer to people's than another's, with the
    interval over the faces that both share."""
    off = other.draws - one.draws
    low, high = np.quantile(off, (0.025, 0.975))
    return other.angle[0] - one.angle[0], float(low), float(high)
