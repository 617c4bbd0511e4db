"""Lists of faces of your own data: a row for each face from CSV or TSV, as it is written.

A CSV row is an image and x, y of each point, between commas, semicolons, tabs or |; but for commas,
a comma in a number is its decimal sign. The first row may be a header: names without any number.
Columns that it calls x0, y0, … (or nose_x, nose_y, …) are taken by these names, in whichever order
they stand, and others, such as those of a box, are left alone but for `image`, `first_pixel` and
`person`, who it is. Names that say no order (p0, p1, …) are none; others are refused. A .tsv
file is a list as the released code (and ADNet's) reads it: image, five points, landmarks
"x,y,x,y,…", scale, centre x, centre y, with or without a header; only image and landmarks are used.
"""

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from starlib.data.errors import DataError
from starlib.data.paths import is_image
from starlib.data.text import read_text

DELIMITERS = "\t;|,"
IMAGE_COLUMNS = ("image", "image_path", "file", "file_name", "filename", "path", "picture")
PERSON_COLUMNS = ("person", "subject", "identity")
BOX = ({"min", "max"}, {"w", "width"})  # corners of a box by their names, and names beside one
FIRST_PIXEL = "first_pixel"  # the column that says where a list counts from
# Lists of the released code name images from a folder that only their authors have.
_RAW_IMAGES = "rawImages/"
_DECIMAL = re.compile(r"\s*[-+]?\d+,\d+\s*")
_AXIS = (r"{0}(?:[\W_]+(?P<behind>.+)|(?P<number>\d+))?", r"(?P<before>.+?[\W_]+|.*\d){0}")
_COLUMNS = [(axis, re.compile(form.format(axis))) for axis in "xy" for form in _AXIS]


@dataclass(frozen=True)
class Row:
    """A face as it is written.

    where: file and row. cells: x and y of each point, None where it is unlabelled. names: of these
    points, None where the list has no names. first_pixel: the coordinate of the first pixel's
    centre where the list states it, `usual` that of its format. name: of the face, by default its
    image and row. person: who it is, where the list says so. unread: columns that are left alone.
    """

    where: str
    image: str
    cells: list[Any]
    names: tuple[str, ...] | None = None
    first_pixel: Any = None
    usual: float = 0
    name: str = ""
    person: str = ""
    unread: tuple[str, ...] = ()


Rows = Iterator[Row | DataError]


