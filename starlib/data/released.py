"""The crop that the released networks see: a square around the face, as 256 x 256 pixels.

As in the public source of the released evaluator: side 200 · scale around a centre, the middle of
the square on the middle of the crop, bilinear, black outside, BGR, x / 127.5 - 1. The pixels agree
with OpenCV's warp, which it uses, to one grey level. Crop coordinates there are (2x + 1) / 256 - 1
for the pixel index x, the same as in this project.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from starlib.data.errors import DataError
from starlib.data.text import read_text

SAME_FACE = 2.0  # mean distance in pixels below which two annotations are of one face


def released_crop(image: Image.Image, box: NDArray, size: int) -> NDArray[np.uint8]:
    """The square `box` (left, top, side in pixels) of an image, RGB [3, size, size].

    Bilinear between pixels, without smoothing, fading into black outside the image.
    """
    left, top, side = (float(value) for value in box)
    step = side / size
    framed = Image.new("RGB", (image.width + 2, image.height + 2))
    framed.paste(image, (1, 1))
    where = (step, 0.0, left + 1, 0.0, step, top + 1)
    affine, bilinear = Image.Transform.AFFINE, Image.Resampling.BILINEAR
    return np.asarray(framed.transform((size, size), affine, where, bilinear)).transpose(2, 0, 1)


def metadata_boxes(path: Path | str, landmarks: NDArray) -> NDArray[np.float32]:
    """Left, top and side [F, 3] of the crops that the authors' table (test.tsv) has for the faces
    with these landmarks [F, N, 2].

    A line holds the image's name, five points, the landmarks, scale and the centre's x and y, with
    tabs between. Faces are found by their landmarks. DataError for a line that does not read so
    and for faces without a line.
    """
    path = Path(path)
    lines = read_text(path, "table of faces of the authors").splitlines()
    points, squares = [], []
    for number, line in enumerate(lines, 1):
        words = line.split("\t")
        try:
            points.append(np.array([float(v) for v in words[2].split(",")]).reshape(-1, 2))
            squares.append([float(v) for v in words[3:6]])
            if points[-1].shape != landmarks.shape[1:] or len(squares[-1]) != 3:
                raise ValueError(f"{len(points[-1])} points and {len(squares[-1])} numbers")
            if not (np.isfinite(squares[-1]).all() and squares[-1][0] > 0):
                raise ValueError(f"scale and centre {squares[-1]}")
        except (ValueError, IndexError) as error:
            if number == 1 and not any(c.isdigit() for c in "".join(words[3:6])):
                continue  # names of the columns
            raise DataError(
                f"{path}, line {number}: expected an image, five points, "
                f"{landmarks.shape[1]} points, scale and centre ({error})"
            ) from error
    return _matched(np.array(points), np.array(squares), landmarks, path)


def _matched(theirs: NDArray, squares: NDArray, ours: NDArray, path: Path) -> NDArray[np.float32]:
    boxes, unknown = np.zeros((len(ours), 3), np.float32), []
    for index, face in enumerate(ours):
        apart = face - theirs if len(theirs) else np.full((1, *face.shape), np.inf)
        distance = np.nanmean(np.linalg.norm(apart, axis=-1), -1)
        row = int(distance.argmin())
        if not distance[row] < SAME_FACE:
            unknown.append(index)
            continue
        # Their pixels may be counted from elsewhere (0, 0.5 or 1): move the centre along.
        scale, centre = squares[row, 0], squares[row, 1:] + np.nanmean(apart[row], 0)
        boxes[index] = (*(centre - 100 * scale), 200 * scale)
    if unknown:
        raise DataError(
            f"{path}: expected a line for every face, {len(unknown)} have none: {unknown[:10]}"
        )
    return boxes
