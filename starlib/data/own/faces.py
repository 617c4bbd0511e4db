"""Your own data: a .yml file with a scheme (`starlib.data.own.schemes`) and where the faces are.

```yaml
train: train.csv      # or .json, .tsv, or a folder of images with .pts files beside them
test: test.csv        # one of the two is enough
images: pictures      # folder of the images; default: the folder of each list
first_pixel: 0        # coordinate of the first pixel's centre: 0 (default), 0.5 or 1
missing: -1           # or a list: what x and y both are where a point is not labelled
```

Paths are relative to the .yml file; `starlib.data.own.lists` says what the lists look like. Points
are in pixels of the upright picture, as a viewer shows it. Points without a number (an empty cell,
nan), of flag 0 in a .json file, or with the value of `missing` are unlabelled: they train nothing
and test nothing. Flags 1 (hidden) and 2 are not distinguished. Crops follow the labelled landmarks.
What looks wrong without being an error is a `DataWarning` (`starlib.data.own.checks`).
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
from starlib.data.own.checks import flip_doubt, repeated_faces
from starlib.data.own.coordinates import Coordinates, coordinates_of
from starlib.data.own.lists import SUFFIXES, Row, rows
from starlib.data.own.schemes import data_name, read_description, scheme_from
from starlib.data.pts import pairs, read_pts
from starlib.schemes import Scheme, normalisations

UNIT = "faces"
SPLITS = ("train", "test")


def _face(row: Row, folder: Path, coordinates: Coordinates, flags: bool) -> ImageFace:
    """The face of a row, `flags` saying whether a flag follows each x, y; DataError names it."""
    where, image, cells = row
    landmarks = coordinates.read(where, cells, flags)
    if not os.path.isfile(folder / image):  # Path.is_file raises for names that are too long
        raise DataError([f"{where}: expected the image {folder / image}, there is none"])
    _check(where, landmarks, folder / image)
    name = f"{image} ({where.rpartition(', ')[2]})"  # an image may hold several faces
    return ImageFace(name, folder / image, landmarks)


def _check(where: str, landmarks: NDArray[np.float32], image: Path) -> None:
    problem = landmark_problem(where, landmarks, image_size(image), unlabelled=True)
    if problem:
        raise DataError([problem])


def _listed(path: Path, images: Path | None, coordinates: Coordinates) -> Iterator[Any]:
    """Each face of a list as an ImageFace, or the DataError in its place."""
    flags = path.suffix == ".json"
    try:
        for row in rows(path, coordinates.points):
            try:
                yield _face(row, images or path.parent, coordinates, flags)
            except DataError as error:
                yield error
    except DataError as error:
        yield error


def _beside(folder: Path, coordinates: Coordinates) -> Iterator[Any]:
    """The same for a folder of images with `.pts` files."""
    try:
        both, problems = pairs(folder)
    except DataError as error:
        both, problems = [], error.problems
    if problems:
        yield DataError(problems)
    for image, annotation in both:
        try:
            landmarks = coordinates.landmarks(read_pts(annotation, coordinates.points))
            _check(str(annotation), landmarks, image)
            yield ImageFace(image.name, image, landmarks)
        except DataError as error:
            yield error


def _check_places(path: Path, values: dict[str, Any]) -> None:
    for key in (*SPLITS, "images"):
        place = values.get(key, "")
        if not isinstance(place, str) or "\0" in place:
            raise ValueError(f"{path}: {key}: expected a path, got {values[key]!r}")


def _scan(path: Path, split: str) -> tuple[Scheme, list[ImageFace], list[str]]:
    """The scheme, the faces of a split that can be read, and problems."""
    values = read_description(path)
    scheme = scheme_from(path, values)
    _check_places(path, values)
    coordinates = coordinates_of(path, values, scheme.points)
    if split not in values:
        return scheme, [], [f"{path}: {split}: expected a list or a folder of faces, got none"]
    source = path.parent / values[split]
    images = path.parent / values["images"] if "images" in values else None
    if os.path.isdir(source):
        found = list(_beside(source, coordinates))
    elif source.suffix in SUFFIXES:
        found = list(_listed(source, images, coordinates))
    else:
        kinds = ", ".join(SUFFIXES)
        return scheme, [], [f"{path}: {split}: expected {kinds} or a folder, got {values[split]!r}"]
    faces = [face for face in found if isinstance(face, ImageFace)]
    problems = [p for error in found if isinstance(error, DataError) for p in error.problems]
    if not found:
        problems = [f"{source}: expected faces, there are none"]
    if split == "test":
        problems += [_unscorable(source, face) for face in faces if not _scorable(face, scheme)]
    return scheme, faces, problems


def _scorable(face: ImageFace, scheme: Scheme) -> bool:
    """Whether the face has the distances that errors are divided by."""
    schemes = normalisations(scheme).values()
    distances = [by.unit(face.landmarks[None]) for by in schemes]
    return all((distance > 0).all() for distance in distances)


def _unscorable(source: Path, face: ImageFace) -> str:
    return (
        f"{source}, {face.name}: expected labelled points of the normaliser, in two places; errors "
        "of test faces are divided by their distance"
    )


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


def notes(path: Path) -> list[str]:
    """One line for each split with unlabelled points."""
    lines: list[str] = []
    for split in given_splits(path):
        scheme, faces, _ = _scan(path, split)
        missing = [int(np.isnan(face.landmarks).any(-1).sum()) for face in faces]
        if any(missing):
            points = f"{sum(missing)} of {scheme.points * len(faces)} points"
            where = f"{np.count_nonzero(missing)} of {len(faces)} faces"
            lines.append(f"{split}: {points} are unlabelled, in {where}")
    return lines


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
