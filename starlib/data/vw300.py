"""300-VW as it is distributed: one folder per video, `001/vid.avi` with `001/annot/000001.pts`, ….

Frame k of a video (from 1) belongs to annot/k.pts: 68 points, 1-based. Frames without landmarks are
skipped. A folder `imgs/000001.jpg`, … may stand in place of vid.avi. The test videos of the three
categories are below, by id: check them with the data set's own readme. All other videos are for
training. Frames are decoded one by one, and only the last one is kept: read them in order, since
going back decodes the video from its beginning.
"""

from collections.abc import Generator, Mapping
from contextlib import closing
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from starlib.data.errors import DataError, noted
from starlib.data.faces import ImageFace, Scan, check_points
from starlib.data.images import image_size
from starlib.data.paths import image_named, named_file, visible_files
from starlib.data.pts import read_pts
from starlib.data.reader import Counts, Reader
from starlib.schemes import SCHEMES

SOURCE = "https://ibug.doc.ic.ac.uk/resources/300-VW/ (form on that page)"
# fmt: off
CATEGORIES = {
    "category A": (
        114, 124, 125, 126, 150, 158, 401, 402, 505, 506, 507, 508, 509, 510, 511, 514, 515, 518,
        519, 520, 521, 522, 524, 525, 537, 538, 540, 541, 546, 547, 548,
    ),
    "category B": (
        203, 208, 211, 212, 213, 214, 218, 224, 403, 404, 405, 406, 407, 408, 409, 412, 550, 551,
        553,
    ),
    "category C": (410, 411, 516, 517, 526, 528, 529, 530, 531, 533, 557, 558, 559, 562),
}
# fmt: on
TEST_FRAMES = 62_135 + 32_805 + 26_338
TRAINING_VIDEOS = 50


def _category(video: Path) -> str:
    return next((n for n, ids in CATEGORIES.items() if int(video.name) in ids), "training")


def _videos(root: Path) -> list[Path]:
    return sorted(path for path in root.iterdir() if path.is_dir() and path.name.isdecimal())


def decode(video: Path) -> Generator[Image.Image, None, None]:
    """The upright frames of a video file one after the other, each with its time in
    `info["seconds"]`; DataError names a file that breaks or has none."""
    try:
        import av
    except ImportError as error:
        raise ImportError("reading videos needs av: pip install 'starloss[data]'") from error
    try:
        with av.open(str(video)) as container:
            image: Image.Image | None = None
            if not container.streams.video:
                raise ValueError("it has no pictures")
            for frame in container.decode(video=0):
                image = frame.to_image().rotate(frame.rotation, expand=True)  # as it was held
                image.info["seconds"] = frame.time
                yield image
            if image is None:
                raise ValueError("it has no frames")
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise DataError(f"{video}: expected a readable video ({error})") from error


class _Frames:
    """Reads frame k (from 1) of video files, forward; keeps one frame of one video."""

    def __init__(self) -> None:
        self.video: Path | None = None
        self.number = 0
        self.last: Image.Image
        self.frames: Generator[Image.Image, None, None]

    def read(self, video: Path, number: int) -> Image.Image:
        if video != self.video or number < self.number:
            if self.video is not None:
                self.frames.close()
            self.video, self.number, self.frames = video, 0, decode(video)
        while self.number < number:
            frame = next(self.frames, None)
            if frame is None:
                raise DataError(f"{video}: expected frame {number}, it ends after {self.number}")
            self.last, self.number = frame, self.number + 1
        return self.last


def _annotations(folder: Path) -> tuple[list[tuple[int, Path]], list[str]]:
    """Frame number and `.pts` file of each annotated frame of a video, and problems."""
    files = visible_files(folder / "annot") if (folder / "annot").is_dir() else []
    paths = [path for path in files if path.suffix.lower() == ".pts"]
    numbers = [int(path.stem) if path.stem.isdecimal() else 0 for path in paths]
    numbered = list(zip(numbers, paths, strict=True))
    problems = [f"{p}: expected a frame number from 1 as name" for n, p in numbered if n < 1]
    if not paths:
        problems.append(f"{folder / 'annot'}: expected .pts files, there are none")
    return [(number, path) for number, path in numbered if number >= 1], problems


def scan(root: Path, split: str) -> Scan:
    """The annotated frames of the videos of a split, each tagged with its category."""
    place = f"{root}: expected folders of {split} videos (001, …)"
    result = Scan(f"{place}; get 300-VW from {SOURCE}", TEST_FRAMES if split == "test" else None)
    frames = _Frames()
    for folder in _videos(root):
        if (_category(folder) == "training") == (split == "train"):
            with noted(result.problems):
                _add_frames(result, folder, frames)
    return result


def _add_frames(result: Scan, folder: Path, frames: _Frames) -> None:
    video = named_file(folder, "vid.avi")
    annotations, problems = _annotations(folder)
    result.problems += problems
    size = None
    if video.is_file():
        with closing(decode(video)) as pictures:
            size = next(pictures).size
    for number, annotation in annotations:
        source = video if size else image_named(folder / "imgs", annotation.stem)
        if source is None:
            wanted = f"vid.avi or imgs/{annotation.stem}.jpg"
            result.problems.append(f"{annotation}: expected {wanted}")
            continue
        with noted(result.problems):
            landmarks = read_pts(annotation, SCHEMES["300w"].points) - np.float32(0.5)
            where, tags = size or image_size(source), (_category(folder),)
            read = partial(frames.read, video, number) if size else None
            name = f"{folder.name}/{annotation.stem}"
            result.faces.append(ImageFace(name, source, landmarks, tags, folder.name, read=read))
            check_points(annotation, landmarks, where)


def counts(root: Path, _: Mapping[str, Scan]) -> Counts:
    """Videos found and official number of videos, by category."""
    have = [_category(video) for video in _videos(root)]
    numbers = {name: len(ids) for name, ids in CATEGORIES.items()} | {"training": TRAINING_VIDEOS}
    return {name: (have.count(name), official) for name, official in numbers.items()}


READER = Reader("300vw", scan, SOURCE, subsets=tuple(CATEGORIES), unit="videos", counts=counts)
