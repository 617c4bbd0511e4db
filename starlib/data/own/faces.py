"""Your own data: a .yml file with a scheme (`starlib.data.own.schemes`) and where the faces are.

```yaml
train: train.csv      # or .tsv, .json, .xml, or a folder of images with .pts files beside them
test: test.csv        # one of the two is enough
images: pictures      # folder of the images; default: the folder of each list
first_pixel: 0        # coordinate of the first pixel's centre: 0, 0.5 or 1
missing: -1           # or a list: what x and y both are where a point is not labelled
names: [left, nose]   # of the points, in the scheme's order, where lists name theirs
```

Paths are relative to the .yml file; `starlib.data.own.lists` and `starlib.data.own.tools` say what
the lists look like. Points are in pixels of the upright picture, as a viewer shows it. A list may
state `first_pixel` in a column of that name, as `predict` writes it; else it is 1 for `.pts` files,
as in 300-W, 0.5 for tools that count from the picture's edge, and 0. Points without a number (an
empty cell, nan, NA), of flag 0 in a .json file, or with the value of `missing` are unlabelled: they
train nothing and test nothing. Where `missing` is not given, (-1, -1) is, and (0, 0) where it is
there more than once. Flags 1 (hidden) and 2 are not distinguished. Crops follow the labelled
landmarks. What looks wrong without being an error is a `DataWarning` (`starlib.data.own.checks`).
"""

import os
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from starlib.data.copies import few, repeated_faces
from starlib.data.errors import DataError, DataWarning, noted
from starlib.data.faces import Checked, FaceSet, ImageFace, check_points, face_set
from starlib.data.images import image_size, unreadable
from starlib.data.own.checks import doubts_of, least_alike_first, other_kind
from starlib.data.own.coordinates import Coordinates, coordinates_of, order_of
from starlib.data.own.lists import Row, Rows
from starlib.data.own.schemes import data_name, read_description, scheme_from
from starlib.data.own.tools import READERS, list_rows
from starlib.data.paths import copied_images, named_file
from starlib.schemes import Scheme, normalisations

SPLITS = ("train", "test")
LEAST_SIDE = 4  # pixels that a face's points reach over; fewer are shares of a picture's size


@dataclass(frozen=True)
class Scanned:
    """The faces of a split that can be read, what is wrong, and what there is to say."""

    scheme: Scheme
    faces: list[ImageFace]
    problems: list[str]
    notes: list[str]


def _order(path: Path, values: dict[str, Any], coordinates: Coordinates) -> tuple[str, ...] | None:
    """The names of the scheme's points in its order: of the description, or of its first list."""
    if coordinates.names is not None:
        return coordinates.names
    for source in [path.parent / values[s] for s in SPLITS if s in values]:
        if _is_source(source):
            row = next(list_rows(source, coordinates.points), None)
            if isinstance(row, Row) and row.names is not None:
                return order_of(row.names, coordinates.points, f"{row.where}: ")
    return None


def _is_source(path: Path) -> bool:
    return os.path.isdir(path) or path.suffix.lower() in READERS


def _face(row: Row, folder: Path, landmarks: NDArray[np.float32]) -> ImageFace:
    """The face of a row; DataError names it."""
    image = named_file(folder, row.image)
    if not os.path.isfile(image):
        raise DataError(f"{row.where}: expected the image {image}, there is none")
    check_points(row.where, landmarks, image_size(image), unlabelled=True)
    width, height = np.nanmax(landmarks, 0) - np.nanmin(landmarks, 0)
    if max(width, height) < LEAST_SIDE:
        raise DataError(
            f"{row.where}: expected points in pixels, they reach over {width:.2f} x "
            f"{height:.2f}: are they shares of the picture's size?"
        )
    part = row.where.rpartition(", ")[2]
    return ImageFace(row.name or f"{row.image} ({part})", image, landmarks, person=row.person)


def _check_places(path: Path, values: dict[str, Any]) -> None:
    for key in (*SPLITS, "images"):
        place = values.get(key, "")
        if not isinstance(place, str) or "\0" in place:
            raise ValueError(f"{path}: {key}: expected a path, got {values[key]!r}")


def scan(path: Path, split: str) -> Scanned:
    """The faces of a split; ValueError for what is wrong with the description itself."""
    values = read_description(path)
    scheme = scheme_from(path, values)
    _check_places(path, values)
    coordinates = coordinates_of(path, values, scheme.points)
    scanned = Scanned(scheme, [], [], [])
    if split not in values:
        scanned.problems.append(f"{path}: {split}: expected a list or a folder of faces, got none")
        return scanned
    source = path.parent / values[split]
    if not _is_source(source):
        kinds = f"{', '.join(READERS)} or a folder"
        scanned.problems.append(f"{path}: {split}: expected {kinds}, got {values[split]!r}")
        return scanned
    folder = source if os.path.isdir(source) else source.parent
    folder = path.parent / values["images"] if "images" in values else folder
    with noted(scanned.problems):
        order = _order(path, values, coordinates)
        _read(scanned, list_rows(source, scheme.points), folder, coordinates, order)
    if not scanned.faces and not scanned.problems:
        scanned.problems.append(f"{source}: expected faces, there are none")
    if split == "test":
        scanned.problems.extend(
            f"{source}, {face.name}: expected labelled points of the normaliser, in two places; "
            "errors of test faces are divided by their distance"
            for face in scanned.faces
            if not _scorable(face, scheme)
        )
    if os.path.isdir(source) and (copies := copied_images(source)):
        names = few([path.name for path in copies])
        scanned.notes.append(f"{len(copies)} copies are left out: {names}")
    scanned.notes[:] = [f"{split}: {note}" for note in scanned.notes + _unlabelled(scanned)]
    return scanned


