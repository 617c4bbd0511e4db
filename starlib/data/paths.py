"""The files of a folder that are data, and the file that a name in a list means."""

import filecmp
import hashlib
import os
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from starlib.data.errors import DataError

# Pictures by their names; whether Pillow reads one, its content decides. Cameras' raw files are
# pictures too, which are then named as unreadable.
IMAGE_SUFFIXES = (
    ".png", ".jpg", ".jpeg", ".bmp", ".jpe", ".jfif", ".dib", ".gif", ".webp", ".tif", ".tiff",
    ".jp2", ".j2k", ".jpx", ".avif", ".heic", ".heif", ".ppm", ".pgm", ".pnm", ".tga", ".psd",
    ".dng", ".cr2", ".cr3", ".nef", ".arw", ".raf", ".orf", ".rw2", ".jxl",
)  # fmt: skip
_MIRRORED = re.compile(r"^(?P<of>.+?)[ _-]?(mirror(ed)?|flip(ped)?)$", re.IGNORECASE)
_COPIED = re.compile(r"^(?P<of>.+?)( ?\(\d+\)|[ _-]+copy( ?\d+)?)$", re.IGNORECASE)


def is_image(path: Path) -> bool:
    """Whether a file is a picture by its name."""
    return path.suffix.lower() in IMAGE_SUFFIXES


def visible_files(folder: Path, below: bool = False) -> list[Path]:
    """The files of a folder, and of those `below` it, sorted; without hidden ones: names that begin
    with a dot, such as a Mac's companions ._NAME, and the folder __MACOSX of its archives.

    DataError names a folder that cannot be read.
    """
    try:
        paths = sorted(folder.rglob("*") if below else folder.iterdir())
        parts = [path.relative_to(folder).parts for path in paths]
        hidden = [any(p.startswith(".") or p == "__MACOSX" for p in each) for each in parts]
        return [p for p, hide in zip(paths, hidden, strict=True) if not hide and p.is_file()]
    except OSError as error:
        raise DataError(f"{folder}: expected a readable folder ({error})") from error


def copied_images(folder: Path) -> list[Path]:
    """The pictures of a folder, sorted, that were made from another one of them: `a_mirror.jpg`
    beside an `a`, and `a (1).jpg`, `a copy.jpg` beside an `a` of the same content."""
    stems: dict[str, list[Path]] = {}
    paths = [path for path in visible_files(folder) if is_image(path)]
    for path in paths:
        stems.setdefault(path.stem, []).append(path)
    made = []
    for path in paths:
        mirrored, copied = _MIRRORED.match(path.stem), _COPIED.match(path.stem)
        originals = stems.get(copied["of"], []) if copied else []
        same = any(filecmp.cmp(path, original, shallow=False) for original in originals)
        if same or (mirrored and mirrored["of"] in stems):
            made.append(path)
    return made


def repeats(paths: Iterable[Path]) -> dict[Path, str]:
    """Those of the files of which another one has the same content -> what they share."""
    sizes: dict[int, list[Path]] = {}
    for path in dict.fromkeys(paths):
        sizes.setdefault(path.stat().st_size, []).append(path)
    alike = [path for group in sizes.values() if len(group) > 1 for path in group]
    digests = {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in alike}
    counts = Counter(digests.values())
    return {path: text for path, text in digests.items() if counts[text] > 1}


def named_file(folder: Path, name: str) -> Path:
    """The file of a folder that a list calls `name`: with "\\" for "/" as on Windows, and its
    suffix in the case that is there. The path as it is written where there is none."""
    path = folder / name
    if os.path.isfile(path):  # Path.is_file raises for names that are too long
        return path
    path = folder / name.replace("\\", "/")
    suffix = path.suffix
    for case in (suffix, suffix.lower(), suffix.upper()):
        if suffix and os.path.isfile(path.with_suffix(case)):
            return path.with_suffix(case)
    return path


def image_named(folder: Path, stem: str) -> Path | None:
    """The picture of that name, whatever its suffix; None if there is none."""
    cases = (case for suffix in IMAGE_SUFFIXES for case in (suffix, suffix.upper()))
    paths = (folder / f"{stem}{case}" for case in cases)
    return next((path for path in paths if os.path.isfile(path)), None)
