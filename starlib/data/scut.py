"""SCUT-FBP5500: 5,500 images with 86 points each in binary `.pts` files (0-based pixel centres).

Read in two layouts: as distributed (`Images/*.jpg`, `facial landmark/*.pts`), or split into the
folders `train/` and `test/` with each `.pts` file beside its image. There is no official split for
landmarks. Ours is by name: CRC-32 modulo 100 of the name without its suffix, below 44 for train,
44 to 54 for test; the rest is not used.
"""

import zlib
from collections.abc import Mapping
from pathlib import Path

from starlib.data.errors import noted
from starlib.data.faces import ImageFace, Scan
from starlib.data.pts import pairs, read_binary_pts, read_face
from starlib.data.reader import Counts, Reader, counts_by_split
from starlib.schemes import SCHEMES

SOURCE = "https://github.com/HCIILAB/SCUT-FBP5500-Database-Release (links on that page)"
ALL = 5500
SPLITS = {"train": range(44), "test": range(44, 55)}  # CRC-32 modulo 100
IMAGES, LANDMARKS = "Images", "facial landmark"


def _whole(root: Path) -> tuple[list[tuple[Path, Path]], list[str]]:
    """Image and `.pts` file of each face as distributed, and problems."""
    folders = root / IMAGES, root / LANDMARKS
    return pairs(*folders) if all(folder.is_dir() for folder in folders) else ([], [])


def scan(root: Path, split: str) -> Scan:
    """The faces of a split, in either layout."""
    if (root / split).is_dir():
        both, problems = pairs(root / split)
    else:
        both, problems = _whole(root)
        both = [pair for pair in both if zlib.crc32(pair[0].stem.encode()) % 100 in SPLITS[split]]
    place = f"{root}: expected {split}/, or {IMAGES}/ and {LANDMARKS}/"
    result = Scan(f"{place}; get SCUT-FBP5500 from {SOURCE}", problems=problems)
    for image, annotation in both:
        with noted(problems):
            points = SCHEMES["scut-fbp5500"].points
            landmarks = read_face(image, annotation, points, 0, read_binary_pts)
            result.faces.append(ImageFace(image.relative_to(root).as_posix(), image, landmarks))
    return result


def counts(root: Path, scans: Mapping[str, Scan]) -> Counts:
    """Faces by split, which has no official number, and all faces with the official one."""
    whole = len(_whole(root)[0]) or sum(len(result.faces) for result in scans.values())
    return {**counts_by_split(root, scans), "all": (whole, ALL)}


READER = Reader("scut-fbp5500", scan, SOURCE, counts=counts)
