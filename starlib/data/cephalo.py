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

ONE is the same with real disagreement in the training labels: a training film has the points of
one of the two dentists, drawn by its name (`drawn_dentist`). Test films have the dentists' mean, so
that errors compare.
"""

import dataclasses
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from numpy.typing import NDArray

from starlib.data.cephalo_lists import DENTISTS, FIVE, PEOPLE, POINTS, Row, read_lists
from starlib.data.faces import (
    DataError,
    FaceSet,
    ImageFace,
    face_set,
    image_size,
    landmark_problem,
    unreadable,
)
from starlib.data.paths import named_file
from starlib.schemes import SCHEMES

SOURCE = (
    "https://figshare.com/s/37ec464af8e81ae6ebbf (films, dentists) and "
    "https://github.com/christianpayer/MedicalDataAugmentationTool-HeatmapUncertainty (five points)"
)
UNIT = "films"
OFFICIAL = {"train": 300, "test": 100}
MM_PER_PIXEL = 0.3  # the films have 0.1 mm a pixel (Wang et al. 2016), these pictures a third


@dataclass(frozen=True)
class Film:
    """people: [11, 19, 2], the points by each of PEOPLE, NaN where one did not mark them."""

    name: str
    path: Path
    people: NDArray[np.float32]
    test: bool


@dataclass(frozen=True)
class Listed:
    """What the lists say: the films with a picture, the missing pictures, and problems."""

    films: list[Film]
    missing: list[str]
    problems: list[str]


def _scan(root: Path) -> Listed:
    """Every film of the lists, in their order."""
    lists, problems = read_lists(root)
    listed = Listed([], [], problems)
    rows: dict[str, dict[str, Row]] = {}  # film -> person -> row
    for person, films in lists.items():
        for film, row in films.items():
            rows.setdefault(film, {})[person] = row
    for film, by_person in rows.items():
        if not {*DENTISTS} <= {*by_person} or any(row.points is None for row in by_person.values()):
            continue  # is among the problems
        path = named_file(root / "images", f"{film}.jpg")
        if not os.path.isfile(path):
            where = by_person[DENTISTS[0]].where
            listed.missing.append(f"{path}: expected the picture of {where}, missing")
            continue
        try:
            listed.films.append(_film(film, path, by_person))
        except DataError as error:
            listed.problems.extend(error.problems)
    return listed


def _film(name: str, path: Path, rows: dict[str, Row]) -> Film:
    """DataError names the rows with points outside the picture, or a picture without a size."""
    size = image_size(path)
    people = np.full((len(PEOPLE), len(POINTS), 2), np.nan, np.float32)
    problems: list[str] = []
    for index, person in enumerate(PEOPLE):
        row = rows.get(person)
        if row is None or row.points is None:
            continue
        problem = landmark_problem(row.where, row.points, size)
        problems += [problem] if problem else []
        people[index, list(range(len(POINTS)) if person in DENTISTS else FIVE)] = row.points
    if problems:
        raise DataError(problems)
    return Film(name, path, people, test=len(rows) > len(DENTISTS))


def counts(root: Path) -> dict[str, tuple[int, int | None]]:
    """Films with a picture and official number of films, by split."""
    tests = [film.test for film in _scan(root).films]
    found = {"train": len(tests) - sum(tests), "test": sum(tests)}
    return {split: (found[split], official) for split, official in OFFICIAL.items()}


def problems(root: Path) -> list[str]:
    """One line for everything that is wrong with the files under `root`, pixels included."""
    listed = _scan(root)
    lines = listed.problems + listed.missing + unreadable(film.path for film in listed.films)
    return list(dict.fromkeys(lines))


def load(root: Path, split: str) -> FaceSet:
    """The films of "train" or "test" under `root`; DataError tells all problems at once."""
    return load_films(root, "cephalo", split)


def load_films(root: Path, dataset: str, split: str, one: bool = False) -> FaceSet:
    """The films of a split; `one` takes the training labels of one dentist a film."""
    listed = _scan(root)
    if listed.problems:
        raise DataError(listed.problems)
    films = [film for film in listed.films if film.test == (split == "test")]
    if not films:
        place = f"{root / 'images'}: expected films of the split {split}, none is there"
        raise DataError([f"{place}; get them from {SOURCE}"])
    faces = [
        ImageFace(film.path.relative_to(root).as_posix(), film.path, _label(film, one))
        for film in films
    ]
    people = len(DENTISTS) if split == "train" else len(PEOPLE)
    found = face_set(dataset, split, SCHEMES["cephalo"], faces, official=OFFICIAL[split])
    annotators = np.stack([film.people[:people] for film in films])
    return dataclasses.replace(found, annotators=annotators, annotator_names=PEOPLE[:people])


def _label(film: Film, one: bool) -> NDArray[np.float32]:
    """The dentists' mean [19, 2], or for a training film and `one` that of one of them."""
    if one and not film.test:
        return film.people[drawn_dentist(film.name)]
    mean: NDArray[np.float32] = film.people[: len(DENTISTS)].mean(0)
    return mean


def drawn_dentist(film: str) -> int:
    """Index in DENTISTS, drawn once and for all: the parity of the first byte of the SHA-256 of
    the film's name. 160 of the 300 training films are the senior's, 140 the junior's."""
    return hashlib.sha256(film.encode()).digest()[0] % len(DENTISTS)


ONE = SimpleNamespace(
    SOURCE=SOURCE,
    UNIT=UNIT,
    counts=counts,
    problems=problems,
    load=lambda root, split: load_films(root, "cephalo-one", split, one=True),
)
