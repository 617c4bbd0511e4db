"""300-W as it is distributed: afw/, helen/{trainset,testset}/, lfpw/{trainset,testset}/, ibug/.

Each image (.png or .jpg) has a `.pts` file of the same name beside it: 68 points, 1-based. The
usual split: train is afw + helen/trainset + lfpw/trainset; the common test set is helen/testset +
lfpw/testset, the challenge test set ibug, the full test set both. The faces of the 300-W challenge
itself, 01_Indoor/ and 02_Outdoor/, are the private test set, which is not part of the full one.
"""

import dataclasses
from pathlib import Path

import numpy as np

from starlib.data.copies import few, twice
from starlib.data.errors import noted
from starlib.data.faces import FaceSet, ImageFace, Scan, face_set
from starlib.data.images import unreadable
from starlib.data.paths import copied_images
from starlib.data.pts import pairs, read_face
from starlib.schemes import SCHEMES

SOURCE = "https://ibug.doc.ic.ac.uk/resources/facial-point-annotations/ (form on that page)"
UNIT = "faces"
FOLDERS = {  # folder -> (split, subset, official number of faces)
    "afw": ("train", "afw", 337),
    "helen/trainset": ("train", "helen", 2000),
    "lfpw/trainset": ("train", "lfpw", 811),
    "helen/testset": ("test", "common", 330),
    "lfpw/testset": ("test", "common", 224),
    "ibug": ("test", "challenge", 135),
    "01_Indoor": ("test", "private", 300),
    "02_Outdoor": ("test", "private", 300),
}
FULL = ("common", "challenge")  # what the full test set is made of


def counts(root: Path) -> dict[str, tuple[int, int | None]]:
    """Faces found and official number of faces, by folder, then by training and test set."""
    numbers: dict[str, tuple[int, int | None]] = {}
    sums = {"train": (0, 0), "common": (0, 0), "challenge": (0, 0), "private": (0, 0)}
    for name, (split, subset, official) in FOLDERS.items():
        number = len(pairs(root / name)[0]) if (root / name).is_dir() else 0
        numbers[name] = (number, official)
        whole = "train" if split == "train" else subset
        sums[whole] = (sums[whole][0] + number, sums[whole][1] + official)
    return numbers | sums


def problems(root: Path) -> list[str]:
    """One line for everything that is wrong with the files under `root`, pixels included."""
    lines = _scan(root, "train").problems + _scan(root, "test").problems
    lines += unreadable(image for folder in _folders(root) for image, _ in pairs(folder)[0])
    if not lines and not any(number for number, _ in counts(root).values()):
        lines = [f"{root}: expected the folders {', '.join(FOLDERS)}, none is there"]
    return list(dict.fromkeys(lines))


def doubts(root: Path) -> list[str]:
    """One line for the copies that are left out, and one for faces that are there twice."""
    copies = [path.name for folder in _folders(root) for path in copied_images(folder)]
    lines = [f"{root}: {len(copies)} copies are left out: {few(copies)}"] if copies else []
    same = twice(_scan(root, "train").faces + _scan(root, "test").faces)
    return lines + ([f"{root}: {same}"] if same else [])


def _folders(root: Path) -> list[Path]:
    return [root / name for name in FOLDERS if (root / name).is_dir()]


def _scan(root: Path, split: str) -> Scan:
    scan = Scan()
    for name, (folder_split, subset, _) in FOLDERS.items():
        if folder_split != split or not (root / name).is_dir():
            continue
        both, problems = pairs(root / name)
        scan.problems.extend(problems)
        for image, annotation in both:
            with noted(scan.problems):
                landmarks = read_face(image, annotation, SCHEMES["300w"].points, first_pixel=1)
                label = image.relative_to(root).as_posix()
                scan.faces.append(ImageFace(label, image, landmarks, (subset,)))
    return scan


def load(root: Path, split: str) -> FaceSet:
    """The faces of "train" or "test" under `root`; DataError tells all problems at once."""
    folders = ", ".join(f for f, (s, _, _) in FOLDERS.items() if s == split)
    place = f"{root}: expected images with .pts files in {folders}"
    faces = _scan(root, split).checked(f"{place}; get 300-W from {SOURCE}")
    subsets = list(dict.fromkeys(tag for face in faces for tag in face.tags))
    usual = [tag for tag in FULL if tag in subsets]
    # The private test set counts where it is there: most copies of 300-W come without it.
    official = sum(
        number
        for folder_split, subset, number in FOLDERS.values()
        if folder_split == split and (subset != "private" or subset in subsets)
    )
    whole = face_set("300w", split, SCHEMES["300w"], faces, subsets, official)
    if len(usual) < len(FULL):
        return whole
    full = np.logical_or.reduce([whole.subsets[tag] for tag in usual])
    return dataclasses.replace(whole, subsets=whole.subsets | {"full": full})
