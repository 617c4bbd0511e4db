"""Crop store: the faces of a split as one uint8 array on disk, so that training decodes no image.

A network sees a view, a square around the centre of the bounding box of the labelled landmarks
(`view_boxes`); what is stored is STORE_MARGIN / VIEW_MARGIN times as wide, for augmentation.
"""

import contextlib
import glob
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from starlib.data.errors import DataError
from starlib.data.faces import FaceSet, extent

STORE_MARGIN = 1.5
VIEW_MARGIN = 1.2
# The rule that the authors give in words and in their demo. Their evaluation reads centre and scale
# of each face from a table (`starlib.data.released.metadata_boxes`), which need not be the same.
RELEASED_MARGIN = 1.05
# By kind: the side of the landmarks' box that decides a view's, and the factor between the two.
CROPS = {"longer": ("longer", VIEW_MARGIN), "released": ("shorter", RELEASED_MARGIN)}
REACH = 2.0  # of labels, in [-1, 1] of a stored crop: what a record of a run holds
VERSION = 1  # goes up when a crop of the same face would look different


@dataclass(frozen=True)
class CropStore:
    """images: [F, 3, S, S] uint8 RGB, memory-mapped. landmarks: [F, N, 2] in [-1, 1] of the crop,
    NaN where unlabelled.

    fingerprint: hash of the pixels and landmarks.
    """

    images: NDArray[np.uint8]
    landmarks: NDArray[np.float32]
    clean: NDArray[np.float32] | None
    fingerprint: str


def store_size(image_size: int) -> int:
    """Side of a stored crop in pixels, so that the view of the network is `image_size` pixels."""
    return round(image_size * STORE_MARGIN / VIEW_MARGIN)


def landmark_boxes(
    landmarks: NDArray, margin: float = STORE_MARGIN, side_of: Callable[..., NDArray] = np.max
) -> NDArray[np.float32]:
    """Left, top and side [F, 3] of the squares around the labelled ones of landmarks [F, N, 2], of
    `margin` times the longer side of their box, or the shorter one for `np.min`."""
    low, high = extent(landmarks)
    side = margin * side_of(high - low, axis=-1, keepdims=True)
    return np.concatenate(((low + high - side) / 2, side), axis=-1).astype(np.float32)


def view_boxes(landmarks: NDArray, kind: str = "longer") -> NDArray[np.float32]:
    """Left, top and side [F, 3] of what a network sees of faces with landmarks [F, N, 2], or with
    the corners [F, 2, 2] of face boxes; `kind` is one of CROPS."""
    side, margin = CROPS[kind]
    return landmark_boxes(landmarks, margin, np.min if side == "shorter" else np.max)


def stored_boxes(views: NDArray) -> NDArray[np.float32]:
    """Left, top and side [F, 3] of the stored crops with room around views [F, 3]."""
    room = views[:, 2:] * ((STORE_MARGIN / VIEW_MARGIN - 1) / 2)
    return np.concatenate((views[:, :2] - room, views[:, 2:] + 2 * room), axis=-1)


def crop(image: Image.Image, box: NDArray, size: int) -> NDArray[np.uint8]:
    """The square `box` (left, top, side in pixels) of an image, [3, size, size]; black outside."""
    left, top, side = (float(value) for value in box)
    outer = (int(left) - 2, int(top) - 2, int(left + side) + 3, int(top + side) + 3)
    inner = (left - outer[0], top - outer[1], left - outer[0] + side, top - outer[1] + side)
    try:
        cut = image.crop(outer)
    except Image.DecompressionBombError as error:
        raise ValueError(
            f"box: expected a face's, its crop has {side:.0f} pixels a side"
        ) from error
    resized = cut.resize((size, size), Image.Resampling.BILINEAR, box=inner)
    return np.asarray(resized).transpose(2, 0, 1)


def crop_store(faces: FaceSet, image_size: int, root: Path, kind: str = "longer") -> CropStore:
    """Open the split's store of crops of a kind (CROPS) under `root`, building it first if it is
    not there.

    The store appears whole or not at all; DataError names the image that could not be read.
    """
    size = store_size(image_size)
    key = hashlib.sha256(repr((VERSION, size, faces.names)).encode())
    key.update(faces.landmarks.tobytes())
    key.update(faces.stamp.encode())
    if kind != "longer":
        key.update(kind.encode())
    folder = root / f"{faces.dataset}-{faces.split}-{size}-{key.hexdigest()[:12]}"
    if not folder.is_dir():
        with _appearing_at(folder) as partial:
            boxes = landmark_boxes(faces.landmarks)  # as in the committed runs, to the last digit
            if kind != "longer":
                boxes = stored_boxes(view_boxes(faces.landmarks, kind))
            _build(faces, boxes, size, partial)
    return _open(folder)


@contextlib.contextmanager
def _appearing_at(folder: Path) -> Iterator[Path]:
    """A folder to write in that is renamed to `folder` at the end, or removed on an error. With
    the whole folder goes what killed processes have left of it."""
    prefix = f".partial-{folder.name}-"
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=prefix, dir=folder.parent) as name:
            partial = Path(name) / "store"
            partial.mkdir()
            yield partial
            os.rename(partial, folder)
    except OSError as error:
        if not folder.is_dir():  # else another process was first
            raise OSError(f"{folder}: cannot be written: {error.strerror or error}") from error
    for left in folder.parent.glob(f"{glob.escape(prefix)}*"):
        shutil.rmtree(left, ignore_errors=True)


def _build(faces: FaceSet, boxes: NDArray[np.float32], size: int, folder: Path) -> None:
    def to_crop(landmarks: NDArray) -> NDArray[np.float32]:
        return (2 * (landmarks - boxes[:, None, :2]) / boxes[:, None, 2:] - 1).astype(np.float32)

    with np.errstate(divide="ignore", invalid="ignore"):
        arrays: dict[str, Any] = {"landmarks": to_crop(faces.landmarks)}
    far = ~(boxes[:, 2] > 0) | (np.abs(arrays["landmarks"]) >= REACH).any((1, 2))
    if far.any():
        raise DataError(
            f"{faces.names[int(far.argmax())]}: expected labels that the crop reaches; one by the "
            "shorter side of their box does not for so long a face, one by the longer does"
        )
    shape = (len(faces), 3, size, size)
    images = np.lib.format.open_memmap(folder / "images.npy", "w+", np.uint8, shape)
    _reserve(folder / "images.npy")
    digest = hashlib.sha256()
    for index in range(len(faces)):
        images[index] = crop(faces.read(index), boxes[index], size)
        digest.update(images[index].tobytes())
    images.flush()

    if faces.clean is not None:
        arrays["clean"] = to_crop(faces.clean)
    digest.update(arrays["landmarks"].tobytes())
    np.savez(folder / "faces.npz", fingerprint=np.array(digest.hexdigest()[:16]), **arrays)


def _reserve(path: Path) -> None:
    """Take the space of a file on the disk: writing into a mapped file on a full one would end the
    process without a word."""
    if hasattr(os, "posix_fallocate"):
        with path.open("r+b") as file:
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)


def _open(folder: Path) -> CropStore:
    try:
        with np.load(folder / "faces.npz") as faces:
            return CropStore(
                images=np.load(folder / "images.npy", mmap_mode="r"),
                landmarks=faces["landmarks"],
                clean=faces.get("clean"),
                fingerprint=str(faces["fingerprint"]),
            )
    except Exception as error:  # numpy's reader of a damaged file raises nearly anything
        raise DataError(f"{folder}: expected a crop store, remove it to build it anew") from error
