"""A .yml file for a list of faces, proposed from the mean of its shapes."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from starlib.data.errors import DataError
from starlib.data.faces import extent
from starlib.data.own.coordinates import Coordinates, order_of
from starlib.data.own.lists import Row
from starlib.data.own.shapes import Shapes, as_complex, mean_shape
from starlib.data.own.tools import list_rows

SYMMETRIC = 0.15  # mean distance of a shape from its mirror image, in its size, at most
FAR = 0.8  # least distance of the normaliser's points, in the shape's size
GAP = 1.8  # times the steps around it: a longer step ends a curve


def described(path: Path) -> str:
    """The text of a .yml file for the list or folder at `path`; DataError names what is wrong."""
    rows = list(list_rows(path))
    faces = [row for row in rows if isinstance(row, Row)]
    if len(faces) < len(rows) or not faces:
        wrong = [line for row in rows if isinstance(row, DataError) for line in row.problems]
        raise DataError(wrong or [f"{path}: expected faces, there are none"])
    points = len(faces[0].cells) // 2
    if points < 2:
        raise DataError(f"{path}: expected two points or more, found {points}")
    named = next((row.names for row in faces if row.names), None)
    order = order_of(named, points) if named else None
    coordinates = Coordinates(points, names=order)
    written = [coordinates.written(row) for row in faces]
    missing = coordinates.unlabelled(written)
    landmarks = np.stack([coordinates.landmarks(face, missing, 0.5) for face in written])
    low, high = extent(landmarks)
    flat = [row.where for row, side in zip(faces, high - low, strict=True) if not side.max() > 0]
    if flat:
        raise DataError([f"{where}: expected labelled points in two places" for where in flat])
    shapes = mean_shape(landmarks)
    flip = mirror_pairs(shapes.mean)
    test = path.resolve().with_stem("test")  # as `data split` names it
    words = named is not None and not all(name.isdecimal() or not name for name in order or ())
    lines = [
        f"# Proposed from the mean of {len(landmarks)} faces: look at each line.",
        _yaml("name", "".join(c if c.isalnum() else "-" for c in path.resolve().stem)),
        f"points: {points}",
        *([_yaml("names", list(order or ()))] if words else []),
        "edges:  # steps from point to point that are no longer than those around them",
        *(f"  - {{points: {[*c]}{', closed: true' if e else ''}}}" for c, e in curves(shapes.mean)),
        "# points that mirror onto each other; points that are not named, onto themselves",
        f"flip: {[list(pair) for pair in flip] if flip else 'none'}",
        "# errors are divided by the distance of these, the two far points that vary least",
        f"normaliser: {[[point] for point in steady_pair(landmarks, shapes, flip)]}",
        _yaml("train", path.name or "."),
        *([_yaml("test", test.name)] if path.stem == "train" and test.is_file() else []),
    ]
    return "\n".join(lines) + "\n"


def _yaml(key: str, value: Any) -> str:
    """A line of a .yml file, quoted where YAML would read something else."""
    flow = None if isinstance(value, list) else False
    line = yaml.safe_dump({key: value}, default_flow_style=flow, allow_unicode=True, width=math.inf)
    return line.rstrip()


def mirror_pairs(mean: NDArray[np.complex128]) -> list[tuple[int, int]]:
    """Pairs of points of an upright mean shape [N] whose mirror images are nearest to each other,
    assigned so that the distances are least in sum; none where the shape is not symmetric."""
    from scipy.optimize import linear_sum_assignment

    axis = 0.0
    for _ in range(5):
        distance = np.abs(mean[:, None] - (2 * axis - mean.conj()))
        partner = linear_sum_assignment(distance)[1]
        axis = float(np.median((mean + mean[partner]).real / 2))
    every = np.arange(len(mean))
    if distance[every, partner].mean() > SYMMETRIC:
        return []
    # The cost is symmetric, so a longer cycle is a tie: its points are paired by their distance.
    pairs, free = [], set(every.tolist())
    order = sorted(every.tolist(), key=lambda i: float(distance[i, partner[i]]))
    for i in order:
        j = int(partner[i])
        if i in free and j in free:
            free -= {i, j}
            pairs += [(min(i, j), max(i, j))] if i != j else []
    return sorted(pairs)


def curves(mean: NDArray[np.complex128]) -> list[tuple[range, bool]]:
    """Points in their order as curves of a mean shape [N], each with whether it is closed."""
    steps = np.abs(np.diff(mean))
    ends = [-1]
    for i, step in enumerate(steps):
        around = [steps[j] for j in (i - 2, i - 1, i + 1, i + 2) if 0 <= j < len(steps)]
        if around and step > GAP * float(np.median(around)):
            ends.append(i)
    found = []
    for first, last in zip(ends, [*ends[1:], len(mean) - 1], strict=True):
        curve = range(first + 1, last + 1)
        if len(curve) > 1:
            middle = float(np.median(steps[first + 1 : last]))
            back = abs(mean[curve[-1]] - mean[curve[0]])
            found.append((curve, len(curve) > 3 and back < GAP * middle))
    return found or [(range(len(mean)), False)]


def steady_pair(
    landmarks: NDArray, shapes: Shapes, flip: Sequence[tuple[int, int]]
) -> tuple[int, int]:
    """The mirror pair, or any two points, far from each other, whose distance varies least."""
    faces = as_complex(landmarks)
    count = len(shapes.mean)
    pairs = flip or [(i, j) for i in range(count) for j in range(i)][:5000]
    pairs = [(i, j) for i, j in pairs if not np.isnan(faces[:, i] + faces[:, j]).all()] or pairs
    far = [(i, j) for i, j in pairs if abs(shapes.mean[i] - shapes.mean[j]) > FAR] or list(pairs)
    size = np.abs(shapes.factor)[:, None]
    apart = np.stack([np.abs(faces[:, i] - faces[:, j]) for i, j in far], 1) / size
    with np.errstate(invalid="ignore"):
        spread = np.nanstd(apart, 0) / np.nanmean(apart, 0)
    return far[int(np.nanargmin(spread))]
