"""300-W as it is distributed: afw/, helen/{trainset,testset}/, lfpw/{trainset,testset}/, ibug/.

Each image (.png or .jpg) has a `.pts` file of the same name beside it: 68 points, 1-based. The
usual split: train is afw + helen/trainset + lfpw/trainset; the common test set is helen/testset +
lfpw/testset, the challenge test set ibug, the full test set both. The faces of the 300-W challenge
itself, 01_Indoor/ and 02_Outdoor/, are the private test set, which is not part of the full one.
"""

import dataclasses
from collections.abc import Mapping
from pathlib import Path

from starlib.data.copies import few, twice
from starlib.data.errors import noted
from starlib.data.faces import ImageFace, Scan
from starlib.data.paths import copied_images
from starlib.data.pts import pairs, read_face
from starlib.data.reader import Counts, Reader
from starlib.schemes import SCHEMES

SOURCE = "https://ibug.doc.ic.ac.uk/resources/facial-point-annotations/ (form on that page)"
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


def scan(root: Path, split: str) -> Scan:
    """The faces of the folders of a split, each tagged with its subset."""
    folders = {n: subset for n, (where, subset, _) in FOLDERS.items() if where == split}
    place = f"{root}: expected images with .pts files in {', '.join(folders)}"
    result = Scan(f"{place}; get 300-W from {SOURCE}")
    for name, subset in folders.items():
        if not (root / name).is_dir():
            continue
        both, problems = pairs(root / name)
        result.problems += problems
        for image, annotation in both:
            with noted(result.problems):
                landmarks = read_face(image, annotation, SCHEMES["300w"].points, first_pixel=1)
                label = image.relative_to(root).as_posix()
                result.faces.append(ImageFace(label, image, landmarks, (subset,)))
    there = {face.tags[0] for face in result.faces}
    if there.issuperset(FULL):
        result.faces = [
            dataclasses.replace(face, tags=(*face.tags, "full")) if face.tags[0] in FULL else face
            for face in result.faces
        ]
    # The private test set counts where it is there: most copies of 300-W come without it.
    counted = {n for n, subset in folders.items() if subset != "private" or subset in there}
    result.official = sum(FOLDERS[name][2] for name in counted)
    return result


def counts(root: Path, _: Mapping[str, Scan]) -> Counts:
    """Faces found and official number of faces, by folder, then by training and test set."""
    numbers: Counts = {}
    sums = {"train": (0, 0), "common": (0, 0), "challenge": (0, 0), "private": (0, 0)}
    for name, (split, subset, official) in FOLDERS.items():
        number = len(pairs(root / name)[0]) if (root / name).is_dir() else 0
        numbers[name] = (number, official)
        whole = "train" if split == "train" else subset
        sums[whole] = (sums[whole][0] + number, sums[whole][1] + official)
    return numbers | sums


def doubts(root: Path, scans: Mapping[str, Scan]) -> list[str]:
    """One line for the copies that are left out, and one for faces that are there twice."""
    folders = [root / name for name in FOLDERS if (root / name).is_dir()]
    copies = [path.name for folder in folders for path in copied_images(folder)]
    lines = [f"{root}: {len(copies)} copies are left out: {few(copies)}"] if copies else []
    same = twice([face for result in scans.values() for face in result.faces])
    return lines + ([f"{root}: {same}"] if same else [])


READER = Reader(
    "300w",
    scan,
    SOURCE,
    subsets=tuple(dict.fromkeys([*(subset for _, subset, _ in FOLDERS.values()), "full"])),
    counts=counts,
    doubts=doubts,
)
