"""The lists of points of the cephalograms that `starlib.data.cephalo` reads, one list a person."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from starlib.data.faces import DataError
from starlib.data.text import finite_numbers, table_rows

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
    """A film's line in a list. points: [P, 2], 0 at the picture's edge; None if it is wrong."""

    where: str
    points: NDArray[np.float32] | None


def _list_path(root: Path, person: str) -> Path:
    return root / "annotations" / f"{'19lm' if person in DENTISTS else '5lm'}_{person}.csv"


def _read_list(path: Path, points: int, problems: list[str]) -> dict[str, Row]:
    """Film -> row of a list that can be read; what is wrong with the rows goes to `problems`."""
    rows: dict[str, Row] = {}
    for where, (film, *cells) in table_rows(path):
        try:
            if film in rows:
                raise DataError([f"{where}: expected film {film} once, {rows[film].where} has it"])
            rows[film] = Row(where, None)
            if not film.isalnum() or len(cells) != 2 * points:
                message = f"a film's name and {2 * points} numbers ({points} points)"
                raise DataError([f"{where}: expected {message}, got {len(cells)} after {film!r}"])
            landmarks = finite_numbers(where, cells).reshape(points, 2) + np.float32(0.5)
            rows[film] = Row(where, landmarks)
        except DataError as error:
            problems += error.problems
    return rows


def read_lists(root: Path) -> tuple[dict[str, dict[str, Row]], list[str]]:
    """Person -> film -> row of the lists that can be read, and problems."""
    lists: dict[str, dict[str, Row]] = {}
    problems: list[str] = []
    for person in PEOPLE:
        points = len(POINTS if person in DENTISTS else FIVE)
        try:
            lists[person] = _read_list(_list_path(root, person), points, problems)
        except DataError as error:
            problems += error.problems
    return lists, problems + _odd_films(root, lists)


def _odd_films(root: Path, lists: dict[str, dict[str, Row]]) -> list[str]:
    """A line for every film that is in one list but not in another one of its kind, and for every
    one of the nine people that the dentists do not have."""
    known = {film for person in DENTISTS for film in lists.get(person, {})}
    both = [lists[person] for person in DENTISTS if person in lists]
    problems = [
        f"{row.where}: expected a film that the dentists have, got {film!r}"
        for person in PEOPLE[len(DENTISTS) :]
        for film, row in lists.get(person, {}).items()
        if both and film not in known
    ]
    for group in (DENTISTS, PEOPLE[len(DENTISTS) :]):
        rows = {film: row for person in group for film, row in lists.get(person, {}).items()}
        problems += [
            f"{_list_path(root, person)}: expected film {film}, as {row.where} has it"
            for person in group
            if person in lists
            for film, row in rows.items()
            if film not in lists[person]
        ]
    return problems
