"""synthface as a data set: faces rendered from fixed seeds, annotated with known noise."""

from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from starlib.data.faces import FaceSet
from starlib.schemes import SCHEMES
from starlib.synthface.faces import BLOCK, Faces, place_faces, render_faces

SIZE = 160  # side of the pictures in pixels
STRENGTH = 3.0  # of the annotation noise
# data set -> strength of the noise, and whether it has lost its direction
VARIANTS = {
    "synthface": (STRENGTH, False),
    "synthface-0": (0.0, False),
    "synthface-1": (1.0, False),
    "synthface-6": (6.0, False),
    "synthface-isotropic": (STRENGTH, True),
}
SPLITS = {"train": (0, 1500), "test": (1, 500)}  # seed, number of faces
VERSION = 1  # goes up when the same face would look different


def album(split: str, seed: int, count: int, dataset: str = "synthface") -> FaceSet:
    """The first `count` faces of a seed under the name of a split of one of the VARIANTS; pictures
    are rendered when they are read."""
    strength, isotropic = VARIANTS[dataset]
    faces = place_faces(count, seed, strength)
    landmarks = _isotropic(faces, seed) if isotropic else faces.landmarks

    def to_pixels(landmarks: torch.Tensor) -> NDArray[np.float32]:
        return ((landmarks + 1) * (SIZE / 2)).numpy()

    return FaceSet(
        dataset=dataset,
        split=split,
        scheme=SCHEMES["wflw"],
        names=tuple(f"v{VERSION}-{seed}-{SIZE}/{index:05}" for index in range(count)),
        landmarks=to_pixels(landmarks),
        clean=to_pixels(faces.clean),
        read=lambda index: _picture(seed, index),
    )


def _isotropic(faces: Faces, seed: int) -> torch.Tensor:
    """Labels whose noise has each point's variance in total and no direction."""
    generator = np.random.Generator(np.random.Philox(key=[seed, 1]))
    normals = generator.standard_normal(faces.clean.shape, dtype=np.float32)
    variance = faces.covariance.diagonal(dim1=-2, dim2=-1).mean(-1, keepdim=True)
    return faces.clean + torch.from_numpy(normals) * variance.sqrt()


def _picture(seed: int, index: int) -> Image.Image:
    pictures = _block(seed, index - index % BLOCK)
    return Image.fromarray(pictures[index % BLOCK].permute(1, 2, 0).numpy())


@lru_cache(maxsize=2)
def _block(seed: int, start: int) -> torch.Tensor:
    return render_faces(BLOCK, seed, SIZE, STRENGTH, start).images