def _read(scanned: Scanned, rows: Rows, folder: Path, coordinates: Coordinates, order: Any) -> None:
    """Add the faces of the rows to what is found."""
    written: list[tuple[Row, NDArray[np.float32], float]] = []
    for row in rows:
        with noted(scanned.problems):
            if isinstance(row, DataError):
                raise row
            points = coordinates.written(row, order)
            written.append((row, points, coordinates.counted_from(row)))
    missing = coordinates.unlabelled([points for _, points, _ in written])
    for row, points, first in written:
        with noted(scanned.problems):
            landmarks = coordinates.landmarks(points, missing, first)
            scanned.faces.append(_face(row, folder, landmarks))
    origins = {f"{first:g}" for _, _, first in written}
    if origins:
        scanned.notes.append(f"the first pixel's centre is at {' or '.join(sorted(origins))}")
    if coordinates.missing is None:
        for value in missing:
            count = sum(int((points == value).all(-1).sum()) for _, points, _ in written)
            where = f"points at ({value:g}, {value:g}) are taken for unlabelled"
            if count:
                scanned.notes.append(f"{count} {where}; `missing: []` takes them as they are")


def _scorable(face: ImageFace, scheme: Scheme) -> bool:
    """Whether the face has the distances that errors are divided by."""
    schemes = normalisations(scheme).values()
    distances = [by.unit(face.landmarks[None]) for by in schemes]
    return all((distance > 0).all() for distance in distances)


def _unlabelled(scanned: Scanned) -> list[str]:
    """A line that says how many points are unlabelled, if any is."""
    missing = [int(np.isnan(face.landmarks).any(-1).sum()) for face in scanned.faces]
    if not any(missing):
        return []
    points = f"{sum(missing)} of {scanned.scheme.points * len(scanned.faces)} points"
    where = f"{np.count_nonzero(missing)} of {len(scanned.faces)} faces"
    return [f"{points} are unlabelled, in {where}"]


def given_splits(path: Path) -> list[str]:
    """Which of "train" and "test" a description has."""
    values = read_description(path)
    return [split for split in SPLITS if split in values]


def check(path: Path) -> Checked:
    """Look at every file of a description, pixels included."""
    splits = {split: scan(path, split) for split in given_splits(path)}
    problems = [] if splits else [f"{path}: expected train, test or both, got neither"]
    for scanned in splits.values():
        problems += scanned.problems + unreadable(face.path for face in scanned.faces)
    return Checked(
        counts={split: (len(scanned.faces), None) for split, scanned in splits.items()},
        unit="faces",
        problems=list(dict.fromkeys(problems)),
        source=None,
        doubts=list(_doubts(path, splits)),
        notes=[note for scanned in splits.values() for note in scanned.notes],
        faces={split: least_alike_first(scanned.faces) for split, scanned in splits.items()},
        scheme=next((scanned.scheme for scanned in splits.values()), None),
    )


def _doubts(path: Path, splits: dict[str, Scanned]) -> Iterator[str]:
    """One line for everything that looks wrong without being an error."""
    for split, scanned in splits.items():
        yield from (f"{path}: {split}: {m}" for m in doubts_of(scanned.faces, scanned.scheme))
    if len(splits) == len(SPLITS):
        yield from (f"{path}: {message}" for message in _between(*splits.values()))


def _between(train: Scanned, test: Scanned) -> Iterator[str]:
    """One line for everything that looks wrong with both splits together."""
    paths = ([face.path for face in split.faces] for split in (train, test))
    yield from filter(None, (repeated_faces(*paths), other_kind(train.faces, test.faces)))


def load(path: Path, split: str) -> FaceSet:
    """The faces of "train" or "test" of a .yml file; DataError tells all problems at once."""
    scanned = scan(path, split)
    if scanned.problems:
        raise DataError(scanned.problems)
    if split == "test" and "train" in given_splits(path):
        for message in _between(scan(path, "train"), scanned):
            warnings.warn(f"{path}: {message}", DataWarning, stacklevel=3)
    for message in _doubts(path, {split: scanned}):
        warnings.warn(message, DataWarning, stacklevel=3)
    name = data_name(path, read_description(path))
    return face_set(name, split, scanned.scheme, scanned.faces)
