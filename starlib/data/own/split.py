"""One list of faces as two, for training and testing, with nobody in both."""

import csv
import io
import itertools
import random
from collections import Counter
from pathlib import Path

from starlib.data.errors import DataError
from starlib.data.own.lists import Header, csv_cells, is_header
from starlib.files import write_text

Cells = list[list[str]]


def split_list(path: Path, by: str | None, share: float, seed: int) -> dict[str, tuple[Path, int]]:
    """Write train.csv and test.csv beside a CSV list of faces; file and number of faces by split.

    Args:
        path: the list, a row for each face: an image, x and y of each point, and the column `by`.
        by: the name, in the header, of the column that says who it is; what is written has it as
            `person` where the points have names, and else not. None: each picture is one identity.
        share: of the faces for test.csv, in (0, 1), reached as nearly as whole identities allow.
        seed: of the order in which identities are drawn.

    Raises ValueError for arguments out of range and for files that are there already, DataError
    naming the list and what is wrong with it; nothing is written then.
    """
    if not 0 < share < 1:
        raise ValueError(f"--test: expected a share between 0 and 1, got {share!r}")
    targets = {split: path.parent / f"{split}.csv" for split in ("train", "test")}
    there = [str(target) for target in targets.values() if target.exists()]
    if there:
        raise ValueError(f"{path}: expected no {' and no '.join(there)}; they are not overwritten")
    header, rows, who = _read(path, by)
    chosen = _drawn(who, share, seed)
    if not 0 < len(chosen) < len(set(who)):
        raise DataError(f"{path}: expected two identities at least, found {len(set(who))}")
    written = {}
    for split, target in targets.items():
        inside = [(identity in chosen) == (split == "test") for identity in who]
        part = list(itertools.compress(rows, inside))
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows(header + part)
        write_text(target, text.getvalue())
        written[split] = target, len(part)
    return written


def _read(path: Path, by: str | None) -> tuple[Cells, Cells, list[str]]:
    """The header (a row or none), the rows, and the identity of each."""
    if path.suffix.lower() != ".csv":
        raise DataError(f"{path}: expected a .csv list")
    numbered = list(csv_cells(path))
    rows = [row for _, row in numbered]
    header = [rows.pop(0)] if rows and is_header(rows[0]) else []
    numbered = numbered[len(header) :]
    image = Header.of(str(path), header[0]).image if header else 0
    if short := [
        f"{path}, row {number}: expected an image" for number, row in numbered if len(row) <= image
    ]:
        raise DataError(short)
    if by is None:
        return header, rows, [row[image].strip() for row in rows]
    if not header or by not in header[0]:
        columns = ", ".join(header[0][:5]) + ", …" if header else "no header"
        raise DataError(f"{path}: expected a column {by!r} in the first row, found {columns}")
    column, width = header[0].index(by), len(header[0])
    if column == image:
        raise DataError(f"{path}: expected a column beside the image's, {by!r} is its own")
    wrong = [
        f"{path}, row {number}: expected {width} cells as in the first row, and one in {by!r}"
        for number, row in numbered
        if len(row) != width or not row[column].strip()
    ]
    if wrong:
        raise DataError(wrong)
    who = [row[column].strip() for row in rows]
    if Header.of(str(path), header[0]).points:
        named = [*header[0][:column], "person", *header[0][column + 1 :]]
        if Header.of(str(path), named).person != column:
            raise DataError(f"{path}: expected one column of identities, {by!r} is a second")
        return [named], rows, who
    for row in (*header, *rows):
        del row[column]
    return header, rows, who


def _drawn(who: list[str], share: float, seed: int) -> set[str]:
    """Identities for testing, drawn until they have `share` of the faces; never all of them."""
    counts = Counter(who)
    order = sorted(counts)
    random.Random(seed).shuffle(order)
    chosen: set[str] = set()
    faces = 0
    for identity in order[:-1]:
        count = counts[identity]
        # Stop where one more would lead farther away from the share.
        if chosen and abs(faces + count - share * len(who)) > abs(faces - share * len(who)):
            break
        chosen.add(identity)
        faces += count
    return chosen
