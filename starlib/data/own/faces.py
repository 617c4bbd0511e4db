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
train nothing and test nothing. Where `missing` is not given, (-1, -1) is, and (0, 0) or (-999,
-999) where one of the lists has it more than once. Flags 1 (hidden) and 2 are not
distinguished. Crops follow the labelled landmarks. What looks wrong without being an error is a
`DataWarning` (`starlib.data.own.checks`).
"""

import contextlib
import dataclasses
import os
import warnings
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from starlib.data.copies import few, repeated_faces
from starlib.data.errors import DataError, DataWarning, noted
from starlib.data.faces import FaceSet, ImageFace, Scan, check_points, face_set
from starlib.data.images import image_size
from starlib.data.own.checks import doubts_of, least_alike_first, other_kind
from starlib.data.own.coordinates import Coordinates, coordinates_of, order_of
from starlib.data.own.lists import Row, Rows
from starlib.data.own.schemes import data_name, read_description, scheme_from
from starlib.data.own.tools import list_rows
from starlib.data.paths import copied_images, is_image, named_file, visible_files
from starlib.data.reader import SPLITS, Checked
from starlib.schemes import Scheme, normalisations

LEAST_SIDE = 4  # pixels that a face's points reach over; fewer are shares of a picture's size
Description = dict[str, Any]  # keys and values of a .yml file


def _named(path: Path, values: Description, coordinates: Coordinates) -> Coordinates:
    """The coordinates with the names of the scheme's points in its order: of the description, or
    of its first list."""
    if coordinates.names is not None:
        return coordinates
    for source in [named_file(path.parent, values[s]) for s in SPLITS if s in values]:
        row = next(list_rows(source, coordinates.points), None)
        if isinstance(row, Row) and row.names is not None:
            order = order_of(row.names, coordinates.points, f"{row.where}: ")
            return dataclasses.replace(coordinates, names=order)
    return coordinates


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


def scan(path: Path, values: Description, scheme: Scheme, split: str) -> Scan:
    """The faces of a split; ValueError for what is wrong with the description itself."""
    for key in (*SPLITS, "images"):
        place = values.get(key, "")
        if not isinstance(place, str) or "\0" in place:
            raise ValueError(f"{path}: {key}: expected a path, got {values[key]!r}")
    coordinates = coordinates_of(path, values, scheme.points)
    if split not in values:
        return Scan(f"{path}: {split}: expected a list or a folder of faces, got none")
    source = named_file(path.parent, values[split])
    folder = source if os.path.isdir(source) else source.parent
    if "images" in values:
        folder = path.parent / values["images"].replace("\\", "/")
    result = Scan(f"{source}: expected faces, there are none")
    with noted(result.problems):
        coordinates = _named(path, values, coordinates)
        others = [named_file(path.parent, values[s]) for s in SPLITS if s in values and s != split]
        beside = [v for other in others for v in _marks(other, coordinates)]
        _read(result, list_rows(source, scheme.points), folder, coordinates, beside)
    if split == "test":
        schemes = normalisations(scheme).values()
        result.problems += (
            f"{source}, {face.name}: expected labelled points of the normaliser, in two places; "
            "errors of test faces are divided by their distance"
            for face in result.faces
            if not all(by.unit(face.landmarks[None])[0] > 0 for by in schemes)
        )
    if os.path.isdir(source):
        result.notes += _left_out(source, result)
    missing = [int(np.isnan(face.landmarks).any(-1).sum()) for face in result.faces]
    if any(missing):
        points = f"{sum(missing)} of {scheme.points * len(missing)} points"
        where = f"{np.count_nonzero(missing)} of {len(missing)} faces"
        result.notes.append(f"{points} are unlabelled, in {where}")
    return result


def _left_out(folder: Path, result: Scan) -> Iterator[str]:
    """A line for the copies in a folder, and for pictures without landmarks."""
    copies = copied_images(folder)
    if copies:
        yield f"{len(copies)} copies are left out: {few([path.name for path in copies])}"
    if result.problems:
        return
    read = {face.path.resolve() for face in result.faces}.union(copies)
    images = [path for path in visible_files(folder) if is_image(path)]
    if bare := [path.name for path in images if read.isdisjoint((path, path.resolve()))]:
        yield f"{len(bare)} pictures have no landmarks: {few(bare)}"


def _marks(source: Path, coordinates: Coordinates) -> Sequence[float]:
    """The values that mark unlabelled points in the other list, as far as it can be read."""
    written: list[NDArray[np.float32]] = []
    with contextlib.suppress(DataError):
        for row in list_rows(source, coordinates.points) if coordinates.missing is None else ():
            if isinstance(row, Row):
                with contextlib.suppress(DataError):
                    written.append(coordinates.written(row))
    return coordinates.unlabelled(written)


def _read(
    result: Scan,
    rows: Rows,
    folder: Path,
    coordinates: Coordinates,
    beside: Sequence[float],
) -> None:
    """Add the faces of the rows, and notes on them, to the result; `beside`: what marks unlabelled
    points in the other list."""
    written: list[tuple[Row, NDArray[np.float32], float]] = []
    for row in rows:
        with noted(result.problems):
            if isinstance(row, DataError):
                raise row
            points = coordinates.written(row)
            written.append((row, points, coordinates.counted_from(row)))
    own = coordinates.unlabelled([points for _, points, _ in written])
    missing = tuple(dict.fromkeys((*own, *beside)))
    for row, points, first in written:
        with noted(result.problems):
            landmarks = coordinates.landmarks(points, missing, first)
            result.faces.append(_face(row, folder, landmarks))
    origins = {f"{first:g}" for _, _, first in written}
    if origins:
        result.notes.append(f"the first pixel's centre is at {' or '.join(sorted(origins))}")
    if unread := dict.fromkeys(name for row, _, _ in written for name in row.unread):
        result.notes.append(f"columns that are not read: {few(list(unread))}")
    if coordinates.missing is None:
        for value in dict.fromkeys((*missing, 0.0)):
            count = sum(int((points == value).all(-1).sum()) for _, points, _ in written)
            how = "for unlabelled; `missing: []` takes them as they are"
            if value not in missing:
                how = "as they are; `missing: 0` takes them for unlabelled"
            if count:
                result.notes.append(f"{count} points at ({value:g}, {value:g}) are taken {how}")


def check(path: Path) -> Checked:
    """Look at every file of a description, pixels included."""
    values = read_description(path)
    scheme = scheme_from(path, values)
    scans = {split: scan(path, values, scheme, split) for split in SPLITS if split in values}
    problems = [] if scans else [f"{path}: expected train, test or both, got neither"]
    for result in scans.values():
        problems += result.problems or ([] if result.faces else [result.empty])
        problems += result.undecodable()
    return Checked(
        counts={split: (len(result.faces), None) for split, result in scans.items()},
        unit="faces",
        problems=list(dict.fromkeys(problems)),
        source=None,
        doubts=[*_doubts(path, scheme, scans), *_between(path, scans.values())],
        notes=[f"{split}: {note}" for split, result in scans.items() for note in result.notes],
        faces={split: least_alike_first(result.faces) for split, result in scans.items()},
        scheme=scheme if scans else None,
    )


def _doubts(path: Path, scheme: Scheme, scans: dict[str, Scan]) -> Iterator[str]:
    """One line for everything that looks wrong without being an error."""
    for split, result in scans.items():
        yield from (f"{path}: {split}: {m}" for m in doubts_of(result.faces, scheme))


def _between(path: Path, scans: Iterable[Scan]) -> Iterator[str]:
    """One line for everything that looks wrong with training and test faces together."""
    faces = [result.faces for result in scans]
    if len(faces) == len(SPLITS):
        paths = ([face.path for face in part] for part in faces)
        found = (repeated_faces(*paths), other_kind(*faces))
        yield from (f"{path}: {message}" for message in found if message)


def load(path: Path, split: str) -> FaceSet:
    """The faces of "train" or "test" of a .yml file; DataError tells all problems at once."""
    values = read_description(path)
    scheme = scheme_from(path, values)
    result = scan(path, values, scheme, split)
    faces = face_set(data_name(path, values), split, scheme, result)
    doubts = list(_doubts(path, scheme, {split: result}))
    if split == "test" and "train" in values:
        doubts += _between(path, (scan(path, values, scheme, "train"), result))
    for message in doubts:
        warnings.warn(message, DataWarning, stacklevel=3)
    return faces
