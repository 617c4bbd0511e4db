"""The faces of one split, as every data set has them, and what a reader finds."""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from starlib.data.errors import DataError
from starlib.data.images import open_image
from starlib.schemes import Scheme


@dataclass(frozen=True)
class FaceSet:
    """The faces of one split of a data set.

    landmarks: [F, N, 2] float32 (x, y) in pixels of the upright image; 0 is its left or top edge,
        so the first pixel's centre is at 0.5; NaN where a point is unlabelled.
    read: index -> RGB image.
    subsets: name -> mask [F].
    clean: landmarks without annotation noise, where they are known (synthface).
    official: number of faces of the complete split, None where there is no such number.
    stamp: changes when the files' sizes or times change; crops are cut out anew then.
    annotators: [F, A, N, 2] float32, the same points by each of A people, in the unit of
        `landmarks`; NaN where one did not mark a point. None where the labels are all there is.
    annotator_names: of the A people. people: who each face is, or the picture that it is in where
        that is not known; empty where faces are not told apart.
    """

    dataset: str
    split: str
    scheme: Scheme
    names: tuple[str, ...]
    landmarks: NDArray[np.float32]
    read: Callable[[int], Image.Image]
    subsets: dict[str, NDArray[np.bool_]] = field(default_factory=dict)
    clean: NDArray[np.float32] | None = None
    official: int | None = None
    stamp: str = ""
    annotators: NDArray[np.float32] | None = None
    annotator_names: tuple[str, ...] = ()
    people: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.names)

    @property
    def partial(self) -> bool:
        """Whether faces of the complete split are missing."""
        return self.official is not None and len(self) < self.official


@dataclass(frozen=True)
class ImageFace:
    """A face in an image file. landmarks: [N, 2], 0 at the image's left and top edge. person: who
    it is, where that is known. annotators: [A, N, 2], as in `FaceSet`. read: its picture, where
    `path` is no image (a video, a file of many pictures)."""

    name: str
    path: Path
    landmarks: NDArray[np.float32]
    tags: tuple[str, ...] = ()
    person: str = ""
    annotators: NDArray[np.float32] | None = None
    read: Callable[[], Image.Image] | None = None

    def picture(self) -> Image.Image:
        """The RGB image; DataError names the file that cannot be decoded."""
        return self.read() if self.read else open_image(self.path)


@dataclass
class Scan:
    """A reader's findings in the files of a split.

    faces; and a line for each missing picture (`missing`: the copy is partial) and for each of the
    `problems`. empty: what was expected where there are no faces. official: number of faces of the
    complete split. annotator_names: as in `FaceSet`. notes: what else there is to say, a line each.
    """

    empty: str = ""
    official: int | None = None
    annotator_names: tuple[str, ...] = ()
    faces: list[ImageFace] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def undecodable(self) -> list[str]:
        """A line for each picture that cannot be decoded, and one for each video that breaks."""
        lines: list[str] = []
        broken: set[tuple[Path, str]] = set()
        pictures = {face.name if face.read else face.path: face for face in self.faces}
        for face in pictures.values():
            if (face.path, face.person) not in broken:
                try:
                    face.picture()
                except DataError as error:
                    lines += error.problems
                    broken.add((face.path, face.person))
        return lines


def face_set(
    dataset: str, split: str, scheme: Scheme, scan: Scan, subsets: Iterable[str] = ()
) -> FaceSet:
    """The faces that a scan found, with those of the subsets that some face is tagged with;
    DataError for all of its problems, or where it found none."""
    faces = scan.faces
    if scan.problems or not faces:
        raise DataError(scan.problems or scan.empty)
    masks = {name: np.array([name in face.tags for face in faces]) for name in subsets}
    annotators = [face.annotators for face in faces if face.annotators is not None]
    files = [path.stat() for path in dict.fromkeys(face.path for face in faces)]
    stats = [(file.st_size, file.st_mtime_ns) for file in files]
    return FaceSet(
        dataset=dataset,
        split=split,
        scheme=scheme,
        names=tuple(face.name for face in faces),
        landmarks=np.stack([face.landmarks for face in faces]),
        read=lambda index: faces[index].picture(),
        subsets={name: mask for name, mask in masks.items() if mask.any()},
        official=scan.official,
        stamp=hashlib.sha256(repr(stats).encode()).hexdigest()[:12],
        annotators=np.stack(annotators) if annotators else None,
        annotator_names=scan.annotator_names,
        people=tuple(face.person or str(face.path) for face in faces),
    )


# Where faces at an image's border are annotated beyond it: by this share of the face at most.
CUT_OFF = 0.5


def extent(landmarks: NDArray) -> tuple[NDArray, NDArray]:
    """Least and greatest x and y [..., 2] of the labelled ones of landmarks [..., N, 2]; NaN where
    none is."""
    labelled = np.where(np.isnan(landmarks).any(-1, keepdims=True), np.nan, landmarks)
    return np.fmin.reduce(labelled, axis=-2), np.fmax.reduce(labelled, axis=-2)


def check_points(
    where: object, landmarks: NDArray, size: tuple[int, int], unlabelled: bool = False
) -> None:
    """DataError for landmarks [N, 2] (pixels, edge at 0) outside an image of (width, height).

    `where` begins the message: a file, or a file and line. A face that is cut off by the image's
    border may lie beyond it by the share CUT_OFF of the longer side of the landmarks' box. Some
    points may be NaN if they may be `unlabelled`.
    """
    wrong = np.isinf(landmarks) if unlabelled else ~np.isfinite(landmarks)
    if wrong.any():
        raise DataError(f"{where}: expected finite coordinates, point {_first(wrong)} is not")
    if np.isnan(landmarks).any(-1).all():
        raise DataError(f"{where}: expected labelled points, there are none")
    landmarks = landmarks.astype(np.float64)  # their differences may be beyond float32
    low, high = extent(landmarks)
    side = (high - low).max()
    slack = max(1.0, CUT_OFF * side)  # a pixel at least: annotations are rounded to it
    outside = (landmarks < -slack) | (landmarks > np.asarray(size) + slack)
    if outside.any():
        point = _first(outside)
        x, y = landmarks[point]
        raise DataError(
            f"{where}: expected points inside the image of {size[0]} x {size[1]} pixels, "
            f"point {point} (from 0) is at ({x:.1f}, {y:.1f})"
        )
    if side == 0:
        raise DataError(f"{where}: expected points of a face, all of them are the same")


def _first(wrong: NDArray) -> int:
    return int(wrong.any(-1).argmax())
