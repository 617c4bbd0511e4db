"""COFW as it is distributed: MATLAB v7.3 files, in colour or in grayscale.

COFW_train_color.mat and COFW_test_color.mat hold the images as a cell array (IsTr, IsT), and for
each face a row of 29 x, 29 y (1-based) and 29 occlusion flags (phisTr, phisT); the grayscale files
COFW_train.mat and COFW_test.mat, which serve where the others are missing, the same. The face boxes
(bboxesTr, bboxesT) are not needed: crops follow the landmarks. The released training set has 1,345
faces, 845 of them from LFPW. Images are read from the file one by one.
"""

import contextlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from starlib.data.errors import DataError, noted
from starlib.data.faces import ImageFace, Scan, check_points
from starlib.data.reader import Reader
from starlib.data.text import as_float32
from starlib.schemes import SCHEMES

SOURCE = "https://data.caltech.edu/records/bc0bf-nc666 (direct: python -m starlib data fetch cofw)"
ARCHIVE = (  # of 503 MB
    "https://data.caltech.edu/records/bc0bf-nc666/files/COFW_color.zip?download=1",
    "bc6a79bda1bd88705082af9ebdd31188cf5841917b09534b25067e424a0130e5",
)
VARIABLES = {"train": ("IsTr", "phisTr"), "test": ("IsT", "phisT")}
OFFICIAL = {"train": 1345, "test": 507}


def _open(path: Path) -> Any:
    """The HDF5 file; DataError naming it if it is none."""
    try:
        import h5py
    except ImportError as error:
        raise ImportError("reading COFW needs h5py: pip install 'starloss[data]'") from error
    try:
        return h5py.File(path, "r")
    except OSError as error:
        raise DataError(f"{path}: expected a MATLAB v7.3 file ({error})") from error


def _read_rows(path: Path, split: str) -> tuple[list[Any], NDArray[np.float32]]:
    """References to the images, and the rows [F, 87]; DataError for what is not there."""
    images, rows = VARIABLES[split]
    with _open(path) as file:
        if missing := [name for name in (images, rows) if name not in file]:
            raise DataError(f"{path}: expected the variables {', '.join(missing)}")
        references = list(file[images][()].ravel())
        values = as_float32(file[rows][()])
    points = SCHEMES["cofw"].points
    if values.shape != (3 * points, len(references)):  # MATLAB's columns are HDF5's rows
        raise DataError(
            f"{path}: expected {rows} with {3 * points} numbers for each of "
            f"{len(references)} images, found shape {values.shape[::-1]}"
        )
    return references, values.T


@contextlib.contextmanager
def _stored(expected: str) -> Iterator[None]:
    """What h5py raises where an image is missing or damaged becomes a DataError."""
    try:
        yield
    except (OSError, ValueError, KeyError, AttributeError) as error:
        raise DataError(f"{expected} ({error})") from error


def _read(path: Path, reference: Any, index: int) -> Image.Image:
    """RGB image of an array [W, H] or [3, W, H], as HDF5 shows MATLAB's [H, W] or [H, W, 3]."""
    with _open(path) as file, _stored(f"{path}: expected image {index + 1}"):
        pixels = np.asarray(file[reference][()])
    if pixels.dtype != np.uint8 or pixels.ndim not in (2, 3) or pixels.shape[:-2] not in ((), (3,)):
        raise DataError(
            f"{path}: expected image {index + 1} as uint8 [3, W, H] or [W, H], "
            f"found {pixels.dtype} {list(pixels.shape)}"
        )
    return Image.fromarray(np.ascontiguousarray(pixels.T)).convert("RGB")


def scan(root: Path, split: str) -> Scan:
    """The faces of a split's file; landmarks, flags and the images' shapes are looked at."""
    path, gray = (root / f"COFW_{split}{kind}.mat" for kind in ("_color", ""))
    if gray.is_file() and not path.is_file():
        path = gray
    result = Scan(f"{path}: expected faces, it holds none", OFFICIAL[split])
    if not path.is_file():
        result.empty = f"{path}: expected the file of the split {split}; get COFW from {SOURCE}"
        return result
    with noted(result.problems):
        references, rows = _read_rows(path, split)
        x, y, flags = np.split(rows, 3, axis=1)
        landmarks = np.stack((x, y), axis=-1) - np.float32(0.5)
        with _open(path) as file:
            for index, reference in enumerate(references):
                name, read = f"{path.name}#{index + 1}", partial(_read, path, reference, index)
                result.faces.append(ImageFace(name, path, landmarks[index], person=name, read=read))
                with noted(result.problems):
                    where = f"{path}, face {index + 1}"
                    with _stored(f"{where}: expected an image"):
                        width, height = file[reference].shape[-2:]
                    check_points(where, landmarks[index], (width, height))
                    if not np.isin(flags[index], (0, 1)).all():
                        raise DataError(f"{where}: expected occlusion flags of 0 or 1")
    return result


READER = Reader("cofw", scan, SOURCE, fetch=(ARCHIVE,), train_faces=OFFICIAL["train"])
