"""300-W as it is distributed: afw/, helen/{trainset,testset}/, lfpw/{trainset,testset}/, ibug/.

Each image (.png or .jpg) has a `.pts` file of the same name beside it: 68 points, 1-based. The
official split: train is afw + helen/trainset + lfpw/trainset; the common test set is
helen/testset + lfpw/testset, the challenge test set ibug, the full test set both.
"""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from starlib.data.faces import DataError, FaceSet, landmark_problem, open_image
from starlib.schemes import SCHEMES

SOURCE = "https://ibug.doc.ic.ac.uk/resources/facial-point-annotations/ (form on that page)"
FOLDERS = {  # folder -> (split, subset, official number of faces)
    "afw": ("train", "afw", 337),
    "helen/trainset": ("train", "helen", 2000),
    "lfpw/trainset": ("train", "lfpw", 811),
    "helen/testset": ("test", "common", 330),
    "lfpw/testset": ("test", "common", 224),
    "ibug": ("test", "challenge", 135),
}
IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp")
_POINTS = re.compile(r"\{([^}]*)\}", re.DOTALL)


def read_pts(path: Path, points: int) -> NDArray[np.float32]:
    """Landmarks [points, 2] of a text `.pts` file, as they stand in it (1-based for 300-W).

    The `version:` and `n_points:` lines may be missing. Raises DataError naming the file.
    """
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError([f"{path}: expected a readable .pts file ({error})"]) from error
    match = _POINTS.search(text)
    try:
        numbers = [float(word) for word in (match.group(1) if match else text).split()]
    except ValueError as error:
        raise DataError(
            [f"{path}: expected lines of two numbers between braces ({error})"]
        ) from None
    if len(numbers) != 2 * points:
        raise DataError([f"{path}: expected {points} points, found {len(numbers) / 2:g}"])
    return np.asarray(numbers, np.float32).reshape(points, 2)


def _read_face(image: Path, annotation: Path, points: int) -> NDArray[np.float32]:
    # 1-based pixel centres -> distance from the image's edge
    landmarks = read_pts(annotation, points) - np.float32(0.5)
    try:
        with Image.open(image) as opened:  # reads the header only
            size = opened.size
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise DataError([f"{image}: expected a readable image ({error})"]) from error
    problem = landmark_problem(annotation, landmarks, size)
    if problem:
        raise DataError([problem])
    return landmarks


def _pairs(folder: Path) -> tuple[list[tuple[Path, Path]], list[str]]:
    """Each image of a folder with its `.pts` file, and a problem for each without a partner."""
    files = sorted(path for path in folder.iterdir() if path.is_file())
    images: dict[str, list[Path]] = {}
    for path in files:
        if path.suffix.lower() in IMAGE_SUFFIXES:
            images.setdefault(path.stem, []).append(path)
    annotations = {path.stem: path for path in files if path.suffix.lower() == ".pts"}
    problems = [
        f"{folder / stem}.pts: expected the landmarks of {paths[0].name}, the file is missing"
        for stem, paths in images.items()
        if stem not in annotations
    ]
    problems += [
        f"{paths[1]}: expected one image for {stem}.pts, {paths[0].name} is another"
        for stem, paths in images.items()
        if len(paths) > 1
    ]
    problems += [
        f"{path}: expected an image beside it (.png or .jpg), there is none"
        for stem, path in annotations.items()
        if stem not in images
    ]
    if not images and not annotations:
        problems.append(f"{folder}: expected images with .pts files, the folder is empty")
    both = [(paths[0], annotations[s]) for s, paths in images.items() if s in annotations]
    return both, problems


def folder_counts(root: Path) -> dict[str, tuple[int, int]]:
    """Faces found and official number of faces, by folder."""
    return {
        name: (len(_pairs(root / name)[0]) if (root / name).is_dir() else 0, official)
        for name, (_, _, official) in FOLDERS.items()
    }


def problems(root: Path) -> list[str]:
    """One line for everything that is wrong with the files under `root`, pixels included."""
    told: list[str] = []
    for split in ("train", "test"):
        images, _, _, found = _scan(root, split)
        told += found
        for image in images:
            try:
                open_image(image)
            except DataError as error:
                told += error.problems
    if not told and not any(found for found, _ in folder_counts(root).values()):
        told = [f"{root}: expected the folders {', '.join(FOLDERS)}, none is there"]
    return list(dict.fromkeys(told))


def _scan(
    root: Path, split: str
) -> tuple[list[Path], list[str], list[NDArray[np.float32]], list[str]]:
    """Images, their subsets, landmarks of those that can be read, and problems of a split."""
    paths: list[Path] = []
    tags: list[str] = []
    found: list[NDArray[np.float32]] = []
    problems: list[str] = []
    for name, (folder_split, subset, _) in FOLDERS.items():
        if folder_split != split or not (root / name).is_dir():
            continue
        both, missing = _pairs(root / name)
        problems += missing
        for image, annotation in both:
            try:
                found.append(_read_face(image, annotation, SCHEMES["300w"].points))
            except DataError as error:
                problems += error.problems
            paths.append(image)
            tags.append(subset)
    return paths, tags, found, problems


def load(root: Path, split: str) -> FaceSet:
    """The faces of "train" or "test" under `root`; DataError tells all problems at once."""
    paths, tags, found, problems = _scan(root, split)
    if not paths and not problems:
        folders = ", ".join(f for f, (s, _, _) in FOLDERS.items() if s == split)
        problems = [
            f"{root}: expected images with .pts files in {folders}; get 300-W from {SOURCE}"
        ]
    if problems:
        raise DataError(problems)
    subset_masks = {tag: np.array([t == tag for t in tags]) for tag in dict.fromkeys(tags)}
    if split == "test" and len(subset_masks) == 2:
        subset_masks["full"] = np.ones(len(tags), bool)
    return FaceSet(
        dataset="300w",
        split=split,
        scheme=SCHEMES["300w"],
        names=tuple(path.relative_to(root).as_posix() for path in paths),
        landmarks=np.stack(found),
        read=_reader(paths),
        subsets=subset_masks,
        official=sum(n for s, _, n in FOLDERS.values() if s == split),
    )


def _reader(paths: list[Path]) -> Callable[[int], Image.Image]:
    return lambda index: open_image(paths[index])
