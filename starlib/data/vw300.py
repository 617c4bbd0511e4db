"""300-VW as it is distributed: one folder per video, `001/vid.avi` with `001/annot/000001.pts`, ….

Frame k of a video (from 1) belongs to annot/k.pts: 68 points, 1-based. Frames without landmarks are
skipped. A folder `imgs/000001.jpg`, … may stand in place of vid.avi. The test videos of the three
categories are below, by id: check them with the data set's own readme. All other videos are for
training. Frames are decoded one by one, and only the last one is kept: read them in order, since
going back decodes the video from its beginning.
"""

from collections.abc import Generator
from contextlib import closing
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from starlib.data.errors import DataError, noted
from starlib.data.faces import FaceSet, check_points, files_stamp
from starlib.data.images import image_size, open_image
from starlib.data.paths import image_named, named_file, visible_files
from starlib.data.pts import read_pts
from starlib.schemes import SCHEMES

SOURCE = "https://ibug.doc.ic.ac.uk/resources/300-VW/ (form on that page)"
UNIT = "videos"
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


def _videos(root: Path, split: str | None = None) -> list[Path]:
    """The folders of videos, those of a split if it is given."""
    videos = sorted(path for path in root.iterdir() if path.is_dir() and path.name.isdecimal())
    return [v for v in videos if split in (None, "train" if _category(v) == "training" else "test")]


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
        self.frames: Generator[Image.Image, None, None] | None = None
        self.last: Image.Image | None = None

    def read(self, video: Path, number: int) -> Image.Image:
        if video != self.video or self.frames is None or number < self.number:
            if self.frames is not None:
                self.frames.close()
            self.video, self.number, self.frames, self.last = video, 0, decode(video), None
        while self.number < number:
            self.last = next(self.frames, None)
            if self.last is None:
                break
            self.number += 1
        if self.last is None:
            have, self.video = self.number, None
            raise DataError(f"{video}: expected frame {number}, it ends after {have}")
        return self.last


def _first_frame_size(video: Path) -> tuple[int, int]:
    with closing(decode(video)) as frames:
        return next(frames).size


def _annotations(folder: Path) -> tuple[list[tuple[int, Path]], list[str]]:
    """Frame number and `.pts` file of each annotated frame of a video, and problems."""
    files = visible_files(folder / "annot") if (folder / "annot").is_dir() else []
    paths = [path for path in files if path.suffix.lower() == ".pts"]
    numbered = [(int(path.stem), path) for path in paths if path.stem.isdecimal()]
    problems = [
        f"{path}: expected a frame number from 1 as name"
        for path in paths
        if not path.stem.isdecimal() or int(path.stem) < 1
    ]
    if not paths:
        problems.append(f"{folder / 'annot'}: expected .pts files, there are none")
    return [(number, path) for number, path in numbered if number >= 1], problems


def _scan(folder: Path) -> tuple[list[tuple[str, Path, int, NDArray[np.float32]]], list[str]]:
    """Name, source (video or image), frame number and landmarks of each face of a video."""
    video = named_file(folder, "vid.avi")
    annotations, problems = _annotations(folder)
    faces: list[tuple[str, Path, int, NDArray[np.float32]]] = []
    size = None
    if video.is_file():
        try:
            size = _first_frame_size(video)
        except DataError as error:
            return [], problems + error.problems
    for number, annotation in annotations:
        source = video if size else image_named(folder / "imgs", annotation.stem)
        if source is None:
            problems.append(f"{annotation}: expected vid.avi or imgs/{annotation.stem}.jpg")
            continue
        with noted(problems):
            landmarks = read_pts(annotation, SCHEMES["300w"].points) - np.float32(0.5)
            where = size or image_size(source)
            faces.append((f"{folder.name}/{annotation.stem}", source, number, landmarks))
            check_points(annotation, landmarks, where)
    return faces, problems


def counts(root: Path) -> dict[str, tuple[int, int | None]]:
    """Videos found and official number of videos, by category."""
    have = [_category(video) for video in _videos(root)]
    numbers = {name: len(ids) for name, ids in CATEGORIES.items()} | {"training": TRAINING_VIDEOS}
    return {name: (have.count(name), official) for name, official in numbers.items()}


def problems(root: Path) -> list[str]:
    """One line for everything that is wrong with the files under `root`; decodes every video."""
    lines: list[str] = []
    for folder in _videos(root):
        faces, problems = _scan(folder)
        lines += problems
        frames = _Frames()
        for _, source, number, _ in faces:
            try:
                _read(frames, source, number)
            except DataError as error:
                lines += error.problems
                if source.suffix.lower() == ".avi":
                    break
    return lines or ([] if _videos(root) else [f"{root}: expected folders 001, …, none is there"])


def _read(frames: _Frames, source: Path, number: int) -> Image.Image:
    return frames.read(source, number) if source.suffix.lower() == ".avi" else open_image(source)


def load(root: Path, split: str) -> FaceSet:
    """The annotated frames of "train" or "test" under `root`; DataError tells all problems."""
    videos = _videos(root, split)
    if not videos:
        raise DataError(
            f"{root}: expected folders of {split} videos (001, …); get 300-VW from {SOURCE}"
        )
    scanned = [_scan(video) for video in videos]
    if problems := [problem for _, lines in scanned for problem in lines]:
        raise DataError(problems)
    faces = [face for listed, _ in scanned for face in listed]
    tags = [_category(video) for video, (f, _) in zip(videos, scanned, strict=True) for _ in f]
    frames = _Frames()
    return FaceSet(
        dataset="300vw",
        split=split,
        scheme=SCHEMES["300w"],
        names=tuple(name for name, _, _, _ in faces),
        landmarks=np.stack([landmarks for _, _, _, landmarks in faces]),
        read=lambda index: _read(frames, *faces[index][1:3]),
        subsets={name: np.array([t == name for t in tags]) for name in CATEGORIES if name in tags},
        official=TEST_FRAMES if split == "test" else None,
        stamp=files_stamp([source for _, source, _, _ in faces]),
    )
