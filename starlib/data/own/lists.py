"""Lists of faces of your own data: a row for each face from CSV, TSV or JSON, numbers as written.

A CSV row is an image and x, y of each point, between commas, semicolons or tabs; with semicolons,
a comma in a number is its decimal sign. The first row may be a header: names without any number,
as many as a row has cells. A .json file has the form of COCO key points. A .tsv file is a list as
the released code (and ADNet's) reads it: image, five points, landmarks "x,y,x,y,…", scale, centre
x, centre y, with or without a header; only image and landmarks are used.
"""

import csv
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from starlib.data.faces import DataError
from starlib.data.pts import IMAGE_SUFFIXES

DELIMITERS = "\t;,"
# Lists of the released code name images from a folder that only their authors have.
_RAW_IMAGES = "rawImages/"

# Where a face stands (file and row), its image as written, and its numbers as written.
Row = tuple[str, str, list[Any]]


def csv_cells(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Number (from 1) and cells of each row of a CSV file that is not blank.

    The delimiter is the one of DELIMITERS that the first row has most of, the comma last: it may
    be the sign of decimals.
    """
    with path.open(newline="", encoding="utf-8-sig") as file:
        first = next((line for line in file if line.strip()), "")
        file.seek(0)
        delimiter = max(DELIMITERS, key=first.count)
        for number, row in enumerate(csv.reader(file, delimiter=delimiter), 1):
            if any(cell.strip() for cell in row):
                decimal = delimiter == ";"
                yield number, [row[0], *(c.replace(",", ".") if decimal else c for c in row[1:])]


def _csv_rows(path: Path, points: int) -> Iterator[Row]:
    for number, row in csv_cells(path):
        if not (number == 1 and is_header(row) and len(row) == 1 + 2 * points):
            yield f"{path}, row {number}", row[0].strip(), row[1:]


def is_header(row: list[str]) -> bool:
    """Whether a row names columns: its first cell is no picture, and none is a number."""
    picture = Path(row[0].strip()).suffix.lower() in IMAGE_SUFFIXES
    return not picture and not any(_is_number(word) for word in row)


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _tsv_rows(path: Path, points: int) -> Iterator[Row]:
    for number, line in enumerate(path.read_text(encoding="utf-8-sig").splitlines(), 1):
        words = line.split("\t")
        numbers = words[2].split(",") if len(words) > 2 else []
        header = number == 1 and len(words) > 2 and is_header([words[0], *numbers])
        if line.strip() and not header:
            image = words[0].replace("\\", "/").rpartition(_RAW_IMAGES)[2]
            yield f"{path}, row {number}", image, numbers


def _json_rows(path: Path, points: int) -> Iterator[Row]:
    """Rows of 3N numbers: x, y and flag of each point."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        images = {image["id"]: str(image["file_name"]) for image in content["images"]}
        for number, annotation in enumerate(content["annotations"], 1):
            image = images[annotation["image_id"]]
            yield f"{path}, annotation {number}", image, list(annotation["keypoints"])
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise DataError(
            [f"{path}: expected COCO key points: images, annotations with keypoints ({error!r})"]
        ) from error


_READERS: dict[str, Callable[[Path, int], Iterator[Row]]] = {
    ".csv": _csv_rows,
    ".tsv": _tsv_rows,
    ".json": _json_rows,
}
SUFFIXES = tuple(_READERS)


def rows(path: Path, points: int) -> Iterator[Row]:
    """The rows of a list of faces with `points` points each; a .json row has flags besides.

    Raises DataError naming a file that cannot be read.
    """
    try:
        yield from _READERS[path.suffix](path, points)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError([f"{path}: expected a readable list of faces ({error})"]) from error
