"""Coordinates of your own data: from how they are written to landmarks in pixels."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from starlib.data.errors import DataError
from starlib.data.own.lists import Row
from starlib.data.text import as_float32

FIRST_PIXELS = (0, 0.5, 1)
NONE = ("", "nan", "na", "n/a", "null", "none")  # cells of points that are not labelled


@dataclass(frozen=True)
class Coordinates:
    """The convention by which the files of a description give their points.

    first_pixel: coordinate of the first pixel's centre; None: as each list says, or its format
    has it. missing: values that both x and y of a point have where it is unlabelled; None: -1, and
    other whole numbers up to 0 that at least two points have. names: of the points, in the
    scheme's order.
    """

    points: int
    first_pixel: float | None = None
    missing: tuple[float, ...] | None = None
    names: tuple[str, ...] | None = None

    def written(self, row: Row) -> NDArray[np.float32]:
        """Coordinates [N, 2] of a row's cells in the scheme's order, `names` where they have names.
        Cells of NONE and points that are not there are NaN; DataError names the row."""
        where, cells = row.where, row.cells
        if row.names is not None and self.names is not None:
            cells = _in_order(row, self.names)
        if len(cells) != 2 * self.points:
            expected = f"{2 * self.points} numbers ({self.points} points)"
            raise DataError(f"{where}: expected {expected}, found {len(cells)}")
        try:
            values = as_float32([_number(cell) for cell in cells]).reshape(-1, 2)
        except (ValueError, TypeError, OverflowError) as error:
            raise DataError(f"{where}: expected numbers after the image ({error})") from None
        values[np.isnan(values).any(-1)] = np.nan
        return values

    def unlabelled(self, faces: Sequence[NDArray[np.float32]]) -> tuple[float, ...]:
        """The values that mark an unlabelled point of these coordinates [N, 2], as x and as y."""
        if self.missing is not None:
            return self.missing
        points = np.concatenate([np.empty((0, 2), np.float32), *faces])
        alike = points[points[:, 0] == points[:, 1], 0]
        marks, counts = np.unique(alike[(alike <= 0) & (alike % 1 == 0)], return_counts=True)
        return (-1.0, *(float(v) for v in marks[counts > 1] if v != -1))

    def landmarks(
        self, written: NDArray[np.float32], missing: Sequence[float], first_pixel: float
    ) -> NDArray[np.float32]:
        """Landmarks [N, 2], 0 at the image's left and top edge, NaN where unlabelled."""
        unlabelled = np.asarray(np.isnan(written).any(-1))
        for value in missing:
            unlabelled |= (written == np.float32(value)).all(-1)
        shifted = written + np.float32(0.5 - first_pixel)
        return np.where(unlabelled[:, None], np.float32(np.nan), shifted)

    def counted_from(self, row: Row) -> float:
        """The coordinate of the first pixel's centre of a row, by default its format's; DataError
        where a list says another one than the description, or none of FIRST_PIXELS."""
        if row.first_pixel is None:
            return row.usual if self.first_pixel is None else self.first_pixel
        try:
            stated = float(row.first_pixel)
        except ValueError:
            stated = math.nan
        expected = FIRST_PIXELS if self.first_pixel is None else (self.first_pixel,)
        if stated not in expected:
            words = " or ".join(f"{value:g}" for value in expected)
            raise DataError(f"{row.where}: first_pixel: expected {words}, got {row.first_pixel}")
        return stated


def _in_order(row: Row, order: tuple[str, ...]) -> list[Any]:
    """The cells of a row whose points have names, in that order; of points that it does not have,
    none."""
    names = list(row.names or ())
    twice = [name for name in dict.fromkeys(names) if names.count(name) > 1]
    if twice:
        raise DataError(f"{row.where}: expected point {twice[0]!r} once, it is there twice")
    known = set(order)
    if strangers := [name for name in names if name not in known]:
        listed = ", ".join(order[:5]) + (", …" if len(order) > 5 else "")
        raise DataError(f"{row.where}: expected points {listed}; found {strangers[0]!r}")
    parts = {name: row.cells[2 * i : 2 * i + 2] for i, name in enumerate(names)}
    return [cell for name in order for cell in parts.get(name, (math.nan, math.nan))]


def order_of(names: tuple[str, ...], points: int, where: str = "") -> tuple[str, ...]:
    """The order of the scheme's points by the names in a list: numbers, from 0 or from 1, in their
    order; words as they stand. DataError, beginning with `where`, for those of another scheme."""
    if len(names) != points:
        raise DataError(
            f"{where}expected {points} points, found {len(names)} names; `names` in the .yml lists "
            "them in the scheme's order where faces lack some"
        )
    if not all(name.isdecimal() or name == "" for name in names):
        return names
    ordered = tuple(sorted(names, key=lambda name: int(name or 0)))
    numbers = [int(name or 0) for name in ordered]
    first = 1 if numbers[0] else 0
    if numbers != list(range(first, first + points)):
        expected = f"{where}expected points 0 to {points - 1} or 1 to {points}"
        raise DataError(f"{expected}, found {numbers}")
    return ordered


def _number(cell: Any) -> float:
    empty = cell is None or (isinstance(cell, str) and cell.strip().lower() in NONE)
    return math.nan if empty else float(cell)


def coordinates_of(path: Path, values: Mapping[str, Any], points: int) -> Coordinates:
    """The coordinates of a description; ValueError names the file and the key."""
    first = values.get("first_pixel")
    if "first_pixel" in values and (isinstance(first, bool) or first not in FIRST_PIXELS):
        raise ValueError(f"{path}: first_pixel: expected 0, 0.5 or 1, got {first!r}")
    missing = None
    if "missing" in values:
        given = values["missing"]
        missing = tuple(given if isinstance(given, list) else [given])
        if not all(type(value) in (int, float) and abs(value) < 1e30 for value in missing):
            expected = "missing: expected a number or a list of numbers"
            raise ValueError(f"{path}: {expected}, got {given!r}")
    return Coordinates(points, first, missing, _names(path, values, points))


def _names(path: Path, values: Mapping[str, Any], points: int) -> tuple[str, ...] | None:
    if "names" not in values:
        return None
    given = values["names"]
    right = isinstance(given, list) and all(isinstance(name, str | int) for name in given)
    names = tuple(map(str, given)) if right else ()
    if len(set(names)) != points or len(names) != points:
        raise ValueError(f"{path}: names: expected a list of {points} names, each once")
    return names
