"""What every reader of a data set returns: the faces of one split, or a list of problems."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from starlib.schemes import Scheme


class DataError(ValueError):
    """What is wrong with a data set: every problem found, one line each."""

    def __init__(self, problems: list[str]):
        self.problems = problems
        shown = problems[:20] + ([f"… and {len(problems) - 20} more"] if len(problems) > 20 else [])
        super().__init__("\n".join(shown))


@dataclass(frozen=True)
class FaceSet:
    """The faces of one split of a data set.

    landmarks: [F, N, 2] float32 (x, y) in pixels of the image; 0 is the left or top edge of the
        image, so the first pixel's centre is at 0.5.
    read: index -> RGB image.
    subsets: name -> mask [F].
    clean: landmarks without annotation noise, where they are known (synthface).
    official: number of faces of the complete split, None where there is no such number.
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

    def __len__(self) -> int:
        return len(self.names)

    @property
    def partial(self) -> bool:
        """Whether faces of the complete split are missing."""
        return self.official is not None and len(self) < self.official


def open_image(path: Path) -> Image.Image:
    """The image as RGB; DataError naming the file if it cannot be decoded."""
    try:
        with Image.open(path) as image:
            return image.convert("RGB")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise DataError([f"{path}: expected a readable image ({error})"]) from error


def landmark_problem(path: Path, landmarks: NDArray, size: tuple[int, int]) -> str | None:
    """What is wrong with landmarks [N, 2] (pixels, edge at 0) of an image of (width, height)."""
    if not np.isfinite(landmarks).all():
        return (
            f"{path}: expected finite coordinates, point {_first(~np.isfinite(landmarks))} is not"
        )
    # A pixel's slack: annotations are rounded to it.
    outside = (landmarks < -1) | (landmarks > np.asarray(size) + 1)
    if outside.any():
        point = _first(outside)
        x, y = landmarks[point]
        return (
            f"{path}: expected points inside the image of {size[0]} x {size[1]} pixels, "
            f"point {point} (from 0) is at ({x:.1f}, {y:.1f})"
        )
    if np.ptp(landmarks, axis=0).max() == 0:
        return f"{path}: expected points of a face, all of them are the same"
    return None


def _first(wrong: NDArray) -> int:
    return int(wrong.any(-1).argmax())
