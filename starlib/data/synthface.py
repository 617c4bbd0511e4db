"""synthface as a data set: faces rendered from fixed seeds, annotated with known noise."""

from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from starlib.data.faces import FaceSet
from starlib.schemes import SCHEMES
from starlib.synthface.faces import BLOCK, place_faces, render_faces

SIZE = 160  # side of the pictures in pixels
STRENGTH = 3.0  # of the annotation noise
SPLITS = {"train": (0, 1500), "test": (1, 500)}  # seed, number of faces
VERSION = 1  # goes up when the same face would look different


def load(split: str) -> FaceSet:
    """The faces of "train" or "test"; pictures are rendered when they are read."""
    return album(split, *SPLITS[split])


def album(split: str, seed: int, count: int) -> FaceSet:
    """The first `count` faces of a seed under the name of a split."""
    faces = place_faces(count, seed, STRENGTH)

    def to_pixels(landmarks: torch.Tensor) -> NDArray[np.float32]:
        return ((landmarks + 1) * (SIZE / 2)).numpy()

    return FaceSet(
        dataset="synthface",
        split=split,
        scheme=SCHEMES["wflw"],
        names=tuple(f"v{VERSION}-{seed}-{SIZE}/{index:05}" for index in range(count)),
        landmarks=to_pixels(faces.landmarks),
        clean=to_pixels(faces.clean),
        read=lambda index: _picture(seed, index),
    )


def _picture(seed: int, index: int) -> Image.Image:
    pictures = _block(seed, index - index % BLOCK)
    return Image.fromarray(pictures[index % BLOCK].permute(1, 2, 0).numpy())


@lru_cache(maxsize=2)
def _block(seed: int, start: int) -> torch.Tensor:
    return render_faces(BLOCK, seed, SIZE, STRENGTH, start).images
