"""Coordinates of your own data: from how they are written to landmarks in pixels."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from starlib.data.faces import DataError
from starlib.data.pts import as_float32

FIRST_PIXELS = (0, 0.5, 1)
FLAGS = (0, 1, 2)  # of COCO: not labelled, hidden, visible


@dataclass(frozen=True)
class Coordinates:
    """How the files of a description give their points.

    first_pixel: coordinate of the first pixel's centre. missing: values that both x and y of a
    point have where it is unlabelled.
    """

    points: int
    first_pixel: float = 0
    missing: tuple[float, ...] = ()

    def landmarks(self, written: NDArray[np.float32]) -> NDArray[np.float32]:
        """Landmarks [N, 2], 0 at the image's left and top edge, of coordinates [N, 2] as they are
        written; NaN where unlabelled."""
        unlabelled = np.zeros(len(written), np.bool_)
        unlabelled |= np.isnan(written).any(-1)
        for value in self.missing:
            unlabelled |= (written == np.float32(value)).all(-1)
        return np.where(unlabelled[:, None], np.float32(np.nan), written + self._shift)

    @property
    def _shift(self) -> np.float32:
        return np.float32(0.5 - self.first_pixel)

    def read(self, where: str, cells: list[Any], flags: bool) -> NDArray[np.float32]:
        """Landmarks [N, 2] of a row's cells, `flags` saying whether a flag follows each x, y. Empty
        cells, nan and flag 0 are unlabelled points; DataError says `where` cells are wrong."""
        width = 3 if flags else 2
        if len(cells) != width * self.points:
            expected = f"{width * self.points} numbers ({self.points} points)"
            raise DataError([f"{where}: expected {expected}, found {len(cells)}"])
        try:
            values = as_float32([_number(cell) for cell in cells]).reshape(self.points, width)
        except (ValueError, TypeError, OverflowError) as error:
            raise DataError([f"{where}: expected numbers after the image ({error})"]) from None
        if flags:
            if not np.isin(values[:, 2], FLAGS).all():
                raise DataError([f"{where}: expected flags 0, 1 or 2 after x and y"])
            values[values[:, 2] == 0] = np.nan
        return self.landmarks(values[:, :2])


def _number(cell: Any) -> float:
    empty = cell is None or (isinstance(cell, str) and not cell.strip())
    return math.nan if empty else float(cell)


def coordinates_of(path: Path, values: Mapping[str, Any], points: int) -> Coordinates:
    """The coordinates of a description; ValueError names the file and the key."""
    first = values.get("first_pixel", 0)
    if isinstance(first, bool) or not isinstance(first, int | float) or first not in FIRST_PIXELS:
        raise ValueError(f"{path}: first_pixel: expected 0, 0.5 or 1, got {first!r}")
    given = values.get("missing", [])
    missing = given if isinstance(given, list) else [given]
    if not all(type(value) in (int, float) and abs(value) < 1e30 for value in missing):
        raise ValueError(f"{path}: missing: expected a number or a list of numbers, got {given!r}")
    return Coordinates(points, first, tuple(missing))
