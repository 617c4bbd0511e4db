"""What looks wrong in your own data without being an error: mirror pairs, and repeated pictures."""

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

TOLERANCE = 0.05  # of the face's longer side: how much farther than the nearest a pair may be
LEAST_FACES = 8  # that have a mean shape worth mirroring
_SHOWN = 5


def _boxed(landmarks: NDArray) -> NDArray[np.float64]:
    """Landmarks [F, N, 2], the centre of each face's box at 0 and its longer side 1."""
    points = landmarks.astype(np.float64)
    low, high = points.min(1, keepdims=True), points.max(1, keepdims=True)
    return (points - (low + high) / 2) / (high - low).max(-1, keepdims=True)


def flip_doubt(landmarks: NDArray, flip: Sequence[int]) -> str | None:
    """What `flip` gets wrong by the mirrored mean shape of landmarks [F, N, 2], or None.

    A point's mirror image should lie where its partner is. It counts as wrong when another point is
    nearer by TOLERANCE and by three standard errors of the means. Fewer than LEAST_FACES faces tell
    nothing, and faces with unlabelled points are left out, since their box is another.
    """
    landmarks = landmarks[~np.isnan(landmarks).any((1, 2))]
    if len(landmarks) < LEAST_FACES:
        return None
    boxed = _boxed(landmarks)
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
    pairs = [f"{i} with {partner[i]} (nearer: {nearest[i]})" for i in points[:_SHOWN]]
    more = f", … and {len(points) - _SHOWN} more" if len(points) > _SHOWN else ""
    return (
        f"flip: expected pairs of mirror images; in the mirrored mean shape {len(points)} look "
        f"wrong: {', '.join(pairs)}{more}. Half of the training pictures are mirrored; "
        "`flip: none` mirrors none"
    )


def repeated_faces(train: Iterable[Path], test: Sequence[Path]) -> str | None:
    """How many test faces are in pictures that training faces are in too, by their content."""
    sizes: dict[int, set[Path]] = {}
    for path in dict.fromkeys(train):
        sizes.setdefault(path.stat().st_size, set()).add(path)
    alike = [path for path in test if path.stat().st_size in sizes]
    hashes = {_digest(p) for size in {p.stat().st_size for p in alike} for p in sizes[size]}
    repeated = [path for path in alike if _digest(path) in hashes]
    if not repeated:
        return None
    names = list(dict.fromkeys(path.name for path in repeated))
    more = f", … and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return (
        f"test: expected pictures that are not in train; {len(repeated)} of {len(test)} test faces "
        f"are in training pictures too: {', '.join(names[:_SHOWN])}{more}"
    )


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
