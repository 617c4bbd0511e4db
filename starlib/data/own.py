"""Your own data: a .yml file with a scheme (`starlib.data.own_schemes`) and where the faces are.

```yaml
train: train.csv      # or .json, .tsv, or a folder of images with .pts files beside them
test: test.csv        # one of the two is enough
images: pictures      # folder of the images; default: the folder of each list
first_pixel: 0        # coordinate of the first pixel's centre: 0 (default), 0.5 or 1
```

Paths are relative to the .yml file; `starlib.data.own_lists` says what the lists look like. Points
are in pixels of the upright picture, as a viewer shows it. In a .json file, points with flag 0 (not
labelled) are an error; flags 1 (hidden) and 2 are not distinguished. Crops follow the landmarks.
What looks wrong without being an error is a `DataWarning` (`starlib.data.own_checks`).
"""

import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from starlib.data.faces import (
    DataError,
    DataWarning,
    FaceSet,
    ImageFace,
    face_set,
    image_size,
    landmark_problem,
    unreadable,
)
from starlib.data.own_checks import flip_doubt, repeated_faces
from starlib.data.own_lists import SUFFIXES, Row, rows
from starlib.data.own_schemes import data_name, read_description, scheme_from
from starlib.data.pts import as_float32, pairs, read_pts
from starlib.schemes import Scheme

UNIT = "faces"
FIRST_PIXELS = (0, 0.5, 1)
SPLITS = ("train", "test")


def _face(row: Row, folder: Path, points: int, shift: float, flags: bool) -> ImageFace:
    """The face of a row, `flags` saying whether a flag follows each x, y; DataError names it."""
    where, image, numbers = row
    width = 3 if flags else 2
    if len(numbers) != width * points:
        raise DataError(
            [f"{where}: expected {width * points} numbers ({points} points), found {len(numbers)}"]
        )
    try:
        values = as_float32([float(n) for n in numbers]).reshape(points, width)
    except (ValueError, TypeError, OverflowError) as error:
        raise DataError([f"{where}: expected numbers after the image ({error})"]) from None
    landmarks = values[:, :2] + np.float32(shift)
    if flags and not np.isin(values[:, 2], (1, 2)).all():
        raise DataError([f"{where}: expected every point labelled, with flag 1 or 2"])
    if not os.path.isfile(folder / image):  # Path.is_file raises for names that are too long
        raise DataError([f"{where}: expected the image {folder / image}, there is none"])
    _check(where, landmarks, folder / image)
    name = f"{image} ({where.rpartition(', ')[2]})"  # an image may hold several faces
    return ImageFace(name, folder / image, landmarks)


def _check(where: str, landmarks: NDArray[np.float32], image: Path) -> None:
    problem = landmark_problem(where, landmarks, image_size(image))
    if problem:
        raise DataError([problem])


def _listed(path: Path, images: Path | None, scheme: Scheme, shift: float) -> Iterator[Any]:
    """Each face of a list as an ImageFace, or the DataError in its place."""
    flags = path.suffix == ".json"
    try:
        for row in rows(path, scheme.points):
            try:
                yield _face(row, images or path.parent, scheme.points, shift, flags)
            except DataError as error:
                yield error
    except DataError as error:
        yield error


def _beside(folder: Path, scheme: Scheme, shift: float) -> Iterator[Any]:
    """The same for a folder of images with `.pts` files."""
    try:
        both, problems = pairs(folder)
    except DataError as error:
        both, problems = [], error.problems
    if problems:
        yield DataError(problems)
    for image, annotation in both:
        try:
            landmarks = read_pts(annotation, scheme.points) + np.float32(shift)
            _check(str(annotation), landmarks, image)
            yield ImageFace(image.name, image, landmarks)
        except DataError as error:
            yield error


def _check_places(path: Path, values: dict[str, Any]) -> None:
    first = values.get("first_pixel", 0)
    if isinstance(first, bool) or not isinstance(first, int | float) or first not in FIRST_PIXELS:
        raise ValueError(f"{path}: first_pixel: expected 0, 0.5 or 1, got {first!r}")
    for key in (*SPLITS, "images"):
        place = values.get(key, "")
        if not isinstance(place, str) or "\0" in place:
            raise ValueError(f"{path}: {key}: expected a path, got {values[key]!r}")


def _scan(path: Path, split: str) -> tuple[Scheme, list[ImageFace], list[str]]:
    """The scheme, the faces of a split that can be read, and problems."""
    values = read_description(path)
    scheme = scheme_from(path, values)
    _check_places(path, values)
    shift = 0.5 - values.get("first_pixel", 0)
    if split not in values:
        return scheme, [], [f"{path}: {split}: expected a list or a folder of faces, got none"]
    source = path.parent / values[split]
    images = path.parent / values["images"] if "images" in values else None
    if os.path.isdir(source):
        found = list(_beside(source, scheme, shift))
    elif source.suffix in SUFFIXES:
        found = list(_listed(source, images, scheme, shift))
    else:
        kinds = ", ".join(SUFFIXES)
        return scheme, [], [f"{path}: {split}: expected {kinds} or a folder, got {values[split]!r}"]
    faces = [face for face in found if isinstance(face, ImageFace)]
    problems = [p for error in found if isinstance(error, DataError) for p in error.problems]
    if not found:
        problems = [f"{source}: expected faces, there are none"]
    return scheme, faces, problems


def given_splits(path: Path) -> list[str]:
    """Which of "train" and "test" a description has."""
    values = read_description(path)
    return [split for split in SPLITS if split in values]


def counts(path: Path) -> dict[str, tuple[int, int | None]]:
    """Faces found by split; there is no official number."""
    return {split: (len(_scan(path, split)[1]), None) for split in given_splits(path)}


def problems(path: Path) -> list[str]:
    """One line for everything that is wrong with the files of a description, pixels included."""
    messages: list[str] = []
    splits = given_splits(path)
    if not splits:
        messages.append(f"{path}: expected train, test or both, got neither")
    for split in splits:
        _, faces, found = _scan(path, split)
        messages += found + unreadable(face.path for face in faces)
    return list(dict.fromkeys(messages))


def doubts(path: Path) -> list[str]:
    """One line for everything that looks wrong without being an error."""
    found = [(split, *_scan(path, split)[:2]) for split in given_splits(path)]
    messages: list[str] = []
    for split, scheme, faces in found:
        messages += _doubts(path, split, scheme, faces)
    return messages


def _doubts(path: Path, split: str, scheme: Scheme, faces: list[ImageFace]) -> list[str]:
    message: str | None = None
    if split == "test" and "train" in given_splits(path):
        message = repeated_faces([f.path for f in _scan(path, "train")[1]], [f.path for f in faces])
    if split == "train" and faces and scheme.mirrors:
        message = flip_doubt(np.stack([face.landmarks for face in faces]), scheme.flip)
    return [f"{path}: {message}"] if message else []


def load(path: Path, split: str) -> FaceSet:
    """The faces of "train" or "test" of a .yml file; DataError tells all problems at once."""
    scheme, faces, problems = _scan(path, split)
    if problems:
        raise DataError(problems)
    for message in _doubts(path, split, scheme, faces):
        warnings.warn(message, DataWarning, stacklevel=3)
    return face_set(data_name(path, read_description(path)), split, scheme, faces)
