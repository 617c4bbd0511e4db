"""WFLW as it is distributed: WFLW_images/, WFLW_annotations/list_98pt_rect_attr_train_test/.

A line of a list is one face: 98 points x, y (0-based, the first pixel's centre is at 0), the face
box (left, top, right, bottom), six attributes (0 or 1) and the image's name in WFLW_images/. An
image may hold several faces. Faces whose image is not there are left out: the copy is partial.

WFLW68 is WFLW with 68 points in place of its 98, for models trained on 300-W: a test set only.
derived_68pt/list_68pt_rect_attr_test.txt lies in WFLW's folder, in the same format with 136
coordinates. Eight eyelid points of 300-W have no counterpart in WFLW and are interpolated, so it is
derived, not official.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from starlib.data.faces import (
    DataError,
    FaceSet,
    ImageFace,
    face_set,
    image_size,
    landmark_problem,
    unreadable,
)
from starlib.data.paths import named_file
from starlib.data.text import as_float32, read_text
from starlib.schemes import SCHEMES

SOURCE = "https://wywu.github.io/projects/LAB/WFLW.html (images on Google Drive or Baidu)"
UNIT = "faces"
LISTS = {
    split: f"WFLW_annotations/list_98pt_rect_attr_train_test/list_98pt_rect_attr_{split}.txt"
    for split in ("train", "test")
}
OFFICIAL = {"train": 7500, "test": 2500}
LIST_68 = "derived_68pt/list_68pt_rect_attr_test.txt"
SUBSETS = ("full", "pose", "expression", "illumination", "makeup", "occlusion", "blur")


@dataclass(frozen=True)
class Listed:
    """What a list file says: the faces with an image, the missing images, and problems."""

    faces: list[ImageFace]
    missing: list[str]
    problems: list[str]


def read_list(path: Path, images: Path, points: int) -> Listed:
    """Read a list file with `points` points a line; DataError if there is no such file."""
    lines = read_text(path, "list of faces").splitlines()
    listed = Listed([], [], [])
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            face = _read_line(f"{path}, line {number}", line, images, points, number)
            if not os.path.isfile(face.path):  # false too for a name that is too long
                listed.missing.append(f"{face.path}: expected the image of line {number}, missing")
                continue
            size = image_size(face.path)
        except DataError as error:
            listed.problems.extend(error.problems)
            continue
        problem = landmark_problem(f"{path}, line {number}", face.landmarks, size)
        listed.problems.extend([problem] if problem else [])
        listed.faces.append(face)
    return listed


def _read_line(where: str, line: str, images: Path, points: int, number: int) -> ImageFace:
    """The face of a line: 2 · points coordinates, box, attributes, image name."""
    words = line.split(maxsplit=2 * points + 10)
    if len(words) != 2 * points + 11:
        raise DataError(
            [f"{where}: expected {2 * points + 11} words ({points} points), found {len(words)}"]
        )
    *numbers, name = words
    try:
        values = as_float32([float(word) for word in numbers])
    except ValueError as error:
        raise DataError([f"{where}: expected numbers before the image's name ({error})"]) from None
    flags = values[2 * points + 4 :]
    if not np.isin(flags, (0, 1)).all():
        raise DataError([f"{where}: expected six attributes of 0 or 1, got {numbers[-6:]}"])
    tags = tuple(tag for tag, flag in zip(SUBSETS[1:], flags, strict=True) if flag)
    landmarks = values[: 2 * points].reshape(points, 2) + np.float32(0.5)
    return ImageFace(f"{name.strip()}#{number}", named_file(images, name.strip()), landmarks, tags)


def counts(root: Path) -> dict[str, tuple[int, int | None]]:
    """Faces with an image and official number of faces, by list."""
    return {
        split: (_count(root / LISTS[split], root, "wflw"), official)
        for split, official in OFFICIAL.items()
    }


def _count(path: Path, root: Path, scheme: str) -> int:
    if not path.is_file():
        return 0
    return len(read_list(path, root / "WFLW_images", SCHEMES[scheme].points).faces)


def problems(root: Path) -> list[str]:
    """One line for everything that is wrong with the files under `root`, pixels included."""
    paths = [root / name for name in LISTS.values() if (root / name).is_file()]
    if not paths:
        return [f"{root}: expected {LISTS['train']} and the same for test, none is there"]
    return [problem for path in paths for problem in list_problems(path, root, "wflw")]


def list_problems(path: Path, root: Path, scheme: str) -> list[str]:
    """One line for everything that is wrong with a list and its images, missing ones too."""
    try:
        listed = read_list(path, root / "WFLW_images", SCHEMES[scheme].points)
    except DataError as error:
        return error.problems
    lines = listed.problems + listed.missing + unreadable(face.path for face in listed.faces)
    return list(dict.fromkeys(lines))


def load(root: Path, split: str) -> FaceSet:
    """The faces of "train" or "test" under `root`; DataError tells all problems at once."""
    return load_list(root, "wflw", split, LISTS[split], "wflw", OFFICIAL[split])


def load_list(
    root: Path, dataset: str, split: str, name: str, scheme: str, official: int | None
) -> FaceSet:
    """The faces of the list file `name`, with the subsets by attribute."""
    path = root / name
    if not path.is_file():
        raise DataError([f"{path}: expected the list of the split {split}; get WFLW from {SOURCE}"])
    listed = read_list(path, root / "WFLW_images", SCHEMES[scheme].points)
    if listed.problems:
        raise DataError(listed.problems)
    if not listed.faces:
        raise DataError([f"{root / 'WFLW_images'}: expected images of {path}, none is there"])
    subsets = [n for n in SUBSETS if n == "full" or any(n in face.tags for face in listed.faces)]
    return face_set(dataset, split, SCHEMES[scheme], listed.faces, subsets, official)


def _load_68(root: Path, split: str) -> FaceSet:
    if split != "test":
        raise DataError([f"wflw-68: expected the split test, it has no {split}"])
    return load_list(root, "wflw-68", split, LIST_68, "300w", OFFICIAL["test"])


WFLW68 = SimpleNamespace(
    SOURCE=SOURCE,
    UNIT=UNIT,
    counts=lambda root: {"test": (_count(root / LIST_68, root, "300w"), OFFICIAL["test"])},
    problems=lambda root: list_problems(root / LIST_68, root, "300w"),
    load=_load_68,
)
