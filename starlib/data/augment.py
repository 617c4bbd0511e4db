"""Augmentation of whole batches on the device: as Section 5.1 of the paper lists it ("paper"), and
as the released code does it ("released").

A few random numbers a face come from a CPU generator, and noise from a hash of one of them and of
each cell's place, so a batch is the same on every device and no picture is drawn on the CPU.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from starlib.data.crops import STORE_MARGIN, VIEW_MARGIN
from starlib.data.pixels import (
    box_kernels,
    filtered,
    gamma,
    gaussian_kernels,
    noise_of,
    occluded,
    to_gray,
)
from starlib.devices import constant, to_device
from starlib.schemes import Scheme

VIEW_OF_STORE = VIEW_MARGIN / STORE_MARGIN  # a view's side in a stored crop's [-1, 1]
ROTATION = math.radians(18)
SCALE = 0.10
SHIFT = 0.05  # of the view's side
GRAY, BLUR, OCCLUSION, FLIP = 0.2, 0.3, 0.4, 0.5  # probabilities
BLUR_SIGMA = (0.004, 0.012)  # of the view's side
OCCLUSION_SIDE = (0.1, 0.4)  # of the view's side
AUGMENTATIONS = ("paper", "released")
# Of the released code alone: probabilities, and what they are drawn within.
GAMMA, GAMMA_EXPONENT = 0.2, 4.0  # from a quarter to 1, or from 1 to four
BLEND, BLEND_SHARE = 0.2, 0.5
BOX_SIDE = 0.05  # of the view's side
BLACK_HEIGHT, BLACK_SKEW = (0.2, 0.8), 0.2  # of half the view's side


def view(images: Tensor, size: int) -> Tensor:
    """The networks' view, [B, 3, size, size] in [-1, 1], of stored crops uint8 [B, 3, S, S],
    without augmentation; its landmarks are the stored crop's over VIEW_OF_STORE."""
    matrix = torch.eye(2, device=images.device).mul(VIEW_OF_STORE).expand(len(images), 2, 2)
    return _warp(images, matrix, torch.zeros(len(images), 2, device=images.device), size)


@dataclass(frozen=True)
class Draws:
    """Random numbers of one part of a batch: drawn for the whole batch, so that every part has
    what it would have there. `share` = (k, n): the k-th of n equal parts; count: of its faces."""

    generator: Generator
    count: int
    share: tuple[int, int] = (0, 1)

    def uniform(self, low: float, high: float, *shape: int) -> Tensor:
        """[count, *shape], uniform in [low, high)."""
        part, parts = self.share
        whole = torch.rand((parts * self.count, *shape), generator=self.generator)
        return whole[part * self.count : (part + 1) * self.count] * (high - low) + low

    def normal(self, low: float, high: float, *shape: int) -> Tensor:
        """Gaussian with mean and mean ± standard deviation in the middle and at the ends of
        [low, high] (Box and Muller's pair)."""
        radius = (-2 * torch.log1p(-self.uniform(0, 1, *shape))).sqrt()
        standard = radius * torch.cos(2 * math.pi * self.uniform(0, 1, *shape))
        return (low + high) / 2 + standard * (high - low) / 2

    def chance(self, probability: float) -> Tensor:
        """[count], true with the probability."""
        return self.uniform(0, 1) < probability

    def keys(self) -> Tensor:
        """[count] integers in [0, 2^24) to seed a face's noise."""
        return self.uniform(0, 2**24).to(torch.int32)


def augment(
    images: Tensor,
    landmarks: Tensor,
    scheme: Scheme,
    size: int,
    generator: Generator,
    share: tuple[int, int] = (0, 1),
    kind: str = "paper",
) -> tuple[Tensor, Tensor]:
    """A random view of stored crops; arguments and results as `view`.

    "paper": rotation within 18°, scale within 10 %, shift within 5 % (uniform), gray 20 %, blur
    30 %, occlusion 40 %, horizontal flip 50 %. Flipped faces have their landmarks renumbered with
    the scheme's flip pairs.

    "released": rotation, scale and shift are Gaussian with those standard deviations; occlusion by
    a black rectangle of correlated sides, a box blur, gamma 20 %, a blend with noise 20 % and gray
    follow in this order; landmarks are clamped to [-1, 1].

    With `share` (k, n) the faces are the k-th of n equal parts of a batch, and are augmented as
    they are in the whole one.
    """
    released = kind == "released"
    draws = Draws(generator, len(images), share)
    flip = draws.chance(FLIP if scheme.mirrors else 0)
    matrix, shift = _random_affine(flip, draws.normal if released else draws.uniform)
    device = images.device
    matrix, shift = to_device(matrix, device), to_device(shift, device)
    views = _warp(images, matrix, shift, size)
    # `solve` would wait for the device to look for singular matrices; these are regular.
    points = torch.linalg.solve_ex(matrix, (landmarks - shift[:, None]).mT).result.mT
    mirrored = points[:, constant(scheme.flip, torch.long, device)]
    points = torch.where(to_device(flip, device)[:, None, None], mirrored, points)
    if released:
        return _released_colours(views, draws), points.clamp(-1, 1)
    return _paper_colours(views, draws), points


