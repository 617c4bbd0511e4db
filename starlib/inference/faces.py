"""`starlib.predict`: the faces in a picture, with their landmarks."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from starlib.data.face_boxes import face_boxes
from starlib.data.faces import open_image
from starlib.inference.detector import Detector, load_detector
from starlib.inference.locate import locate
from starlib.inference.shipped import DEFAULT, weights_path


@dataclass(frozen=True)
class Face:
    """A face in pixels of its picture, 0 at the left and top edge.

    landmarks: [N, 2] (x, y). covariance: [N, 2, 2], None where the network has none. face: left,
    top, right, bottom, as it was detected or given. confidence: of the detector, None where the
    face was given.
    """

    landmarks: NDArray[np.float64]
    covariance: NDArray[np.float64] | None
    face: tuple[float, float, float, float]
    confidence: float | None


def predict(
    image: Image.Image | Path | str | ArrayLike,
    weights: Path | str = DEFAULT,
    faces: Sequence[Sequence[float]] | None = None,
    passes: int = 3,
    flip_average: bool = False,
    device: str = "cpu",
) -> list[Face]:
    """The faces in a picture, the largest first.

    Args:
        image: an RGB image, an array [H, W, 3] of bytes, or a file.
        weights: a network that comes with the project, or a file; read once.
        faces: left, top, right, bottom of each face in pixels, instead of looking for them; they
            reach around what the scheme's points do (`starlib.data.face_boxes`).
        passes, flip_average: as in `starlib.inference.locate.locate`.

    Raises ValueError naming the argument that is wrong, DataError for a file that does not read.
    """
    detector = _detector(str(weights), device)
    picture = _picture(image)
    boxes, confidences = _faces(picture, detector, faces)
    if not len(boxes):
        return []
    crops = detector.boxes(boxes.reshape(-1, 2, 2))
    located = locate(detector, [picture] * len(boxes), crops, passes, flip_average)
    return [
        Face(
            located.landmarks[index],
            None if located.covariance is None else located.covariance[index],
            (float(box[0]), float(box[1]), float(box[2]), float(box[3])),
            confidence,
        )
        for index, (box, confidence) in enumerate(zip(boxes, confidences, strict=True))
    ]


def _faces(
    picture: Image.Image, detector: Detector, given: Sequence[Sequence[float]] | None
) -> tuple[NDArray[np.float64], list[float | None]]:
    if given is None:
        found, confidence = face_boxes(picture, detector.scheme, detector.reach.get("shares"))
        return found, list(map(float, confidence))
    if not len(given):
        return np.empty((0, 4)), []
    boxes = np.asarray(given, np.float64).reshape(len(given), -1)
    right = boxes.shape[1] == 4 and bool(np.isfinite(boxes).all())
    if not right or (boxes[:, :2] >= boxes[:, 2:]).any():
        raise ValueError(f"faces: expected left < right and top < bottom of each, got {given!r}")
    return boxes, [None] * len(boxes)


def _picture(image: Image.Image | Path | str | ArrayLike) -> Image.Image:
    if isinstance(image, Path | str):
        return open_image(Path(image))
    if isinstance(image, Image.Image):
        return image.convert("RGB")
    pixels = np.asarray(image)
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or not pixels.size:
        found = f"{pixels.dtype} {list(pixels.shape)}"
        raise ValueError(f"image: expected an RGB image, a file or uint8 [H, W, 3], got {found}")
    return Image.fromarray(pixels)


@lru_cache(maxsize=4)
def _detector(weights: str, device: str) -> Detector:
    return load_detector(weights_path(weights), device=device)
