"""`starlib.predict`: the faces in a picture, with their landmarks."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from starlib.checks import FARTHEST, FLAG, integer
from starlib.data.face_boxes import CONFIDENCE, face_boxes
from starlib.data.images import open_image
from starlib.inference.detector import Detector, load_detector
from starlib.inference.locate import locate
from starlib.inference.shipped import DEFAULT, weights_path


@dataclass(frozen=True)
class Face:
    """A face in pixels of its picture, 0 at the left and top edge.

    landmarks: [N, 2] (x, y). covariance: [N, 2, 2], None where the network has none. face: left,
    top, right, bottom, as it was detected or given. confidence: of the detector, None where the
    face was given. box: left, top and side of the square that the network saw in the last pass.
    """

    landmarks: NDArray[np.float64]
    covariance: NDArray[np.float64] | None
    face: tuple[float, ...]
    confidence: float | None
    box: tuple[float, ...]


def predict(
    image: Image.Image | Path | str | ArrayLike,
    weights: Path | str = DEFAULT,
    faces: Sequence[Sequence[float]] | None = None,
    passes: int = 3,
    flip_average: bool = False,
    device: str = "cpu",
    confidence: float = CONFIDENCE,
    largest: bool = False,
) -> list[Face]:
    """The faces in a picture, the largest first.

    Args:
        image: an RGB image, an array [H, W, 3] of bytes, or a file.
        weights: a network that comes with the project, or a file; read once.
        faces: left, top, right, bottom of each face in pixels, instead of looking for them; they
            reach around what the scheme's points do (`starlib.data.face_boxes`).
        passes, flip_average: as in `starlib.inference.locate.locate`.
        confidence: faces that the detector is less sure of, from 0 to 1, are left out.
        largest: of the faces that are found the largest alone.

    Raises ValueError naming the argument that is wrong, DataError for a file that does not read.
    """
    detector = _detector(str(weights), device)
    how = (passes, flip_average, confidence, largest)
    return locate_faces(detector, _picture(image), faces, *how)


def locate_faces(
    detector: Detector,
    picture: Image.Image,
    given: Sequence[Sequence[float]] | None = None,
    passes: int = 3,
    flip_average: bool = False,
    confidence: float = CONFIDENCE,
    largest: bool = False,
    argument: str = "faces",
) -> list[Face]:
    """The faces of an RGB image; those that are `given` are called `argument` in errors. Other
    arguments as in `predict`."""
    integer(1).check("passes", passes)
    FLAG.check("flip_average", flip_average)
    if given is None:
        FLAG.check("largest", largest)
        shares = detector.reach.get("shares")
        boxes, sure = face_boxes(picture, detector.scheme, shares, confidence)
        boxes, sure = (boxes[:1], sure[:1]) if largest else (boxes, sure)
        confidences: list[float | None] = list(map(float, sure))
    else:
        boxes = _boxes(argument, given, picture.size)
        confidences = [None] * len(boxes)
    if not len(boxes):
        return []
    crops = detector.boxes(boxes.reshape(-1, 2, 2))
    located = locate(detector, [picture] * len(boxes), crops, passes, flip_average)
    spreads = [None] * len(boxes) if located.covariance is None else located.covariance
    faces, squares = (map(tuple, sides.tolist()) for sides in (boxes, located.boxes))
    parts = zip(located.landmarks, spreads, faces, confidences, squares, strict=True)
    return [Face(*values) for values in parts]


def _boxes(
    argument: str, given: Sequence[Sequence[float]], size: tuple[int, int]
) -> NDArray[np.float64]:
    """Boxes [F, 4] as they are given, each in a picture of (width, height)."""
    try:
        boxes = np.array([[float(side) for side in box] for box in given]).reshape(len(given), 4)
    except (TypeError, ValueError):
        boxes = np.full((1, 4), np.nan)
    corner, opposite = boxes[:, :2], boxes[:, 2:]
    if not ((np.abs(boxes) <= FARTHEST).all() and (corner < opposite).all()):
        expected = "left < right and top < bottom of each"
        raise ValueError(f"{argument}: expected {expected}, got {given!r}")
    if ((opposite <= 0) | (corner >= size)).any():
        expected = f"each inside the picture of {size[0]} x {size[1]}"
        raise ValueError(f"{argument}: expected {expected}, got {given!r}")
    return boxes


def _picture(image: Image.Image | Path | str | ArrayLike) -> Image.Image:
    if isinstance(image, Path | str):
        return open_image(Path(image))
    if isinstance(image, Image.Image):
        if image.mode[0] in "IF" or 0 in image.size:
            found = f"mode {image.mode}, {image.width} x {image.height}"
            raise ValueError(f"image: expected pixels of 8 bits per channel, got {found}")
        return image.convert("RGB")
    pixels = np.asarray(image)
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or not pixels.size:
        found = f"{pixels.dtype} {list(pixels.shape)}"
        raise ValueError(f"image: expected an RGB image, a file or uint8 [H, W, 3], got {found}")
    return Image.fromarray(pixels)


@lru_cache(maxsize=4)
def _detector(weights: str, device: str) -> Detector:
    return load_detector(weights_path(weights, "weights"), device=device)