def _paper_colours(views: Tensor, draws: Draws) -> Tensor:
    size = views.shape[-1]
    gray, blur, occlude = (draws.chance(p) for p in (GRAY, BLUR, OCCLUSION))
    sigma = draws.uniform(*BLUR_SIGMA).mul(size).masked_fill(~blur, 0.0)
    sides = draws.uniform(*OCCLUSION_SIDE, 2).masked_fill(~occlude[:, None], 0)
    centres = draws.uniform(-1, 1, 2)
    colour, grain, keys = draws.uniform(-1, 1, 3), draws.uniform(0, 0.5), draws.keys()
    move = partial(to_device, device=views.device)
    views = to_gray(views, move(gray))
    views = filtered(views, gaussian_kernels(move(sigma), math.ceil(2.5 * BLUR_SIGMA[1] * size)))
    noise = noise_of(move(keys), size)
    fill = move(colour)[:, :, None, None] + move(grain)[:, None, None, None] * noise
    return occluded(views, move(centres), move(sides), fill.clamp(-1, 1))


def _released_colours(views: Tensor, draws: Draws) -> Tensor:
    size = views.shape[-1]
    occlude, blur, darken, blend, gray = (
        draws.chance(p) for p in (OCCLUSION, BLUR, GAMMA, BLEND, GRAY)
    )
    height = draws.uniform(*BLACK_HEIGHT)
    width = height + draws.uniform(-BLACK_SKEW, BLACK_SKEW)
    sides = torch.stack((width, height), -1).div(2).masked_fill(~occlude[:, None], 0)
    centres = draws.uniform(-1, 1, 2)
    box = draws.uniform(0, BOX_SIDE * size).floor().masked_fill(~blur, 0)
    lower, exponent = draws.chance(0.5), draws.uniform(1, GAMMA_EXPONENT)
    darker = draws.uniform(1 / GAMMA_EXPONENT, 1)
    exponent = torch.where(lower, darker, exponent).masked_fill(~darken, 1)
    strength = draws.uniform(0, BLEND_SHARE).masked_fill(~blend, 0)
    keys = draws.keys()
    move = partial(to_device, device=views.device)
    black = views.new_full((1, 1, 1, 1), -1)
    views = occluded(views, move(centres), move(sides), black)
    views = filtered(views, box_kernels(move(box), math.ceil(BOX_SIDE * size / 2)))
    views = gamma(views, move(exponent))
    views = torch.lerp(views, noise_of(move(keys), size), move(strength)[:, None, None, None])
    return to_gray(views, move(gray))


def _random_affine(flip: Tensor, draw: Callable[..., Tensor]) -> tuple[Tensor, Tensor]:
    """Matrix [B, 2, 2] and shift [B, 2] from the view's coordinates to the stored crop's."""
    angle, scale = draw(-ROTATION, ROTATION), draw(1 - SCALE, 1 + SCALE)
    zoom = VIEW_OF_STORE / scale
    cos, sin = zoom * torch.cos(angle), zoom * torch.sin(angle)
    sign = torch.where(flip, -1.0, 1.0)
    matrix = torch.stack((sign * cos, -sin, sign * sin, cos), dim=-1).unflatten(-1, (2, 2))
    return matrix, draw(-SHIFT, SHIFT, 2) * 2 * VIEW_OF_STORE


def _warp(images: Tensor, matrix: Tensor, shift: Tensor, size: int) -> Tensor:
    theta = torch.cat((matrix, shift[..., None]), dim=-1)
    grid = F.affine_grid(theta, [len(images), 3, size, size], align_corners=False)
    views = F.grid_sample(images.to(torch.float32), grid, mode="bilinear", align_corners=False)
    return views.div(127.5).sub(1)
