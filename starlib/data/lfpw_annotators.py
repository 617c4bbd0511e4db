"""LFPW's test faces by three workers of Amazon Mechanical Turk (Belhumeur et al., CVPR 2011).

A test set only: `lfpw_test_annotators.csv` has the columns image, worker, point, x, y, type for 221
of the 224 faces of 300-W's lfpw/testset: 35 points by `worker_0`, `worker_1`, `worker_2` and their
`average`. worker_k is a column of the list, not a person; one face has two workers. The pictures
are those of `300w/` beside this folder, in the crops that x, y were moved to; the first pixel's
centre is at 0. The faces' 300-W landmarks tell other crops apart. Faces without their picture are
left out: the copy is partial.

Landmarks are the averages as they are distributed. A worker's point of type 3, said to be outside
the picture, is NaN in `annotators`: of these 97 all but six lie inside, several evenly spaced as
nobody places them. The averages contain them; they move 53 points by over 1 % of the distance of
the outer eye corners, nose and mouth by up to 7 %, ears and chin by up to 15 %.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from starlib.data.errors import DataError, noted
from starlib.data.faces import ImageFace, Scan, check_points
from starlib.data.images import image_size
from starlib.data.paths import image_named
from starlib.data.pts import read_pts
from starlib.data.reader import Reader
from starlib.data.text import finite_numbers, table_rows
from starlib.schemes import SCHEMES

SOURCE = "https://neerajkumar.org/databases/lfpw/ (kbvt_lfpw_v1_test.csv; pictures are 300-W's)"
OFFICIAL = 221
LIST = "lfpw_test_annotators.csv"
COLUMNS = ["image", "worker", "point", "x", "y", "type"]
PEOPLE = ("worker_0", "worker_1", "worker_2")
ROWS = (*PEOPLE, "average")
POINTS = (
    "left_eyebrow_out", "right_eyebrow_out", "left_eyebrow_in", "right_eyebrow_in",
    "left_eyebrow_center_top", "left_eyebrow_center_bottom", "right_eyebrow_center_top",
    "right_eyebrow_center_bottom", "left_eye_out", "right_eye_out", "left_eye_in", "right_eye_in",
    "left_eye_center_top", "left_eye_center_bottom", "right_eye_center_top",
    "right_eye_center_bottom", "left_eye_pupil", "right_eye_pupil", "left_nose_out",
    "right_nose_out", "nose_center_top", "nose_center_bottom", "left_mouth_out", "right_mouth_out",
    "mouth_center_top_lip_top", "mouth_center_top_lip_bottom", "mouth_center_bottom_lip_top",
    "mouth_center_bottom_lip_bottom", "left_ear_top", "right_ear_top", "left_ear_bottom",
    "right_ear_bottom", "left_ear_canal", "right_ear_canal", "chin",
)  # fmt: skip
TYPES = ("0", "1", "2", "3")  # visible, behind hair or glasses, hidden by the pose, not in it
OUTSIDE = 3
# Eye corners here and in 300-W. They differ by at most 0.10 of the distance of the outer ones.
CORNERS, CORNERS_300W, SAME_CROP = [8, 10, 11, 9], [36, 39, 42, 45], 0.25


class Marked(NamedTuple):
    """A face's rows. where: the first row's place in the list. values: [4, 35, 3] x, y (0 at the
    picture's edge) and type by ROWS and POINTS, NaN where there is none."""

    where: str
    values: NDArray[np.float32]


def _read_list(path: Path) -> tuple[dict[str, Marked], list[str]]:
    """Image -> its rows, for images without a wrong one, and problems."""
    rows = table_rows(path)
    if not rows or rows[0][1] != COLUMNS:
        columns = ", ".join(rows[0][1]) if rows else "an empty list"
        raise DataError(f"{path}: expected the columns {', '.join(COLUMNS)}, got {columns}")
    images: dict[str, Marked] = {}
    broken: set[str] = set()
    problems: list[str] = []
    for where, cells in rows[1:]:
        try:
            _add_row(images, where, cells)
        except DataError as error:
            problems += error.problems
            broken.add(cells[0])
    gaps = {i: _gaps(path, i, marked) for i, marked in images.items() if i not in broken}
    problems += [line for lines in gaps.values() for line in lines]
    return {image: images[image] for image, lines in gaps.items() if not lines}, problems


def _add_row(images: dict[str, Marked], where: str, cells: list[str]) -> None:
    """Put a row's point and type into its image's values; DataError names what is wrong with it."""
    if len(cells) != len(COLUMNS):
        raise DataError(f"{where}: expected {len(COLUMNS)} cells, got {len(cells)}")
    image, worker, point, x, y, kind = cells
    if not image.replace("_", "").isalnum():
        raise DataError(f"{where}: image: expected a name without folder, got {image!r}")
    for name, cell, known in (("worker", worker, ROWS), ("point", point, POINTS)):
        if cell not in known:
            raise DataError(f"{where}: {name}: expected one of {', '.join(known)}, got {cell!r}")
    if kind not in TYPES:
        raise DataError(f"{where}: type: expected one of {', '.join(TYPES)}, got {kind!r}")
    none = np.full((len(ROWS), len(POINTS), 3), np.nan, np.float32)
    values = images.setdefault(image, Marked(where, none)).values
    at = ROWS.index(worker), POINTS.index(point)
    if not np.isnan(values[at]).any():
        raise DataError(f"{where}: expected {point} of {image} by {worker} once, it is a second")
    values[at] = (*finite_numbers(where, [x, y]) + np.float32(0.5), int(kind))


def _gaps(path: Path, image: str, marked: Marked) -> list[str]:
    """A line for every worker with some of the points, and for an average without one."""
    there = np.asarray(~np.isnan(marked.values).any(-1))
    return [
        f"{path}: expected all {len(POINTS)} points of {image} by {worker}, "
        f"{POINTS[int((~has).argmax())]} is missing"
        for worker, has in zip(ROWS, there, strict=True)
        if not has.all() and (has.any() or worker == "average")
    ]


def scan(root: Path, split: str) -> Scan:
    """Every face of the list, in its order; annotators [3, 35, 2] are PEOPLE."""
    pictures = root.parent / "300w" / "lfpw" / "testset"
    result = Scan(f"{pictures}: expected pictures of {LIST}, none is there", OFFICIAL, PEOPLE)
    with noted(result.problems):
        images, problems = _read_list(root / LIST)
        result.problems += problems
        for image, marked in images.items():
            path = image_named(pictures, image)
            if path is None:
                place = f"{pictures / image}.png or .jpg"
                result.missing.append(f"{place}: expected the picture of {marked.where}, missing")
                continue
            with noted(result.problems):
                _check(path, marked)
                points = marked.values[..., :2]
                outside = marked.values[:-1, :, 2:] == OUTSIDE
                people = np.where(outside, np.float32(np.nan), points[:-1])
                name = f"lfpw/testset/{path.name}"
                result.faces.append(ImageFace(name, path, points[-1], annotators=people))
    return result


def _check(path: Path, marked: Marked) -> None:
    """DataError for points outside the picture, and for a picture that is another crop."""
    size, problems = image_size(path), list[str]()
    for worker, points in zip(ROWS, marked.values[..., :2], strict=True):
        if np.isfinite(points).all():
            with noted(problems):
                check_points(f"{marked.where} ({worker})", points, size)
    if problems:
        raise DataError(problems)
    corners = read_pts(path.with_suffix(".pts"), SCHEMES["300w"].points)[CORNERS_300W] - 0.5
    apart = np.linalg.norm(marked.values[-1, CORNERS, :2] - corners, axis=-1).max()
    if not apart <= SAME_CROP * np.linalg.norm(corners[0] - corners[-1]):
        raise DataError(
            f"{marked.where}: expected the crop {path.name} that the list was made for, its "
            f"eye corners in {path.stem}.pts are {apart:.1f} pixels off"
        )


READER = Reader("lfpw-annotators", scan, SOURCE, ("test",), folder="lfpw_annotators")
