"""Your own data: a .yml file with a scheme (`starlib.data.own_schemes`) and where the faces are.

```yaml
train: train.csv      # or .json, .tsv, or a folder of images with .pts files beside them
test: test.csv
images: pictures      # folder of the images; default: the folder of each list
first_pixel: 0        # coordinate of the first pixel's centre: 0 (default), 0.5 or 1
```

Paths are relative to the .yml file. A CSV row is an image and x, y of each point; a header is
skipped. A .json file has the form of COCO key points; points with flag 1 are hidden, flag 0 (not
labelled) is an error. A .tsv file is a list as the released code (and ADNet's) reads it, with a
header: image, five points, landmarks "x,y,x,y,…", scale, centre x, centre y. Only image and
landmarks are used: crops follow the landmarks.
"""

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from starlib.data.faces import (
    CUT_OFF,
    DataError,
    FaceSet,
    ImageFace,
    face_set,
    image_size,
    landmark_problem,
    unreadable,
)
from starlib.data.own_schemes import read_description, scheme_from
from starlib.data.pts import pairs, read_pts
from starlib.schemes import Scheme

UNIT = "faces"
FIRST_PIXELS = (0, 0.5, 1)
# Lists of the released code name images from a folder that only their authors have.
_RAW_IMAGES = "rawImages/"

# Where a face stands (file and row), its image as written, and its numbers as written.
Row = tuple[str, str, list[Any]]


def _csv_rows(path: Path) -> Iterator[Row]:
    with path.open(newline="", encoding="utf-8-sig") as file:
        for number, row in enumerate(csv.reader(file), 1):
            if row and not (number == 1 and _is_header(row[1:])):
                yield f"{path}, row {number}", row[0], row[1:]


def _is_header(words: list[str]) -> bool:
    """Whether no word is a number."""
    return not any(_is_number(word) for word in words)


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _tsv_rows(path: Path) -> Iterator[Row]:
    for number, line in enumerate(path.read_text(encoding="utf-8-sig").splitlines(), 1):
        words = line.split("\t")
        numbers = words[2].split(",") if len(words) > 2 else []
        if line.strip() and not (number == 1 and _is_header(numbers)):
            image = words[0].replace("\\", "/").rpartition(_RAW_IMAGES)[2]
            yield f"{path}, row {number}", image, numbers


def _json_rows(path: Path) -> Iterator[Row]:
    """Rows of 3N numbers: x, y and flag of each point."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        images = {image["id"]: str(image["file_name"]) for image in content["images"]}
        for number, annotation in enumerate(content["annotations"], 1):
            image = images[annotation["image_id"]]
            yield f"{path}, annotation {number}", image, list(annotation["keypoints"])
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(
            [f"{path}: expected COCO key points: images, annotations with keypoints ({error!r})"]
        ) from error


ROWS = {".csv": _csv_rows, ".tsv": _tsv_rows, ".json": _json_rows}


def _face(row: Row, folder: Path, points: int, shift: float, flags: bool) -> ImageFace:
    """The face of a row, `flags` saying whether a flag follows each x, y; DataError names it."""
    where, image, numbers = row
    width = 3 if flags else 2
    if len(numbers) != width * points:
        raise DataError(
            [f"{where}: expected {width * points} numbers ({points} points), found {len(numbers)}"]
        )
    try:
        values = np.array([float(n) for n in numbers], np.float32).reshape(points, width)
    except (ValueError, TypeError) as error:
        raise DataError([f"{where}: expected numbers after the image ({error})"]) from None
    landmarks = values[:, :2] + np.float32(shift)
    if flags and not np.isin(values[:, 2], (1, 2)).all():
        raise DataError([f"{where}: expected every point labelled, with flag 1 or 2"])
    if not (folder / image).is_file():
        raise DataError([f"{where}: expected the image {folder / image}, there is none"])
    _check(where, landmarks, folder / image)
    occluded = values[:, 2] == 1 if flags else None
    name = f"{image} ({where.rpartition(', ')[2]})"  # an image may hold several faces
    return ImageFace(name, folder / image, landmarks, occluded=occluded)


def _check(where: str, landmarks: NDArray[np.float32], image: Path) -> None:
    problem = landmark_problem(where, landmarks, image_size(image), CUT_OFF)
    if problem:
        raise DataError([problem])


def _listed(path: Path, images: Path | None, scheme: Scheme, shift: float) -> Iterator[Any]:
    """Each face of a list as an ImageFace, or the DataError in its place."""
    flags = path.suffix == ".json"
    try:
        for row in ROWS[path.suffix](path):
            try:
                yield _face(row, images or path.parent, scheme.points, shift, flags)
            except DataError as error:
                yield error
    except DataError as error:
        yield error
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        yield DataError([f"{path}: expected a readable list of faces ({error})"])


def _beside(folder: Path, scheme: Scheme, shift: float) -> Iterator[Any]:
    """The same for a folder of images with `.pts` files."""
    both, problems = pairs(folder)
    if problems:
        yield DataError(problems)
    for image, annotation in both:
        try:
            landmarks = read_pts(annotation, scheme.points) + np.float32(shift)
            _check(str(annotation), landmarks, image)
            yield ImageFace(image.name, image, landmarks)
        except DataError as error:
            yield error


def _scan(path: Path, split: str) -> tuple[Scheme, list[ImageFace], list[str]]:
    """The scheme, the faces of a split that can be read, and problems."""
    values = read_description(path)
    scheme = scheme_from(path, values)
    first = values.get("first_pixel", 0)
    if first not in FIRST_PIXELS or isinstance(first, bool):
        raise ValueError(f"{path}: first_pixel: expected 0, 0.5 or 1, got {first!r}")
    for key in ("train", "test", "images"):
        if not isinstance(values.get(key, ""), str):
            raise ValueError(f"{path}: {key}: expected a path, got {values[key]!r}")
    if split not in values:
        return scheme, [], [f"{path}: {split}: expected a list or a folder of faces, got none"]
    source = path.parent / values[split]
    images = path.parent / values["images"] if "images" in values else None
    if source.is_dir():
        found = list(_beside(source, scheme, 0.5 - first))
    elif source.suffix in ROWS:
        found = list(_listed(source, images, scheme, 0.5 - first))
    else:
        kinds = ", ".join(ROWS)
        return scheme, [], [f"{path}: {split}: expected {kinds} or a folder, got {values[split]!r}"]
    faces = [face for face in found if isinstance(face, ImageFace)]
    problems = [p for error in found if isinstance(error, DataError) for p in error.problems]
    if not found:
        problems = [f"{source}: expected faces, there are none"]
    return scheme, faces, problems


def counts(path: Path) -> dict[str, tuple[int, int | None]]:
    """Faces found by split; there is no official number."""
    given = [split for split in ("train", "test") if split in read_description(path)]
    return {split: (len(_scan(path, split)[1]), None) for split in given}


def problems(path: Path) -> list[str]:
    """One line for everything that is wrong with the files of a description, pixels included."""
    told: list[str] = []
    for split in ("train", "test"):
        _, faces, found = _scan(path, split)
        told += found + unreadable(face.path for face in faces)
    return list(dict.fromkeys(told))


def load(path: Path, split: str) -> FaceSet:
    """The faces of "train" or "test" of a .yml file; DataError tells all problems at once."""
    scheme, faces, problems = _scan(path, split)
    if problems:
        raise DataError(problems)
    return face_set(scheme.name, split, scheme, faces)
