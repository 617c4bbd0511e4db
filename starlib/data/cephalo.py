"""Cephalograms (lateral X-ray films of the head) by two dentists, 100 of them by eleven people.

The 400 films of the ISBI 2015 challenge (Wang et al., Medical Image Analysis 2016) in one third of
their size, with the five points of Thaler et al. (MELBA 2021):

- `images/001.jpg` … `400.jpg`, 645 × 800 pixels;
- `annotations/19lm_senior.csv`, `19lm_junior.csv`: a film a line, its name and x, y of 19 points;
- `annotations/5lm_ann1.csv` … `5lm_ann9.csv`: the same with the points FIVE, of 100 films.

Coordinates are pixels of these pictures; the first pixel's centre is at 0. The 100 films are the
test set, the others are for training. Labels are the mean of the two dentists, who are also the
tenth and eleventh person of the 100 films: the lists 5lm_senior.csv and 5lm_junior.csv repeat their
19 points and are not read. Films without their picture are left out: the copy is partial.

READER_ONE has the same with real disagreement in the training labels: a training film has the
points of one of the two dentists, drawn by its name (`drawn_dentist`). Test films have the
dentists' mean, so that errors compare.
"""

import hashlib
import os
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from starlib.data.errors import DataError, noted
from starlib.data.faces import ImageFace, Scan, check_points
from starlib.data.images import image_size
from starlib.data.paths import named_file
from starlib.data.reader import Reader
from starlib.data.text import finite_numbers, table_rows

SOURCE = (
    "https://figshare.com/s/37ec464af8e81ae6ebbf (films, dentists) and "
    "https://github.com/christianpayer/MedicalDataAugmentationTool-HeatmapUncertainty (five points)"
)
OFFICIAL = {"train": 300, "test": 100}
MM_PER_PIXEL = 0.3  # the films have 0.1 mm a pixel (Wang et al. 2016), these pictures a third
POINTS = (
    "sella", "nasion", "orbitale", "porion", "A point", "B point", "pogonion", "menton", "gnathion",
    "gonion", "lower incisal incision", "upper incisal incision", "upper lip", "lower lip",
    "subnasale", "soft-tissue pogonion", "posterior nasal spine", "anterior nasal spine",
    "articulare",
)  # fmt: skip
FIVE = (8, 9, 2, 11, 14)  # the points that all eleven people marked, in the order of their lists
DENTISTS = ("senior", "junior")
PEOPLE = (*DENTISTS, *(f"ann{number}" for number in range(1, 10)))


class Row(NamedTuple):
    """A film's line in a person's list. points: [P, 2], 0 at the picture's edge; None: wrong."""

    where: str
    points: NDArray[np.float32] | None


def _list_path(root: Path, person: str) -> Path:
    return root / "annotations" / f"{'19lm' if person in DENTISTS else '5lm'}_{person}.csv"


def _read_list(path: Path, points: int, problems: list[str]) -> dict[str, Row]:
    """Film -> row of a list; what is wrong with the rows goes to `problems`."""
    rows: dict[str, Row] = {}
    for where, (film, *cells) in table_rows(path):
        with noted(problems):
            if film in rows:
                raise DataError(f"{where}: expected film {film} once, {rows[film].where} has it")
            rows[film] = Row(where, None)
            if not film.isalnum() or len(cells) != 2 * points:
                message = f"a film's name and {2 * points} numbers ({points} points)"
                raise DataError(f"{where}: expected {message}, got {len(cells)} after {film!r}")
            landmarks = finite_numbers(where, cells).reshape(points, 2) + np.float32(0.5)
            rows[film] = Row(where, landmarks)
    return rows


def _read_lists(root: Path) -> tuple[dict[str, dict[str, Row]], list[str]]:
    """Film -> person -> row of the lists that can be read, and problems: of rows, and a line for
    every film that is in one list but not in another one of its kind, and for every one of the nine
    people that the dentists do not have."""
    rows: dict[str, dict[str, Row]] = {}
    read, problems = [], list[str]()
    for person in PEOPLE:
        with noted(problems):
            points = len(POINTS if person in DENTISTS else FIVE)
            films = _read_list(_list_path(root, person), points, problems)
            read.append(person)
            for film, row in films.items():
                rows.setdefault(film, {})[person] = row
    for film, by_person in rows.items():
        for group in (DENTISTS, PEOPLE[len(DENTISTS) :]):
            have = [row.where for person, row in by_person.items() if person in group]
            lack = [person for person in group if person in read and person not in by_person]
            problems += [
                f"{_list_path(root, person)}: expected film {film}, as {have[-1]} has it"
                for person in lack
                if have
            ]
        if not by_person.keys() & {*DENTISTS} and {*DENTISTS} & {*read}:
            problems += [
                f"{row.where}: expected a film that the dentists have, got {film!r}"
                for row in by_person.values()
            ]
    return rows, problems


def scan(root: Path, split: str, one: bool = False) -> Scan:
    """The films of a split in the order of the lists, annotators [11 or 2, 19, 2]; labels are the
    dentists' mean, or of `one` of them for training."""
    rows, problems = _read_lists(root)
    people = PEOPLE if split == "test" else DENTISTS
    empty = f"{root / 'images'}: expected films of the split {split}, none is there"
    result = Scan(f"{empty}; get them from {SOURCE}", OFFICIAL[split], people, problems=problems)
    for film, by_person in rows.items():
        if not {*DENTISTS} <= {*by_person} or any(row.points is None for row in by_person.values()):
            continue  # is among the problems
        path = named_file(root / "images", f"{film}.jpg")
        if not os.path.isfile(path):
            where = by_person[DENTISTS[0]].where
            result.missing.append(f"{path}: expected the picture of {where}, missing")
            continue
        with noted(problems):
            points = _people(path, by_person)[: len(people)]
            if (split == "test") != (len(by_person) > len(DENTISTS)):
                continue  # of the other split, whose rows are looked at too
            labels = points[: len(DENTISTS)].mean(0)
            if one and split == "train":
                labels = points[drawn_dentist(path.stem)]
            name = path.relative_to(root).as_posix()
            result.faces.append(ImageFace(name, path, labels, annotators=points))
    return result


def _people(path: Path, rows: dict[str, Row]) -> NDArray[np.float32]:
    """The points [11, 19, 2] by each of PEOPLE, NaN where one did not mark them. DataError names
    the rows with points outside the picture, or a picture without a size."""
    size = image_size(path)
    people = np.full((len(PEOPLE), len(POINTS), 2), np.nan, np.float32)
    problems: list[str] = []
    for index, person in enumerate(PEOPLE):
        row = rows.get(person)
        if row is not None and row.points is not None:
            with noted(problems):
                check_points(row.where, row.points, size)
            marked = list(range(len(POINTS)) if person in DENTISTS else FIVE)
            people[index, marked] = row.points
    if problems:
        raise DataError(problems)
    return people


def drawn_dentist(film: str) -> int:
    """Index in DENTISTS, drawn once and for all: the parity of the first byte of the SHA-256 of
    the film's name. 160 of the 300 training films are the senior's, 140 the junior's."""
    return hashlib.sha256(film.encode()).digest()[0] % len(DENTISTS)


READER = Reader("cephalo", scan, SOURCE, unit="films", train_faces=OFFICIAL["train"])
READER_ONE = replace(READER, name="cephalo-one", scan=partial(scan, one=True), folder="cephalo")
