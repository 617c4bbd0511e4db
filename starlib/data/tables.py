"""Lists of coordinates as plain tables: a row a line, its cells between commas."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from starlib.data.faces import DataError
from starlib.data.pts import as_float32


def table_rows(path: Path) -> list[tuple[str, list[str]]]:
    """Where each row stands ("list.csv, line 3") and its cells; empty lines are left out.

    DataError names a file that cannot be read.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError([f"{path}: expected a readable list ({error})"]) from error
    return [
        (f"{path}, line {number}", [cell.strip() for cell in line.split(",")])
        for number, line in enumerate(lines, 1)
        if line.strip()
    ]


def finite_numbers(where: str, cells: list[str]) -> NDArray[np.float32]:
    """The cells as numbers; DataError names one that is none, or not finite."""
    try:
        values = as_float32([float(cell) for cell in cells])
    except ValueError as error:
        raise DataError([f"{where}: expected numbers ({error})"]) from None
    if not np.isfinite(values).all():
        wrong = cells[int((~np.isfinite(values)).argmax())]
        raise DataError([f"{where}: expected finite numbers, got {wrong!r}"])
    return values
