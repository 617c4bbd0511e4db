"""The scatter of several people's labels beside the covariance of a network's heatmaps.

Everything is in the face's frame: the line through the outer eye corners is horizontal, and its
length is the unit. A point's scatter is that of people around their mean on one face, pooled over
faces; a heatmap's covariance is averaged over the same faces. Angles are between long axes.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from companion.evidence.ambiguity import components

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


def resampled(squares: Array, freedom: Array, seed: int = 0) -> Array:
    """The scatter [DRAWS + 1, N, 2, 2] of all faces together and of faces drawn with
    replacement."""
    faces = len(squares)
    drawn = np.random.default_rng(seed).multinomial(faces, np.full(faces, 1 / faces), DRAWS)
    drawn = np.concatenate([np.ones((1, faces)), drawn])  # how often each face is drawn
    return np.tensordot(drawn, squares, 1) / (drawn @ freedom)[..., None, None]


def deviations(covariance: Array) -> Array:
    """Standard deviations [..., 2] along and across the long axis of covariances [..., 2, 2]."""
    return np.sqrt(components(covariance)[0])


def ratio(covariance: Array) -> Array:
    """Standard deviation along over that across the long axis."""
    along, across = np.moveaxis(deviations(covariance), -1, 0)
    return along / across


def long_axis(covariance: Array) -> Array:
    """Unit vectors [..., 2] along the long axes of covariances [..., 2, 2]."""
    return components(covariance)[1][..., 0]


def angle(one: Array, other: Array) -> Array:
    """Angles [...] in degrees, 0 to 90, between the long axes of two covariances [..., 2, 2]."""
    cosine = np.abs((long_axis(one) * long_axis(other)).sum(-1))
    return np.degrees(np.arccos(np.clip(cosine, 0, 1)))


def limits(draws: Array) -> tuple[float, float]:
    """The 95 % interval of draws."""
    low, high = np.quantile(draws, (0.025, 0.975))
    return float(low), float(high)


Interval = tuple[float, float, float]  # value, low, high


@dataclass(frozen=True)
class Agreement:
    """What a network's heatmaps share with people's scatter, with 95 % intervals over faces.

    angle: mean over points, in degrees; 45 is chance. ratios, areas: rank correlation over points
    of the long over the short axis, and of the ellipses' areas.
    """

    angle: Interval
    ratios: Interval
    areas: Interval
    draws: Array  # of the angle, for differences between networks over the same faces


def agreement(squares: Array, freedom: Array, covariance: Array) -> Agreement:
    """Compare scatter (`scatter`, in the face's frame) with covariances [G, N, 2, 2] in that frame,
    of the same faces or, where they are of another number, of others. The bootstrap draws faces,
    the same ones at each call."""
    people = resampled(squares, freedom)
    other = len(covariance) != len(squares)
    network = resampled(covariance, np.ones(covariance.shape[:2]), seed=int(other))
    found = [angle(people, network).mean(-1)]
    found += [_correlation(measure(people), measure(network)) for measure in (ratio, np.linalg.det)]
    angles, ratios, areas = ((float(d[0]), *limits(d[1:])) for d in found)
    return Agreement(angles, ratios, areas, found[0][1:])


def chance(points: int) -> Agreement:
    """What axes, ratios and areas drawn at random share with people's, over so many points."""
    generator = np.random.default_rng(0)
    angles = generator.uniform(0, 90, (DRAWS, points)).mean(-1)
    ranks = limits(_correlation(*generator.random((2, DRAWS, points))))
    return Agreement((45.0, *limits(angles)), (0.0, *ranks), (0.0, *ranks), angles)


def _correlation(one: Array, other: Array) -> Array:
    """Rank correlations over the last axis."""
    ranks = [stats.zscore(stats.rankdata(values, axis=-1), axis=-1) for values in (one, other)]
    return (ranks[0] * ranks[1]).mean(-1)


def floor(people: Array) -> tuple[float, float]:
    """Mean and median distance of one person's point from the mean of the others', over points
    [F, A, N, 2] that all have marked."""
    kept = np.where(np.isfinite(people).all((1, 3), keepdims=True), people, np.nan)
    others = (kept.sum(1, keepdims=True) - kept) / (kept.shape[1] - 1)
    distances = np.linalg.norm(kept - others, axis=-1)
    return float(np.nanmean(distances)), float(np.nanmedian(distances))


def edge_covariance(tensor: Array) -> Array:
    """Covariances whose long axes lie along the edges of structure tensors [..., 2, 2]."""
    trace = np.trace(tensor, axis1=-2, axis2=-1)[..., None, None]
    return trace * np.eye(2) - tensor  # its inverse up to a factor


def closer(one: Agreement, other: Agreement) -> Interval:
    """By how many degrees one network's axes lie closer to people's than another's, with the
    interval over the faces that both share."""
    return other.angle[0] - one.angle[0], *limits(other.draws - one.draws)
