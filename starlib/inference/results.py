"""Output for the faces of a picture: JSON, rows of a table."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

import starlib
from starlib.data.face_boxes import box_meaning
from starlib.data.own.lists import FIRST_PIXEL
from starlib.inference.detector import Detector
from starlib.inference.faces import Face
from starlib.inference.pictures import Picture
from starlib.schemes import Scheme


def units(detector: Detector) -> dict[str, str]:
    """Units and meaning of the numbers in a picture's record."""
    if detector.calibration is None:
        meaning = "the spread of the network's heatmap or its predicted covariance, not calibrated"
    else:
        meaning = (
            "the network's covariance, with the variance of one cell of its heatmaps, times "
            f"{detector.calibration:.4g}, the factor of its weights "
            "that makes the squared Mahalanobis distance of labels average 2 on "
            f"{detector.calibrated_on}"
        )
    return {
        "landmarks": "x, y in pixels of the upright picture, 0 at its left and top edge",
        "covariance": f"pixels squared, [[xx, xy], [xy, yy]] of each point: {meaning}",
        "ellipse": "drawn at one standard deviation (Mahalanobis distance 1), which holds 39 % of "
        "a Gaussian's points",
        "face": "left, top, right, bottom in pixels of the face as it was detected or given: "
        f"{box_meaning(detector.scheme)}",
        "confidence": "of the face detector, 0 to 1; null where the face was given",
        "box": "left, top and side in pixels of the square that the network saw",
    }


def picture_record(
    picture: Picture,
    detector: Detector,
    faces: list[Face],
    about: dict[str, Any],
) -> dict[str, Any]:
    """The record of a picture with its faces."""
    return {
        "image": picture.source.path.name,
        "frame": picture.frame,
        **about,
        "width": picture.image.width,
        "height": picture.image.height,
        "scheme": detector.scheme.name,
        "calibration": detector.calibration,
        "starlib": starlib.__version__,
        "units": units(detector),
        "faces": [_face_record(face) for face in faces],
    }


def _face_record(face: Face) -> dict[str, Any]:
    return {
        "face": [round(side, 3) for side in face.face],
        "confidence": face.confidence,
        "box": dict(zip(("left", "top", "side"), np.round(face.box, 3).tolist(), strict=True)),
        "landmarks": face.landmarks.round(3).tolist(),
        "covariance": None if face.covariance is None else face.covariance.round(5).tolist(),
    }


def table_header(scheme: Scheme) -> list[str]:
    """Names of the columns of `table_rows`."""
    points = [f"{axis}{point}" for point in range(scheme.points) for axis in "xy"]
    return ["image", *points, FIRST_PIXEL, "frame", "face", "confidence"]


def listed_name(image: Path, folder: Path) -> str:
    """The name of an image in a list that lies in `folder`: its path from there, unless it was
    given as an absolute one or lies on another drive."""
    if image.is_absolute():
        return str(image)
    try:
        return Path(os.path.relpath(image, folder)).as_posix()
    except ValueError:
        return str(image.resolve())


def table_rows(record: dict[str, Any], name: str) -> Iterator[list[Any]]:
    """A row for each face of a picture's record: image, x and y of each point, the coordinate that
    they give the first pixel's centre (a list of your own data says it so), frame, number of the
    face from 0, confidence."""
    for number, face in enumerate(record["faces"]):
        numbers = [value for point in face["landmarks"] for value in point]
        yield [name, *numbers, 0.5, record["frame"], number, face["confidence"]]
