"""Synthetic faces with 98 landmarks (WFLW scheme) whose annotation noise is known.

`render_faces` draws faces from a seed; `annotate` plays the annotator, who knows well where a
curve of the face runs but not where along it a point belongs. Coordinates are (x, y) in [-1, 1]
with cell centres at (2j + 1) / W - 1. Left is the viewer's left.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from starlib.synthface.landmarks import make_head, walk
from starlib.synthface.model import TRAITS, Traits
from starlib.synthface.render import LOOKS, NOISE_SIZE, draw

POINTS = 98
EYE_CORNERS = (60, 72)  # their distance, the inter-ocular distance, is the unit of the noise
ISOTROPIC = 0.005  # standard deviation of the part of the noise that has no direction
CORNER = 0.006  # the same at corners and pupils, which have no other part
# Curves of landmarks: first point, past-last point, closed, standard deviation of the slide.
CURVES = (
    (0, 33, False, 0.045),  # contour
    (33, 42, True, 0.025),  # left brow
    (42, 51, True, 0.025),  # right brow
    (51, 55, False, 0.020),  # nose ridge
    (55, 60, False, 0.015),  # under the nose
    (60, 68, True, 0.010),  # left eye
    (68, 76, True, 0.010),  # right eye
    (76, 88, True, 0.015),  # outer lip
    (88, 96, True, 0.015),  # inner lip
)
CORNERS = (60, 64, 68, 72, 76, 82, 88, 92, 96, 97)  # not sliding
NEIGHBOURHOOD = 3.0  # points over which the correlation of the slides falls to 1/e
SUBDIVISION = 8  # pieces per curve segment
BLOCK = 16  # faces drawn together; blocks are aligned, so that results do not depend on `start`


@dataclass(frozen=True)
class Faces:
    """Pictures of faces with exact and annotated landmarks."""

    images: torch.Tensor  # uint8 [B, 3, size, size], RGB
    clean: torch.Tensor  # float32 [B, 98, 2], exact landmarks (x, y) in [-1, 1]
    landmarks: torch.Tensor  # float32 [B, 98, 2], annotated: clean plus noise
    covariance: torch.Tensor  # float32 [B, 98, 2, 2], of the annotation noise, same units squared


def render_faces(
    count: int,
    seed: int,
    size: int = 128,
    strength: float = 1.0,
    start: int = 0,
    device: str | torch.device = "cpu",
) -> Faces:
    """Draw the faces `start` .. `start + count - 1` of the endless album `seed`.

    A face depends on the seed and its number alone. `size` is the side of the pictures in pixels
    (at least 16), `strength` multiplies the annotation noise (0: landmarks equal clean). The
    landmarks fill 1 / 1.6 of the picture and do not depend on `size`. Raises ValueError for a
    negative count, seed, start or strength, or a smaller size.
    """
    if not size >= 16:
        raise ValueError(f"size must be at least 16, got {size}")
    return _make_faces(count, seed, size, strength, start, device)


def place_faces(
    count: int,
    seed: int,
    strength: float = 1.0,
    start: int = 0,
    device: str | torch.device = "cpu",
) -> Faces:
    """The same as `render_faces` but for the pictures, which have size 0; several times as fast."""
    return _make_faces(count, seed, 0, strength, start, device)


def _make_faces(
    count: int, seed: int, size: int, strength: float, start: int, device: str | torch.device
) -> Faces:
    _check(count=count, seed=seed, strength=strength, start=start)
    faces = Faces(
        torch.empty(count, 3, size, size, dtype=torch.uint8, device=device),
        *(torch.empty(count, POINTS, *shape, device=device) for shape in ((2,), (2,), (2, 2))),
    )
    for block in range(start - start % BLOCK, start + count, BLOCK):
        traits, texture, grain, normals = _draw_numbers(block, seed, size, device)
        head = make_head(traits)
        landmarks, covariance = _displace(head.landmarks, normals, strength)
        begin, end = max(block, start), min(block + BLOCK, start + count)
        wanted, place = slice(begin - block, end - block), slice(begin - start, end - start)
        faces.clean[place] = head.landmarks[wanted]
        faces.landmarks[place] = landmarks[wanted]
        faces.covariance[place] = covariance[wanted]
        if size > 0:
            faces.images[place] = draw(head, texture, grain, size)[wanted]
    return faces


def _check(**numbers: float) -> None:
    for name, value in numbers.items():
        if not value >= 0:
            raise ValueError(f"{name} must be at least 0, got {value}")


def annotate(
    clean: torch.Tensor, seed: int, strength: float = 1.0
) -> tuple[torch.Tensor, torch.Tensor]:
    """Annotate exact landmarks [B, 98, 2] -> landmarks [B, 98, 2], covariance [B, 98, 2, 2].

    Points slide along their curve, runs of neighbours together, and shake a little in every
    direction. The covariance is that of each point alone: slide^2 t t^T + shake^2 I with t the
    tangent of the curve. Raises ValueError for other shapes, a negative seed or strength.
    """
    if clean.dim() != 3 or clean.shape[1:] != (POINTS, 2):
        raise ValueError(f"clean must have shape [B, {POINTS}, 2], got {tuple(clean.shape)}")
    _check(seed=seed, strength=strength)
    generator = np.random.Generator(np.random.Philox(key=[seed, 0]))
    normals = generator.standard_normal((len(clean), POINTS, 3), dtype=np.float32)
    return _displace(clean, torch.from_numpy(normals).to(clean.device), strength)


def _draw_numbers(
    first: int, seed: int, size: int, device: str | torch.device
) -> tuple[Traits, torch.Tensor, torch.Tensor, torch.Tensor]:
    """All random numbers of a block of faces: traits, textures, pixel noise, annotation noise."""
    ranges = TRAITS | LOOKS
    uniforms, textures, grains, normals = [], [], [], []
    for number in range(first, first + BLOCK):
        # A counter-based generator: any face can be drawn without those before it.
        generator = np.random.Generator(np.random.Philox(key=[seed, number]))
        uniforms.append(generator.random(len(ranges), dtype=np.float32))
        normals.append(generator.standard_normal((POINTS, 3), dtype=np.float32))
        textures.append(generator.standard_normal((2, NOISE_SIZE, NOISE_SIZE), dtype=np.float32))
        grains.append(generator.standard_normal((3, size, size), dtype=np.float32))
    low, high = np.array(list(ranges.values()), dtype=np.float32).T
    values = torch.from_numpy(low + (high - low) * np.stack(uniforms)).to(device)
    traits = dict(zip(ranges, values.unbind(1), strict=True))
    texture, grain, noise = (
        torch.from_numpy(np.stack(part)).to(device) for part in (textures, grains, normals)
    )
    return traits, texture, grain, noise


def _displace(
    clean: torch.Tensor, normals: torch.Tensor, strength: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """Move landmarks by standard normal numbers [B, 98, 3]: the slide, and the shake's x and y."""
    device = clean.device
    ocular = (clean[:, EYE_CORNERS[0]] - clean[:, EYE_CORNERS[1]]).norm(dim=-1)
    unit = strength * ocular[:, None]  # [B, 1]
    shake = torch.full((POINTS,), ISOTROPIC, device=device)
    shake[list(CORNERS)] = CORNER
    moved = clean.clone()
    covariance = torch.zeros(*clean.shape, 2, device=device)
    for first, last, closed, deviation in CURVES:
        slide = torch.full((last - first,), deviation, device=device)
        slide[[point - first for point in CORNERS if first <= point < last]] = 0.0
        correlated = normals[:, first:last, 0] @ _mixing(last - first, closed).to(device).T
        moved[:, first:last], tangent = _slide(
            clean[:, first:last], correlated * slide * unit, closed
        )
        outer = tangent[..., :, None] * tangent[..., None, :]
        covariance[:, first:last] = outer * (slide * unit)[..., None, None] ** 2
    moved = moved + normals[..., 1:] * (shake * unit)[..., None]
    identity = torch.eye(2, device=device)
    covariance = covariance + identity * (shake * unit)[..., None, None] ** 2
    # With no noise, walking along the curve must not even round.
    return (moved if strength > 0 else clean.clone()), covariance


