"""Landmarks of faces in pictures: crops cut around boxes, a second time around the landmarks."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from starlib.data import FaceSet
from starlib.inference.detector import Detector

SHRINK, GROW = 0.5, 2.0  # by which a second pass may change the side of the box


@dataclass(frozen=True)
class Located:
    """Faces in pixels of their pictures: landmarks [F, N, 2], their covariance [F, N, 2, 2] or
    None, and the box [F, 3] (left, top, side) that the network saw in the last pass."""

    landmarks: NDArray[np.float64]
    covariance: NDArray[np.float64] | None
    boxes: NDArray[np.float32]


def locate(
    detector: Detector,
    images: Sequence[Image.Image],
    boxes: NDArray,
    passes: int = 3,
    flip_average: bool = False,
) -> Located:
    """The faces in boxes [F, 3], one of each RGB image.

    Networks are trained on boxes around landmarks. From the second pass on the box is that of the
    landmarks of the pass before, so that a box that is too large or beside the face does less harm.
    Each pass takes the network's time once more. `flip_average` as in `Detector.detect`, in the
    last pass.
    """
    if passes < 1:
        raise ValueError(f"passes: expected an integer >= 1, got {passes!r}")
    for number in range(passes):
        crops = np.stack([detector.cut(i, box) for i, box in zip(images, boxes, strict=True)])
        last = number == passes - 1
        landmarks, covariance = detector.detect(crops, boxes, flip_average and last)
        if not last:
            boxes = _near(detector.boxes(landmarks), boxes)
    return Located(landmarks, covariance, boxes)


def _near(boxes: NDArray, before: NDArray) -> NDArray[np.float32]:
    """Boxes [F, 3] whose side is at most twice and at least half that of the boxes before."""
    centre, side = boxes[:, :2] + boxes[:, 2:] / 2, boxes[:, 2:]
    side = np.clip(side, SHRINK * before[:, 2:], GROW * before[:, 2:])
    return np.concatenate((centre - side / 2, side), axis=1).astype(np.float32)


def detect_faces(
    detector: Detector,
    faces: FaceSet,
    boxes: NDArray | None = None,
    batch_size: int = 32,
    report: Callable[[int], object] = lambda faces: None,
    passes: int = 1,
    flip_average: bool = False,
) -> NDArray[np.float64]:
    """Landmarks [F, N, 2] in pixels of a data set's images, each face in its box.

    `boxes` [F, 3]: where they are not those around the annotated landmarks. `report` hears how
    many faces are done. `passes` and `flip_average` as in `locate`.
    """
    if batch_size < 1:
        raise ValueError(f"batch_size: expected an integer >= 1, got {batch_size!r}")
    boxes = detector.boxes(faces.landmarks) if boxes is None else boxes
    landmarks = []
    for start in range(0, len(faces), batch_size):
        batch = range(start, min(start + batch_size, len(faces)))
        images = [faces.read(i) for i in batch]
        located = locate(detector, images, boxes[list(batch)], passes, flip_average)
        landmarks.append(located.landmarks)
        report(len(batch))
    return np.concatenate(landmarks)


def moved_boxes(boxes: NDArray, scale: float = 1.0, shift: float = 0.0) -> NDArray[np.float32]:
    """Boxes [F, 3] as a careless face detector gives them: `scale` times as large around the same
    centre, then moved to the right and down by the share `shift` of the side."""
    left, top, side = np.asarray(boxes, np.float64).T
    new = scale * side
    corner = np.stack((left, top)) + (side - new) / 2 + shift * side
    return np.concatenate((corner, new[None])).T.astype(np.float32)
