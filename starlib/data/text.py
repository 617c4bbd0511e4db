"""Text files as they come from any system, and lists of coordinates in them."""

import codecs
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from starlib.data.errors import DataError


def read_text(path: Path, what: str) -> str:
    """The text of a file in UTF-8, or in UTF-16 where its first bytes say so; such a mark of the
    encoding is left out. DataError names a file that cannot be read, and `what` was expected."""
    try:
        content = path.read_bytes()
        wide = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        return content.decode("utf-16" if wide else "utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: expected a readable {what} ({error})") from error


def table_rows(path: Path) -> list[tuple[str, list[str]]]:
    """The place of each row ("list.csv, line 3") and its cells between commas, without empty lines.
    DataError names a file that cannot be read."""
    return [
        (f"{path}, line {number}", [cell.strip() for cell in line.split(",")])
        for number, line in enumerate(read_text(path, "list").splitlines(), 1)
        if line.strip()
    ]


def as_float32(numbers: ArrayLike) -> NDArray[np.float32]:
    """Numbers as an array; those beyond float32 become infinite, which readers name."""
    with np.errstate(over="ignore"):
        return np.asarray(numbers, np.float64).astype(np.float32)


def finite_numbers(where: str, cells: list[str]) -> NDArray[np.float32]:
    """The cells as numbers; DataError names one that is none, or not finite."""
    try:
        values = as_float32([float(cell) for cell in cells])
    except ValueError as error:
        raise DataError(f"{where}: expected numbers ({error})") from None
    if not np.isfinite(values).all():
        wrong = cells[int((~np.isfinite(values)).argmax())]
        raise DataError(f"{where}: expected finite numbers, got {wrong!r}")
    return values
