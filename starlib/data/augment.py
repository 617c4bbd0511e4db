"""Augmentation of whole batches on the device, as Section 5.1 of the paper lists it.

Random numbers come from a CPU generator, so a batch is the same on every device.
"""

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from starlib.data.crops import STORE_MARGIN, VIEW_MARGIN
from starlib.devices import constant, to_device
from starlib.schemes import Scheme

VIEW_OF_STORE = VIEW_MARGIN / STORE_MARGIN  # a view's side in a stored crop's [-1, 1]
ROTATION = math.radians(18)
SCALE = 0.10
SHIFT = 0.05  # of the view's side
GRAY, BLUR, OCCLUSION, FLIP = 0.2, 0.3, 0.4, 0.5  # probabilities
BLUR_SIGMA = (0.004, 0.012)  # of the view's side
OCCLUSION_SIDE = (0.1, 0.4)  # of the view's side
LUMA = (0.299, 0.587, 0.114)
AUGMENTATIONS = ("paper", "released")
GAMMA, GAMMA_RANGE = 0.2, 0.7  # released code: probability, and range of the exponent's logarithm
BLEND, BLEND_RANGE = 0.2, 0.2  # released code: probability, and largest share of noise


def view(images: Tensor, landmarks: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """The networks' view of stored crops, without augmentation.

    Args:
        images: uint8 [B, 3, S, S] stored crops. landmarks: [B, N, 2] in their [-1, 1].
        size: side of the view in pixels.

    Returns:
        images [B, 3, size, size] float in [-1, 1] and landmarks [B, N, 2] in the view's [-1, 1].
    """
    matrix = torch.eye(2, device=images.device).mul(VIEW_OF_STORE).expand(len(images), 2, 2)
    return _warp(images, landmarks, matrix, torch.zeros(len(images), 2, device=images.device), size)


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

    Rotation within 18°, scale within 10 %, shift within 5 % (uniform), gray 20 %, blur 30 %,
    occlusion 40 %, horizontal flip 50 %. Flipped faces have their landmarks renumbered with the
    scheme's flip pairs.

    With `share` (k, n) the faces are the k-th of n equal parts of a batch, and are augmented as
    they are in the whole one. The `kind` "released" draws rotation, scale and shift from Gaussians
    with those standard deviations, and adds a random gamma 20 % and a blend with noise 20 %, as
    the released code does.
    """
    released = kind == "released"
    (part, parts), count, device = share, len(images), images.device

    def random(*shape: int) -> Tensor:
        whole = torch.rand((parts * count, *shape), generator=generator)
        return whole[part * count : (part + 1) * count]

    def draw(low: float, high: float, *shape: int) -> Tensor:
        return random(*shape) * (high - low) + low

    def normal(low: float, high: float, *shape: int) -> Tensor:
        # The sum of twelve uniform numbers, so that every share of a batch draws alike.
        standard = random(*shape, 12).sum(-1) - 6
        return (low + high) / 2 + standard * (high - low) / 2

    def chance(probability: float) -> Tensor:
        return random() < probability

    flip = chance(FLIP if scheme.mirrors else 0)
    matrix, shift = _random_affine(flip, normal if released else draw)
    gray, blur, occlude = chance(GRAY), chance(BLUR), chance(OCCLUSION)
    sigma = draw(*BLUR_SIGMA).mul(size).masked_fill(~blur, 0.0)
    sides, centres = draw(*OCCLUSION_SIDE, 2).masked_fill(~occlude[:, None], 0), draw(-1, 1, 2)
    colour, grain = draw(-1, 1, 3), draw(0, 0.5)
    noise = random(3, size, size) * 2 - 1

    def move(values: Tensor) -> Tensor:
        return to_device(values, device)

    views, points = _warp(images, landmarks, move(matrix), move(shift), size)
    mirrored = points[:, constant(scheme.flip, torch.long, device)]
    points = torch.where(move(flip)[:, None, None], mirrored, points)
    views = _to_gray(views, move(gray))
    if released:
        gamma, blend = chance(GAMMA), chance(BLEND)
        exponent, strength = draw(-1, 1), draw(0, BLEND_RANGE)
        speckle = move(random(3, size, size) * 2 - 1)
        views = _gamma(views, move(exponent * gamma))
        views = torch.lerp(views, speckle, move(strength * blend)[:, None, None, None])
    views = _blurred(views, move(sigma))
    fill = colour[:, :, None, None] + grain[:, None, None, None] * noise
    return _occluded(views, move(centres), move(sides), move(fill)), points


def _random_affine(flip: Tensor, draw: Callable[..., Tensor]) -> tuple[Tensor, Tensor]:
    """Matrix [B, 2, 2] and shift [B, 2] from the view's coordinates to the stored crop's."""
    angle, scale = draw(-ROTATION, ROTATION), draw(1 - SCALE, 1 + SCALE)
    zoom = VIEW_OF_STORE / scale
    cos, sin = zoom * torch.cos(angle), zoom * torch.sin(angle)
    sign = torch.where(flip, -1.0, 1.0)
    matrix = torch.stack((sign * cos, -sin, sign * sin, cos), dim=-1).unflatten(-1, (2, 2))
    return matrix, draw(-SHIFT, SHIFT, 2) * 2 * VIEW_OF_STORE


def _warp(
    images: Tensor, landmarks: Tensor, matrix: Tensor, shift: Tensor, size: int
) -> tuple[Tensor, Tensor]:
    theta = torch.cat((matrix, shift[..., None]), dim=-1)
    grid = F.affine_grid(theta, [len(images), 3, size, size], align_corners=False)
    views = F.grid_sample(images.to(torch.float32), grid, mode="bilinear", align_corners=False)
    # `solve` would wait for the device to look for singular matrices, which there are none of.
    points = torch.linalg.solve_ex(matrix, (landmarks - shift[:, None]).mT).result.mT
    return views.div(127.5).sub(1), points


def _to_gray(images: Tensor, chosen: Tensor) -> Tensor:
    luma = constant(LUMA, images.dtype, images.device)
    gray = (images * luma[:, None, None]).sum(1, keepdim=True)
    return torch.where(chosen[:, None, None, None], gray, images)


def _gamma(images: Tensor, exponent: Tensor) -> Tensor:
    power = torch.exp(GAMMA_RANGE * exponent)[:, None, None, None]
    return ((images + 1) / 2).clamp(0, 1).pow(power) * 2 - 1


def _blurred(images: Tensor, sigma: Tensor) -> Tensor:
    """Gaussian blur with one σ [B] in pixels per image; σ = 0 leaves an image as it is."""
    count, channels, height, width = images.shape
    radius = math.ceil(2.5 * BLUR_SIGMA[1] * width)
    offsets = torch.arange(-radius, radius + 1, device=images.device)
    kernel = torch.exp(-0.5 * (offsets / sigma.clamp_min(1e-3)[:, None]) ** 2)
    kernel = (kernel / kernel.sum(1, keepdim=True)).repeat_interleave(channels, 0)[:, None]
    flat = F.pad(images.reshape(1, -1, height, width), (radius,) * 4, mode="replicate")
    flat = F.conv2d(flat, kernel[:, :, :, None], groups=count * channels)
    return F.conv2d(flat, kernel[:, :, None, :], groups=count * channels).reshape(images.shape)


def _occluded(images: Tensor, centres: Tensor, sides: Tensor, fill: Tensor) -> Tensor:
    """Images with the rectangle (centre and sides [B, 2] as (x, y), sides as shares) filled."""
    height, width = images.shape[-2:]
    x = (2 * torch.arange(width, device=images.device) + 1) / width - 1
    y = (2 * torch.arange(height, device=images.device) + 1) / height - 1
    columns = (x - centres[:, :1]).abs() < sides[:, :1]
    rows = (y - centres[:, 1:]).abs() < sides[:, 1:]
    covered = columns[:, None, None, :] & rows[:, None, :, None]
    return torch.where(covered, fill.clamp(-1, 1), images)
