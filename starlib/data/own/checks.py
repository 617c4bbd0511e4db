"""Doubts about your own data, which are no errors: faces unlike the others, units and axes of
coordinates, mirror pairs."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from starlib.data.copies import few, same_points, twice
from starlib.data.faces import ImageFace
from starlib.data.images import image_size
from starlib.data.own.shapes import Shapes, as_complex, mean_shape, onto
from starlib.schemes import Scheme

TOLERANCE = 0.05  # of the face's longer side: how much farther than the nearest a pair may be
LEAST_FACES = 8  # that have a mean shape worth mirroring
LEAST_SHAPES = 5  # that have a mean shape which one wrong face does not spoil
# Faces of 300-W, WFLW and SCUT are at most 0.37, 0.49 and 0.27 from their mean shape and turned by
# at most 37 degrees; a face with two points exchanged or in the reverse order is beyond 0.7.
APART, TYPICAL, TURNED = 0.55, 3, 75
ALIKE = 0.4  # beyond this median distance a mean shape says nothing
SYMMETRIC = 0.15  # mean squared distance of a mean shape from its mirror image, at most
SMALL = 16  # pixels of a face's longer side, below which little can be seen
ASIDE = 0.4  # share of the width, left of which the middles of all faces are not expected
BELOW = 0.25  # of the shape's size: how far below its middle the normaliser is not expected


def doubts_of(faces: Sequence[ImageFace], scheme: Scheme) -> Iterator[str]:
    """One line for everything that looks wrong with the faces of a split."""
    if not faces:
        return
    landmarks = np.stack([face.landmarks for face in faces])
    names = [face.name for face in faces]
    side = (np.nanmax(landmarks, 1) - np.nanmin(landmarks, 1)).max(-1)
    small = np.flatnonzero((side < SMALL) & ~np.isnan(landmarks).any((1, 2)))
    if len(small):
        shown = few([f"{names[i]} ({side[i]:.0f})" for i in small])
        yield f"expected faces of {SMALL} pixels or more, {len(small)} are smaller: {shown}"
    if len(never := np.flatnonzero(np.isnan(landmarks).any(-1).all(0))):
        points = few([str(point) for point in never])
        yield f"expected each point to be labelled in some face, in none are: {points}"
    if message := _units_doubt(faces, landmarks):
        yield message
    axes = None
    if len(faces) >= LEAST_SHAPES and scheme.points > 2:
        shapes = mean_shape(landmarks)
        if np.median(shapes.apart) < ALIKE:
            axes = axes_doubt(shapes, scheme)
            yield from [axes] if axes else []
            yield from _odd_faces(names, landmarks, shapes)
    if scheme.mirrors and not axes and (message := flip_doubt(landmarks, scheme.flip)):
        yield message
    yield from filter(None, (twice(faces), same_points(faces)))


def least_alike_first(faces: Sequence[ImageFace]) -> list[ImageFace]:
    """The faces, those farthest from the mean shape first; in their order where they are few."""
    if len(faces) < LEAST_SHAPES or len(faces[0].landmarks) < 3:
        return list(faces)
    apart = mean_shape(np.stack([face.landmarks for face in faces])).apart
    return [faces[i] for i in np.argsort(-apart, kind="stable")]


def _odd_faces(names: Sequence[str], landmarks: NDArray, shapes: Shapes) -> Iterator[str]:
    """Faces unlike the others, the farthest first, and what would make each like them; and faces
    that are turned."""
    limit = max(APART, TYPICAL * float(np.median(shapes.apart)))
    order = np.argsort(-shapes.apart)
    far = [i for i in order if shapes.apart[i] > limit]
    if far:
        found = [f"{names[i]} ({_guess(landmarks[i], shapes.mean, limit)})" for i in far]
        yield f"expected faces of one kind, {len(far)} are unlike the mean: {few(found)}"
    angle = np.degrees(np.angle(shapes.factor))
    turned = [i for i in order if abs(angle[i]) > TURNED and shapes.apart[i] <= limit]
    if turned:
        found = [f"{names[i]} (by {angle[i]:.0f} degrees)" for i in turned]
        yield f"expected upright faces, {len(turned)} are turned: {few(found)}"


def _guess(landmarks: NDArray, mean: NDArray[np.complex128], limit: float) -> str:
    """The error, in words, whose correction makes a face [N, 2] like the mean shape."""
    face = as_complex(landmarks)[None]
    if onto(mean, face[:, ::-1])[0][0] < limit:
        return "its points are in the reverse order"
    apart, factor, _ = onto(mean, face.conj())
    if apart[0] < limit:
        angle = abs(np.degrees(np.angle(factor[0])))
        if angle < 45:
            return "its y runs upwards"
        return "left and right are exchanged" if angle > 135 else "x and y are exchanged"
    farthest = int(np.nanargmax(np.abs(onto(mean, face)[2][0] - mean)))
    exchanged = np.repeat(face, len(mean), 0)
    every = np.arange(len(mean))
    exchanged[every, every], exchanged[:, farthest] = face[0, farthest], face[0]
    exchanged[farthest] = face[0]
    apart = onto(mean, exchanged)[0]
    if np.nanmin(apart) < limit:
        one, other = sorted((farthest, int(np.nanargmin(apart))))
        return f"points {one} and {other} are exchanged"
    return f"point {farthest} is farthest off"


def axes_doubt(shapes: Shapes, scheme: Scheme) -> str | None:
    """Whether x and y look exchanged, y looks upwards or left and right exchanged in most faces:
    mirror images lie side by side, the normaliser, the eyes in most schemes, lies above the middle,
    and in the schemes that are known its first group lies left of its second."""
    if not scheme.mirrors:
        return None
    mirrored = shapes.mean[list(scheme.flip)].conj()
    above, beside = (np.square(np.abs(shapes.mean - m)).mean() for m in (mirrored, -mirrored))
    if above < SYMMETRIC < beside:
        return (
            "expected mirror images (flip) side by side, they lie above each other: are x and y "
            "exchanged, or the pictures on their side?"
        )
    first, second = (shapes.mean[list(group)].mean() for group in scheme.normaliser)
    if beside < SYMMETRIC and (first + second).imag / 2 > BELOW:
        return (
            "expected the normaliser's points (the eyes of a face) above the middle of the others, "
            "they lie below: does y run upwards?"
        )
    if scheme.face_box and first.real > second.real:
        one, other = (group[0] for group in scheme.normaliser)
        return (
            f"expected point {one} left of point {other}, as in {scheme.name}; in most faces it is "
            "right of it: are left and right exchanged, or the pictures alone mirrored?"
        )
    return None


def other_kind(train: Sequence[ImageFace], test: Sequence[ImageFace]) -> str | None:
    """Whether the mean face of a list for testing is unlike that of the list for training."""
    if min(len(train), len(test)) < LEAST_SHAPES or len(train[0].landmarks) < 3:
        return None
    known, other = (mean_shape(np.stack([f.landmarks for f in part])) for part in (train, test))
    placed = np.stack((other.mean.real, other.mean.imag), -1)
    if onto(known.mean, other.mean[None])[0][0] <= APART or np.median(known.apart) > ALIKE:
        return None
    guess = _guess(placed, known.mean, APART)
    return f"test: expected faces as in train, their mean is unlike it ({guess})"


def _units_doubt(faces: Sequence[ImageFace], landmarks: NDArray) -> str | None:
    """Whether all faces lie to the left in their pictures, as in other units they would."""
    if len(faces) < LEAST_SHAPES:
        return None
    some = range(0, len(faces), max(1, len(faces) // 200))
    sizes = np.array([image_size(faces[i].path) for i in some], np.float64)
    low, high = np.nanmin(landmarks[some], 1), np.nanmax(landmarks[some], 1)
    middle = (low + high)[:, 0] / 2 / sizes[:, 0]
    if middle.mean() + 4 * middle.std() / np.sqrt(len(middle)) > ASIDE:
        return None
    reach = (high / sizes).max(0)
    centre = float((low + high).mean()) / 2
    percent = high.max() <= 100 < sizes.min() and abs(centre - 50) < 20
    units = "percent of the picture's size" if percent else "pixels of a thumbnail"
    return (
        f"expected points in pixels of the pictures; all lie in their left {100 * reach[0]:.0f} % "
        f"and upper {100 * reach[1]:.0f} %: are they {units}?"
    )


def flip_doubt(landmarks: NDArray, flip: Sequence[int]) -> str | None:
    """The pairs of `flip` that disagree with the mirrored mean shape of landmarks [F, N, 2], in a
    line, or None.

    A point's mirror image should lie where its partner is. It counts as wrong when another point is
    nearer by TOLERANCE and by three standard errors of the means. Fewer than LEAST_FACES faces tell
    nothing, and faces with unlabelled points are left out, since their box is another.
    """
    landmarks = landmarks[~np.isnan(landmarks).any((1, 2))]
    if len(landmarks) < LEAST_FACES:
        return None
    placed = landmarks.astype(np.float64)
    low, high = placed.min(1, keepdims=True), placed.max(1, keepdims=True)
    boxed = (placed - (low + high) / 2) / (high - low).max(-1, keepdims=True)
    shape = boxed.mean(0)
    distances = np.linalg.norm((shape * (-1, 1))[:, None] - shape, axis=-1)
    nearest = distances.argmin(1)
    partner = np.asarray(flip)
    every = np.arange(len(partner))
    error = boxed.std(0).max(-1) / np.sqrt(len(landmarks))
    margin = TOLERANCE + 3 * (error + error[partner])
    wrong = distances[every, partner] > distances[every, nearest] + margin
    wrong &= every <= partner  # each pair once
    if not wrong.any():
        return None
    points = np.flatnonzero(wrong)
    pairs = [f"{i} with {partner[i]} (nearer: {nearest[i]})" for i in points]
    return (
        f"flip: expected pairs of mirror images; in the mirrored mean shape {len(points)} look "
        f"wrong: {few(pairs)}. Half of the training pictures are mirrored; `flip: none` "
        "mirrors none"
    )
