"""Shapes of faces, compared after each is turned, moved and scaled onto the mean shape.

A landmark (x, y) is the complex number x + iy here; a similarity is then a factor and a shift.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

ROUNDS = 5
SEEDS = 40  # faces that are tried as the first mean shape


@dataclass(frozen=True)
class Shapes:
    """mean: [N], centred, its points at a mean squared distance of 1 from its centre; upright as
    most faces are. apart: [F] root mean squared distance of each face's labelled points from the
    mean shape, as a share of the shape's size, from 0 to 1. factor: [F] whose angle is how far a
    face is turned from the mean shape.
    """

    mean: NDArray[np.complex128]
    apart: NDArray[np.float64]
    factor: NDArray[np.complex128]


def as_complex(landmarks: NDArray) -> NDArray[np.complex128]:
    """Landmarks [..., 2] as numbers [...]; NaN where unlabelled."""
    points = landmarks.astype(np.float64)
    return points[..., 0] + 1j * points[..., 1]


def onto(
    shape: NDArray[np.complex128], faces: NDArray[np.complex128]
) -> tuple[NDArray[np.float64], NDArray[np.complex128], NDArray[np.complex128]]:
    """Faces [F, N] put onto a shape [N] as well as possible: the distances [F] that remain, shares
    of the shape's size; the factors [F] that turn and scale the shape; the faces [F, N] there."""
    known = ~np.isnan(faces)
    count = known.sum(1, keepdims=True)
    z = np.where(known, faces, 0)
    centre = z.sum(1, keepdims=True) / count
    z = np.where(known, z - centre, 0)
    part = np.where(known, shape, 0)
    middle = part.sum(1, keepdims=True) / count
    part = np.where(known, part - middle, 0)
    size, span = (np.square(np.abs(v)).sum(1) for v in (z, part))
    product = (part.conj() * z).sum(1)
    with np.errstate(divide="ignore", invalid="ignore"):
        apart = np.sqrt(np.clip(1 - np.square(np.abs(product)) / (size * span), 0, 1))
        put = np.where(known, z * (product.conj() / size)[:, None] + middle, np.nan)
        return apart, product / span, put


def mean_shape(landmarks: NDArray) -> Shapes:
    """The mean shape of landmarks [F, N, 2], a median so that a few wrong faces do not move it.

    It begins as the face that is nearest to all others and is the median of the faces put onto it,
    several times over.
    """
    faces = as_complex(landmarks)
    never = np.isnan(faces).all(0)  # unlabelled in every face
    whole = faces[np.argsort(np.isnan(faces).sum(1), kind="stable")]
    seeds = [_normal(face) for face in whole[:: max(1, len(whole) // SEEDS)]]
    mean = min(seeds, key=lambda seed: float(np.nanmedian(onto(seed, faces)[0])))
    for _ in range(ROUNDS):
        put = onto(mean, faces)[2]
        put[:, never] = mean[never]
        mean = _normal(np.nanmedian(put.real, 0) + 1j * np.nanmedian(put.imag, 0))
    apart, factor, _ = onto(mean, faces)
    turn = np.median(np.angle(factor * np.conj(factor.mean()))) + np.angle(factor.mean())
    upright = np.exp(1j * turn)
    return Shapes(mean * upright, apart, factor / upright)


def _normal(shape: NDArray[np.complex128]) -> NDArray[np.complex128]:
    """The shape centred and of size 1; points that are missing are at its centre."""
    centred = np.where(np.isnan(shape), 0, shape - np.nanmean(shape))
    return centred / np.sqrt(np.square(np.abs(centred)).mean())