def csv_cells(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Number (from 1) and cells of each row of a CSV file that is not blank.

    The delimiter is the one of DELIMITERS that the first row has most of, the comma last: it may
    be the sign of decimals.
    """
    text = read_text(path, "list of faces")
    first = next((line for line in text.splitlines() if line.strip()), "")
    delimiter = max(DELIMITERS, key=first.count)
    lines = io.StringIO(text, newline=None)  # whatever their ends are
    try:
        for number, row in enumerate(csv.reader(lines, delimiter=delimiter), 1):
            if any(cell.strip() for cell in row):
                yield number, [c.replace(",", ".") if _DECIMAL.fullmatch(c) else c for c in row]
    except csv.Error as error:
        raise DataError(f"{path}: expected a readable list of faces ({error})") from error


def is_header(row: list[str]) -> bool:
    """Whether a row names columns: its first cell is no picture, and none is a number."""
    return not is_image(Path(row[0].strip())) and not any(_is_number(word) for word in row)


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


@dataclass(frozen=True)
class Header:
    """Columns of a list: the image's, x and y of each point by its name, FIRST_PIXEL's, the
    person's; and the names of those that are left alone."""

    image: int
    points: dict[str, list[int]]
    first_pixel: int | None
    person: int | None
    unread: tuple[str, ...]

    @classmethod
    def of(cls, where: str, names: list[str]) -> "Header":
        """The columns of a header; DataError for a point with one coordinate, or two of a kind."""
        words = [name.strip().lower() for name in names]
        columns: dict[str, dict[str, int]] = {}
        for column, word in enumerate(words):
            for axis, form in _COLUMNS:
                if match := form.fullmatch(word):
                    point = next((part for part in match.groups() if part), "").strip(" _-.")
                    if axis in columns.setdefault(point, {}):
                        raise DataError(f"{where}: expected {word!r} once, it is there twice")
                    columns[point][axis] = column
                    break
        half = [point for point, axes in columns.items() if len(axes) < 2]
        if half:
            raise DataError(f"{where}: expected x and y of each point, {half[0]!r} has one")
        if BOX[0] < set(columns):
            columns = {point: axes for point, axes in columns.items() if point not in BOX[0]}
        if len(columns) > 1 and BOX[1] & set(words):
            columns.pop("", None)
        image = next((words.index(word) for word in IMAGE_COLUMNS if word in words), 0)
        points = {point: [axes["x"], axes["y"]] for point, axes in columns.items()}
        first = words.index(FIRST_PIXEL) if FIRST_PIXEL in words else None
        person = next((words.index(word) for word in PERSON_COLUMNS if word in words), None)
        read = {image, first, person}.union(*points.values())
        unread = [n.strip() for i, n in enumerate(names) if i not in read and n.strip()]
        return cls(image, points, first, person, tuple(unread))

    def row(self, where: str, cells: list[str]) -> Row:
        numbers = [cells[column] for columns in self.points.values() for column in columns]
        first = None if self.first_pixel is None else cells[self.first_pixel].strip()
        image = cells[self.image].strip()
        who = "" if self.person is None else cells[self.person].strip()
        names = tuple(self.points)
        return Row(where, image, numbers, names, first_pixel=first, person=who, unread=self.unread)


def _say_no_order(names: list[str]) -> bool:
    """Whether names of columns are but counted, as p0, p1, …, or all the same."""
    words = {re.sub(r"\d+", "", name.strip().lower()) for name in names}
    numbers = [int(digits) for name in names for digits in re.findall(r"\d+", name)[-1:]]
    counted = not numbers or numbers == [*range(numbers[0], numbers[0] + len(names))]
    return len(words) == 1 and counted


def csv_rows(path: Path, points: int | None) -> Rows:
    header, top, width = None, 0, 0
    for number, cells in csv_cells(path):
        where = f"{path}, row {number}"
        top = top or number
        if number == top and is_header(cells):
            header, width = Header.of(where, cells), len(cells)
            if not header.points and points in (None, (width - 1) / 2):
                if not _say_no_order(cells[1:]):
                    names, words = "x0, y0, … or nose_x, nose_y, …", ", ".join(cells[1:4])
                    raise DataError(f"{where}: expected columns {names}, found {words}, …")
                header = None
            elif points is not None and len(header.points) != points:
                found = 2 * len(header.points) or width - 1
                expected = f"{2 * points} numbers ({points} points)"
                hint = "" if width > 1 else " between commas, semicolons, tabs or |"
                raise DataError(f"{where}: expected {expected}, found {found}{hint}")
        elif header is None:
            yield Row(where, cells[0].strip(), cells[1:])
        elif len(cells) == width:
            yield header.row(where, cells)
        else:
            yield DataError(f"{where}: expected {width} cells as in row {top}, found {len(cells)}")


def tsv_rows(path: Path, _: int | None) -> Rows:
    image, landmarks = 0, 2
    for number, line in enumerate(read_text(path, "list of faces").splitlines(), 1):
        words = line.split("\t")
        numbers = words[landmarks].split(",") if len(words) > landmarks else []
        if number == 1 and len(words) > 2 and is_header([words[0], *words[2].split(",")]):
            names = [word.strip().lower() for word in words]
            image = next((names.index(name) for name in IMAGE_COLUMNS if name in names), 0)
            landmarks = names.index("landmarks_gt") if "landmarks_gt" in names else 2
        elif line.strip():
            name = words[image] if len(words) > image else ""
            name = name.replace("\\", "/").rpartition(_RAW_IMAGES)[2].strip()
            yield Row(f"{path}, row {number}", name, numbers)
