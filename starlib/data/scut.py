"""SCUT-FBP5500: 5,500 images with 86 points each in binary `.pts` files (0-based pixel centres).

Read in two layouts: as distributed (`Images/*.jpg`, `facial landmark/*.pts`), or split into the
folders `train/` and `test/` with each `.pts` file beside its image. There is no official split for
landmarks. Ours is by name: CRC-32 modulo 100 of the name without its suffix, below 44 for train,
44 to 54 for test; the rest is not used.
"""

import zlib
from pathlib import Path

from starlib.data.errors import noted
from starlib.data.faces import FaceSet, ImageFace, Scan, face_set
from starlib.data.images import unreadable
from starlib.data.pts import pairs, read_binary_pts, read_face
from starlib.schemes import SCHEMES

SOURCE = "https://github.com/HCIILAB/SCUT-FBP5500-Database-Release (links on that page)"
UNIT = "faces"
SCHEME = SCHEMES["scut-fbp5500"]
ALL = 5500
SPLITS = {"train": range(44), "test": range(44, 55)}  # CRC-32 modulo 100
IMAGES, LANDMARKS = "Images", "facial landmark"


def _pairs(root: Path, split: str) -> tuple[list[tuple[Path, Path]], list[str]]:
    """Image and `.pts` file of each face of a split, and problems."""
    if (root / split).is_dir():
        return pairs(root / split)
    if not (root / IMAGES).is_dir() or not (root / LANDMARKS).is_dir():
        return [], []
    both, problems = pairs(root / IMAGES, root / LANDMARKS)
    return [pair for pair in both if _number(pair[0]) in SPLITS[split]], problems


def _number(path: Path) -> int:
    return zlib.crc32(path.stem.encode()) % 100


def counts(root: Path) -> dict[str, tuple[int, int | None]]:
    """Faces by split, which has no official number, and all faces with the official one."""
    numbers = {split: len(_pairs(root, split)[0]) for split in SPLITS}
    both = (root / IMAGES, root / LANDMARKS)
    whole = len(pairs(*both)[0]) if all(f.is_dir() for f in both) else sum(numbers.values())
    return {**{split: (number, None) for split, number in numbers.items()}, "all": (whole, ALL)}


def problems(root: Path) -> list[str]:
    """One line for everything that is wrong with the files under `root`, pixels included."""
    lines: list[str] = []
    for split in SPLITS:
        pictures = [image for image, _ in _pairs(root, split)[0]]
        lines += _scan(root, split).problems + unreadable(pictures)
    if not lines and not any(number for number, _ in counts(root).values()):
        lines = [f"{root}: expected train/ and test/, or {IMAGES}/ and {LANDMARKS}/, none is there"]
    return list(dict.fromkeys(lines))


def _scan(root: Path, split: str) -> Scan:
    both, problems = _pairs(root, split)
    scan = Scan(problems=problems)
    for image, annotation in both:
        with noted(problems):
            landmarks = read_face(image, annotation, SCHEME.points, 0, read_binary_pts)
            scan.faces.append(ImageFace(image.relative_to(root).as_posix(), image, landmarks))
    return scan


def load(root: Path, split: str) -> FaceSet:
    """The faces of "train" or "test" under `root`; DataError tells all problems at once."""
    place = f"{root}: expected {split}/, or {IMAGES}/ and {LANDMARKS}/"
    faces = _scan(root, split).checked(f"{place}; get SCUT-FBP5500 from {SOURCE}")
    return face_set("scut-fbp5500", split, SCHEME, faces)
