"""The pictures that a command line names: files, folders, patterns, and frames of videos."""

import glob
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from PIL import Image

from starlib.data.images import open_image
from starlib.data.paths import is_image, visible_files
from starlib.data.vw300 import decode

VIDEO_SUFFIXES = (".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg")


@dataclass(frozen=True)
class Source:
    """An image or video file, and the name [folder/]stem of what is written about it."""

    path: Path
    name: str

    @property
    def video(self) -> bool:
        """Whether it is a video, by its suffix."""
        return self.path.suffix.lower() in VIDEO_SUFFIXES


@dataclass(frozen=True)
class Picture:
    """An RGB image: a file's, or the frame (from 1) of a video, with its time in
    `info["seconds"]`. name: as its source's, with /000001 for a frame."""

    source: Source
    name: str
    image: Image.Image
    frame: int | None = None


def sources(given: list[str]) -> list[Source]:
    """The files that are given, those of given folders (with the folders in them) that have a
    picture's or video's suffix, and those that match a pattern such as "*.jpg"; hidden files of
    folders are left out. Each has a name of its own: its stem, with suffix and folders where
    others have the same.

    ValueError for what is not there and for a folder without pictures.
    """
    found: dict[Path, list[Path]] = {}  # file -> its possible names, the shortest first
    missing = []
    for text in given:
        path = Path(text)
        if text and path.is_dir():  # a path of "" is the working folder
            below = visible_files(path, below=True)
            files = [p for p in below if is_image(p) or p.suffix.lower() in VIDEO_SUFFIXES]
            if not files:
                raise ValueError(f"photos: expected pictures or videos in {text}, there are none")
        else:
            matches = map(Path, sorted(glob.glob(text, recursive=True)))
            files = [path] if path.is_file() else [p for p in matches if p.is_file()]
            missing += [] if files else [text or "''"]
        for file in files:
            inside = file.relative_to(path) if path.is_dir() else Path(file.name)
            found.setdefault(file.resolve(), [file, inside])
    if missing:
        raise ValueError(f"photos: expected image files, missing are {', '.join(missing)}")
    names = _own_names([_longer_names(file, inside) for file, inside in found.values()])
    return [Source(f, name) for (f, _), name in zip(found.values(), names, strict=True)]


def _longer_names(file: Path, inside: Path) -> list[str]:
    """Possible names of a file, the shortest first: its place in a given folder without and with
    suffix, then with one more folder each."""
    parts = file.resolve().parts[1:]
    longer = [Path(*parts[-n:]) for n in range(len(inside.parts) + 1, len(parts) + 1)]
    return [name.as_posix() for path in (inside, *longer) for name in (path.with_suffix(""), path)]


def _own_names(candidates: list[list[str]]) -> list[str]:
    """Of each list of names the first that no other one has, in upper or lower case."""
    while True:
        counts = Counter(names[0].casefold() for names in candidates)
        twice = [names for names in candidates if counts[names[0].casefold()] > 1 < len(names)]
        if not twice:
            return [names[0] for names in candidates]
        for names in twice:
            del names[0]


def pictures(source: Source, every: int = 1) -> Iterator[Picture]:
    """The picture of a file, upright; or every n-th frame of a video, its first one included.

    DataError names a file that cannot be read; a video's when it breaks.
    """
    if not source.video:
        yield Picture(source, source.name, open_image(source.path))
        return
    for number, image in islice(enumerate(decode(source.path), 1), 0, None, every):
        yield Picture(source, f"{source.name}/{number:06d}", image, number)
