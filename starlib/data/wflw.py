"""WFLW as it is distributed: WFLW_images/, WFLW_annotations/list_98pt_rect_attr_train_test/.

A line of a list is one face: 98 points x, y (0-based, the first pixel's centre is at 0), the face
box (left, top, right, bottom), six attributes (0 or 1) and the image's name in WFLW_images/. An
image may hold several faces. Faces whose image is not there are left out: the copy is partial.

WFLW_68 is WFLW with 68 points in place of its 98, for models trained on 300-W: a test set only.
derived_68pt/list_68pt_rect_attr_test.txt lies in WFLW's folder, in the same format with 136
coordinates. Eight eyelid points of 300-W have no counterpart in WFLW and are interpolated, so it is
derived, not official.
"""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from starlib.data.errors import DataError, noted
from starlib.data.faces import FaceSet, ImageFace, Scan, check_points, face_set
from starlib.data.images import image_size
from starlib.data.paths import named_file
from starlib.data.text import as_float32, read_text
from starlib.schemes import SCHEMES

LISTS = {
    split: f"WFLW_annotations/list_98pt_rect_attr_train_test/list_98pt_rect_attr_{split}.txt"
    for split in ("train", "test")
}
OFFICIAL = {"train": 7500, "test": 2500}
SUBSETS = ("full", "pose", "expression", "illumination", "makeup", "occlusion", "blur")


@dataclass(frozen=True)
class WFLW:
    """A data set in WFLW's folder. lists: split -> file of its faces."""

    name: str
    scheme: str
    lists: dict[str, str]
    SOURCE = "https://wywu.github.io/projects/LAB/WFLW.html (images on Google Drive or Baidu)"
    UNIT = "faces"

    def counts(self, root: Path) -> dict[str, tuple[int, int | None]]:
        """Faces with an image and official number of faces, by split."""
        there = [split for split, path in self.lists.items() if (root / path).is_file()]
        found = {split: len(self._scan(root, split).faces) for split in there}
        return {split: (found.get(split, 0), OFFICIAL[split]) for split in self.lists}

    def problems(self, root: Path) -> list[str]:
        """One line for everything that is wrong with the files under `root`, pixels included."""
        lines: list[str] = []
        there = [split for split, path in self.lists.items() if (root / path).is_file()]
        for split in there:
            with noted(lines):
                lines += self._scan(root, split).all_problems()
        if not there:
            lines = [f"{root}: expected {' or '.join(self.lists.values())}, none is there"]
        return lines

    def load(self, root: Path, split: str) -> FaceSet:
        """The faces of a split under `root`, with the subsets by attribute; DataError tells all
        problems at once."""
        if split not in self.lists:
            raise DataError(f"{self.name}: expected the split test, it has no {split}")
        path = root / self.lists[split]
        if not path.is_file():
            place = f"{path}: expected the list of the split {split}"
            raise DataError(f"{place}; get WFLW from {self.SOURCE}")
        empty = f"{root / 'WFLW_images'}: expected images of {path}, none is there"
        faces = self._scan(root, split).checked(empty)
        subsets = [n for n in SUBSETS if n == "full" or any(n in face.tags for face in faces)]
        return face_set(self.name, split, SCHEMES[self.scheme], faces, subsets, OFFICIAL[split])

    def _scan(self, root: Path, split: str) -> Scan:
        path, scan = root / self.lists[split], Scan()
        for number, line in enumerate(read_text(path, "list of faces").splitlines(), 1):
            if not line.strip():
                continue
            where = f"{path}, line {number}"
            with noted(scan.problems):
                face = self._face(where, line, root / "WFLW_images", number)
                if not os.path.isfile(face.path):  # false too for a name that is too long
                    message = f"{face.path}: expected the image of line {number}, missing"
                    scan.missing.append(message)
                    continue
                size = image_size(face.path)
                scan.faces.append(face)
                check_points(where, face.landmarks, size)
        return scan

    def _face(self, where: str, line: str, images: Path, number: int) -> ImageFace:
        """The face of a line: 2 · points coordinates, box, attributes, image name."""
        points = SCHEMES[self.scheme].points
        words = line.split(maxsplit=2 * points + 10)
        if len(words) != 2 * points + 11:
            expected = f"{2 * points + 11} words ({points} points)"
            raise DataError(f"{where}: expected {expected}, found {len(words)}")
        *numbers, name = words
        try:
            values = as_float32([float(word) for word in numbers])
        except ValueError as error:
            message = f"{where}: expected numbers before the image's name ({error})"
            raise DataError(message) from None
        flags = values[2 * points + 4 :]
        if not np.isin(flags, (0, 1)).all():
            raise DataError(f"{where}: expected six attributes of 0 or 1, got {numbers[-6:]}")
        tags = tuple(tag for tag, flag in zip(SUBSETS[1:], flags, strict=True) if flag)
        landmarks = values[: 2 * points].reshape(points, 2) + np.float32(0.5)
        path = named_file(images, name.strip())
        return ImageFace(f"{name.strip()}#{number}", path, landmarks, tags)


WFLW_98 = WFLW("wflw", "wflw", LISTS)
WFLW_68 = WFLW("wflw-68", "300w", {"test": "derived_68pt/list_68pt_rect_attr_test.txt"})
