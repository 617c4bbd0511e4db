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


def _read_face(image: Path, points: int) -> NDArray[np.float32]:
    # 1-based pixel centres -> distance from the image's edge
    landmarks = read_pts(image.with_suffix(".pts"), points) - np.float32(0.5)
    try:
        with Image.open(image) as opened:  # reads the header only
            size = opened.size
    except (OSError, SyntaxError) as error:
        raise DataError([f"{image}: expected a readable image ({error})"]) from error
    problem = landmark_problem(image.with_suffix(".pts"), landmarks, size)
    if problem:
        raise DataError([problem])
    return landmarks


def _images(folder: Path) -> tuple[list[Path], list[str]]:
    """The folder's images, and a problem for each image or `.pts` file without its partner."""
    files = sorted(path for path in folder.iterdir() if path.is_file())
    images = [path for path in files if path.suffix.lower() in IMAGE_SUFFIXES]
    annotations = {path.stem for path in files if path.suffix.lower() == ".pts"}
    problems = [
        f"{path.with_suffix('.pts')}: expected the landmarks of {path.name}, the file is missing"
        for path in images
        if path.stem not in annotations
    ]
    problems += [
        f"{folder / stem}.pts: expected an image beside it (.png or .jpg), there is none"
        for stem in sorted(annotations - {path.stem for path in images})
    ]
    return [path for path in images if path.stem in annotations], problems


def folder_counts(root: Path) -> dict[str, tuple[int, int]]:
    """Faces found and official number of faces, by folder."""
    return {
        name: (len(_images(root / name)[0]) if (root / name).is_dir() else 0, official)
        for name, (_, _, official) in FOLDERS.items()
    }


def load(root: Path, split: str) -> FaceSet:
    """The faces of "train" or "test" under `root`; DataError tells all problems at once."""
    scheme = SCHEMES["300w"]
    paths: list[Path] = []
    tags: list[str] = []
    found: list[NDArray[np.float32]] = []
    problems: list[str] = []
    for name, (folder_split, subset, _) in FOLDERS.items():
        if folder_split != split or not (root / name).is_dir():
            continue
        images, missing = _images(root / name)
        problems += missing
        for image in images:
            try:
                found.append(_read_face(image, scheme.points))
            except DataError as error:
                problems += error.problems
            paths.append(image)
            tags.append(subset)
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
        scheme=scheme,
        names=tuple(path.relative_to(root).as_posix() for path in paths),
        landmarks=np.stack(found),
        read=_reader(paths),
        subsets=subset_masks,
        official=sum(n for s, _, n in FOLDERS.values() if s == split),
    )


def _reader(paths: list[Path]) -> Callable[[int], Image.Image]:
    return lambda index: open_image(paths[index])
