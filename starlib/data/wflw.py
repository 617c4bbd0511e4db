"""WFLW as it is distributed: WFLW_images/, WFLW_annotations/list_98pt_rect_attr_train_test/.

A line of a list is one face: 98 points x, y (0-based, the first pixel's centre is at 0), the face
box (left, top, right, bottom), six attributes (0 or 1) and the image's name in WFLW_images/. An
image may hold several faces. Faces whose image is not there are left out: the copy is partial.

READER_68 is WFLW with 68 points in place of its 98, for models trained on 300-W: a test set only.
derived_68pt/list_68pt_rect_attr_test.txt lies in WFLW's folder, in the same format with 136
coordinates. Eight eyelid points of 300-W have no counterpart in WFLW and are interpolated, so it is
derived, not official.
"""

import os
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import numpy as np

from starlib.data.errors import DataError, noted
from starlib.data.faces import ImageFace, Scan, check_points
from starlib.data.images import image_size
from starlib.data.paths import named_file
from starlib.data.reader import Reader
from starlib.data.text import finite_numbers, read_text
from starlib.schemes import SCHEMES

SOURCE = "https://wywu.github.io/projects/LAB/WFLW.html (images on Google Drive or Baidu)"
LISTS = {
    split: f"WFLW_annotations/list_98pt_rect_attr_train_test/list_98pt_rect_attr_{split}.txt"
    for split in ("train", "test")
}
LISTS_68 = {"test": "derived_68pt/list_68pt_rect_attr_test.txt"}
OFFICIAL = {"train": 7500, "test": 2500}
SUBSETS = ("full", "pose", "expression", "illumination", "makeup", "occlusion", "blur")


def scan(root: Path, split: str, lists: Mapping[str, str] = LISTS, scheme: str = "wflw") -> Scan:
    """The faces of a split's list, with the points of a scheme."""
    path, images, points = root / lists[split], root / "WFLW_images", SCHEMES[scheme].points
    result = Scan(f"{images}: expected images of {path}, none is there", OFFICIAL[split])
    if not path.is_file():
        result.empty = f"{path}: expected the list of the split {split}; get WFLW from {SOURCE}"
        return result
    with noted(result.problems):
        for number, line in enumerate(read_text(path, "list of faces").splitlines(), 1):
            if line.strip():
                with noted(result.problems):
                    _add_face(result, f"{path}, line {number}", line, images, points)
    return result


def _add_face(result: Scan, where: str, line: str, images: Path, points: int) -> None:
    """Add the face of a line: 2 · points coordinates, box, attributes, image name."""
    words = line.split(maxsplit=2 * points + 10)
    if len(words) != 2 * points + 11:
        expected = f"{2 * points + 11} words ({points} points)"
        raise DataError(f"{where}: expected {expected}, found {len(words)}")
    *numbers, name = words
    values = finite_numbers(where, numbers)
    flags = values[2 * points + 4 :]
    if not np.isin(flags, (0, 1)).all():
        raise DataError(f"{where}: expected six attributes of 0 or 1, got {numbers[-6:]}")
    path, number = named_file(images, name.strip()), where.rpartition(" ")[2]
    if not os.path.isfile(path):  # false too for a name that is too long
        result.missing.append(f"{path}: expected the image of line {number}, missing")
        return
    tags = ("full", *(tag for tag, flag in zip(SUBSETS[1:], flags, strict=True) if flag))
    landmarks = values[: 2 * points].reshape(points, 2) + np.float32(0.5)
    size = image_size(path)
    result.faces.append(ImageFace(f"{name.strip()}#{number}", path, landmarks, tags))
    check_points(where, landmarks, size)


READER = Reader("wflw", scan, SOURCE, subsets=SUBSETS, train_faces=OFFICIAL["train"])
_scan_68 = partial(scan, lists=LISTS_68, scheme="300w")
READER_68 = Reader("wflw-68", _scan_68, SOURCE, ("test",), SUBSETS, folder="wflw")
