"""`.pts` landmark files, as text (300-W, 300-VW) and binary (SCUT-FBP5500), beside their images."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from starlib.data.errors import DataError
from starlib.data.faces import check_points
from starlib.data.images import image_size
from starlib.data.paths import copied_images, is_image, visible_files
from starlib.data.text import as_float32, read_text

_POINTS = re.compile(r"\{([^}]*)\}", re.DOTALL)


def read_pts(path: Path, points: int | None) -> NDArray[np.float32]:
    """Landmarks [points, 2] of a text `.pts` file, as they stand in it (1-based for 300-W); of any
    number for None.

    The `version:` and `n_points:` lines may be missing. Raises DataError naming the file.
    """
    text = read_text(path, ".pts file")
    match = _POINTS.search(text)
    try:
        numbers = [float(word) for word in (match.group(1) if match else text).split()]
    except ValueError as error:
        raise DataError(f"{path}: expected lines of two numbers between braces ({error})") from None
    points = len(numbers) // 2 if points is None else points
    if len(numbers) != 2 * points:
        raise DataError(f"{path}: expected {points} points, found {len(numbers) / 2:g}")
    return as_float32(numbers).reshape(points, 2)


def read_binary_pts(path: Path, points: int) -> NDArray[np.float32]:
    """Landmarks [points, 2] of a binary `.pts` file, as they stand in it.

    It holds the number of points as int32, then x, y of each as float32, little-endian. Raises
    DataError naming the file.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: expected a readable .pts file ({error})") from error
    count = int.from_bytes(content[:4], "little", signed=True)
    if len(content) < 4 or count != points:
        raise DataError(f"{path}: expected a binary .pts file of {points} points, found {count}")
    if len(content) != 4 + 8 * points:
        raise DataError(f"{path}: expected {4 + 8 * points} bytes, found {len(content)}")
    values = np.frombuffer(content, "<f4", offset=4).astype(np.float32)
    values[~np.isfinite(values)] = np.nan  # signalling ones would warn in sums, before being named
    return values.reshape(points, 2)


def read_face(
    image: Path,
    annotation: Path,
    points: int,
    first_pixel: float,
    read: Callable[[Path, int], NDArray[np.float32]] = read_pts,
) -> NDArray[np.float32]:
    """Landmarks [points, 2] of an image, 0 at its left and top edge.

    `first_pixel` is the coordinate that the file gives the centre of the first pixel. Raises
    DataError naming the file that cannot be read, or whose points are not in the image.
    """
    landmarks = read(annotation, points) + np.float32(0.5 - first_pixel)
    check_points(annotation, landmarks, image_size(image))
    return landmarks


def pairs(
    folder: Path, annotations: Path | None = None
) -> tuple[list[tuple[Path, Path]], list[str]]:
    """Each image of a folder with its `.pts` file, and a problem for each without a partner.

    The `.pts` files lie beside the images, or in the folder `annotations`. Hidden files and copies
    are left out (`starlib.data.paths`).
    """
    beside = annotations or folder
    copies, images = set(copied_images(folder)), dict[str, list[Path]]()
    for path in visible_files(folder):
        if is_image(path) and path not in copies:
            images.setdefault(path.stem, []).append(path)
    left_out = {path.stem for path in copies} - set(images)
    listed = [path for path in visible_files(beside) if path.suffix.lower() == ".pts"]
    found = {path.stem: path for path in listed if path.stem not in left_out}
    problems = [
        f"{beside / stem}.pts: expected the landmarks of {paths[0].name}, the file is missing"
        for stem, paths in images.items()
        if stem not in found
    ]
    problems += [
        f"{paths[1]}: expected one image for {stem}.pts, {paths[0].name} is another"
        for stem, paths in images.items()
        if len(paths) > 1
    ]
    problems += [
        f"{path}: expected an image beside it (.png or .jpg), there is none"
        for stem, path in found.items()
        if stem not in images
    ]
    if not images and not found:
        problems.append(f"{folder}: expected images with .pts files, the folder is empty")
    return [(paths[0], found[stem]) for stem, paths in images.items() if stem in found], problems
