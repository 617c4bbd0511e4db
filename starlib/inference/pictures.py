"""The pictures that a command line names: files, folders, patterns, and frames of videos."""

import glob
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from PIL import Image

from starlib.data.faces import open_image
from starlib.data.pts import IMAGE_SUFFIXES
from starlib.data.vw300 import decode

SUFFIXES = (*IMAGE_SUFFIXES, ".webp", ".tif", ".tiff")
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
    """An RGB image: a file's, or the frame (from 1) of a video. name: as its source's, with
    /000001 for a frame."""

    source: Source
    name: str
    image: Image.Image
    frame: int | None = None


def sources(given: list[str]) -> list[Source]:
    """The files that are given, those of given folders (with the folders in them) that have a
    picture's or video's suffix, and those that match a pattern such as "*.jpg".

    ValueError for what is not there, for a folder without pictures, and for two files of which the
    same would be written.
    """
    found: list[Source] = []
    missing = []
    for text in given:
        path = Path(text)
        if path.is_dir():
            files = [p for p in sorted(path.rglob("*")) if p.is_file() and _is_picture(p)]
            if not files:
                raise ValueError(f"photos: expected pictures or videos in {text}, there are none")
            found += [Source(p, p.relative_to(path).with_suffix("").as_posix()) for p in files]
        elif path.is_file():
            found.append(Source(path, path.stem))
        else:
            matches = [Path(match) for match in sorted(glob.glob(text, recursive=True))]
            files = [match for match in matches if match.is_file()]
            found += [Source(match, match.stem) for match in files]
            missing += [] if files else [text]
    if missing:
        raise ValueError(f"photos: expected image files, missing are {', '.join(missing)}")
    found = list({source.path.resolve(): source for source in found}.values())
    names = [source.name for source in found]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"photos: expected different names, twice there is {', '.join(twice)}")
    return found


def _is_picture(path: Path) -> bool:
    return path.suffix.lower() in (*SUFFIXES, *VIDEO_SUFFIXES)


def pictures(source: Source, every: int = 1) -> Iterator[Picture]:
    """The picture of a file, upright; or every n-th frame of a video, its first one included.

    DataError names a file that cannot be read; a video's when it breaks.
    """
    if not source.video:
        yield Picture(source, source.name, open_image(source.path))
        return
    for number, image in islice(enumerate(decode(source.path), 1), 0, None, every):
        yield Picture(source, f"{source.name}/{number:06d}", image, number)