def _mixing(points: int, closed: bool) -> torch.Tensor:
    """Matrix that turns independent normal numbers into correlated ones along a curve."""
    index = torch.arange(points, dtype=torch.float64)
    apart = (index[:, None] - index).abs()
    if closed:
        apart = torch.minimum(apart, points - apart)
    return torch.linalg.cholesky(torch.exp(-apart / NEIGHBOURHOOD)).float()


def _slide(
    points: torch.Tensor, distance: torch.Tensor, closed: bool
) -> tuple[torch.Tensor, torch.Tensor]:
    """Points [B, K, 2] moved along the smooth curve through them by arc lengths [B, K].

    Also returns the unit tangents [B, K, 2]. Open curves continue straight beyond their ends.
    """
    count = points.shape[1]
    if closed:  # three times around, so that a slide over the seam stays on the curve
        dense = _smooth_curve(torch.cat([points[:, -1:], points, points, points, points[:, :2]], 1))
    else:
        first, last = 2 * points[:, :1] - points[:, 1:2], 2 * points[:, -1:] - points[:, -2:-1]
        dense = _smooth_curve(torch.cat([first, points, last], 1))
    lengths = (dense[:, 1:] - dense[:, :-1]).norm(dim=-1)
    travelled = torch.cat([torch.zeros_like(lengths[:, :1]), lengths.cumsum(1)], 1)
    index = torch.arange(count, device=points.device) + (count if closed else 0)
    index = index * SUBDIVISION
    moved = walk(dense, travelled, travelled[:, index] + distance)
    before, after = (index - 1).clamp(min=0), (index + 1).clamp(max=dense.shape[1] - 1)
    return moved, torch.nn.functional.normalize(dense[:, after] - dense[:, before], dim=-1)


def _smooth_curve(points: torch.Tensor) -> torch.Tensor:
    """Catmull-Rom curve [B, (K - 3) * SUBDIVISION + 1, 2] through the points [B, K, 2] but ends."""
    before, here, there, after = points[:, :-3], points[:, 1:-2], points[:, 2:-1], points[:, 3:]
    s = torch.linspace(0, 1, SUBDIVISION + 1, device=points.device)[:-1, None]
    before, here, there, after = (part[:, :, None] for part in (before, here, there, after))
    curve = here + 0.5 * s * (
        there
        - before
        + s * (2 * before - 5 * here + 4 * there - after)
        + s**2 * (3 * (here - there) + after - before)
    )
    return torch.cat([curve.flatten(1, 2), points[:, -2:-1]], 1)
