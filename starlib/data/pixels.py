"""Augmentation of the pixels of batches [B, 3, S, S] in [-1, 1], on their device."""

import torch
import torch.nn.functional as F
from torch import Tensor

from starlib.devices import constant

LUMA = (0.299, 0.587, 0.114)
_MULTIPLIERS = (0x7FEB352D, 0x846CA68B - 2**32)  # as signed 32-bit integers


def noise_of(keys: Tensor, size: int) -> Tensor:
    """Noise [B, 3, size, size], 256 even steps in [-1, 1], from integers [B]: the bytes of a
    32-bit hash (Wellons' lowbias32) of key and cell, the same on every device."""
    cells = torch.arange(size * size, dtype=torch.int32, device=keys.device)
    bits = keys[:, None] * _MULTIPLIERS[0] + cells  # wraps around, as the hash wants it
    for shift, multiplier in zip((16, 15), _MULTIPLIERS, strict=True):
        bits = (bits ^ _shifted(bits, shift)) * multiplier
    bits = bits ^ _shifted(bits, 16)
    channels = torch.stack([_shifted(bits, shift) & 255 for shift in (0, 8, 16)], dim=1)
    return channels.unflatten(-1, (size, size)).to(torch.float32).div(127.5).sub(1)


def _shifted(bits: Tensor, by: int) -> Tensor:
    """Unsigned shift of signed 32-bit integers to the right."""
    return (bits >> by) & (2 ** (32 - by) - 1) if by else bits


def to_gray(images: Tensor, chosen: Tensor) -> Tensor:
    luma = constant(LUMA, images.dtype, images.device)
    gray = (images * luma[:, None, None]).sum(1, keepdim=True)
    return torch.where(chosen[:, None, None, None], gray, images)


def gamma(images: Tensor, exponent: Tensor) -> Tensor:
    """Gamma of values in [0, 1], cut to 8 bits; an exponent [B] of 1 leaves a picture as it is."""
    power = exponent[:, None, None, None]
    changed = ((images + 1) / 2).clamp(0, 1).pow(power).mul(255).floor().div(127.5).sub(1)
    return torch.where(power == 1, images, changed)


def gaussian_kernels(sigma: Tensor, radius: int) -> Tensor:
    """Kernels [B, 2 radius + 1] of one σ [B] in pixels each; σ = 0 leaves an image as it is."""
    offsets = torch.arange(-radius, radius + 1, device=sigma.device)
    kernels = torch.exp(-0.5 * (offsets / sigma.clamp_min(1e-3)[:, None]) ** 2)
    return kernels / kernels.sum(1, keepdim=True)


def box_kernels(sides: Tensor, radius: int) -> Tensor:
    """Kernels [B, 2 radius + 1] of the mean over sides [B] pixels, none below 2; an even one
    reaches a pixel farther to the left."""
    offsets = torch.arange(-radius, radius + 1, device=sides.device)
    sides = sides.clamp_min(1)[:, None]
    before = sides.div(2, rounding_mode="floor")
    return ((offsets >= -before) & (offsets < sides - before)) / sides


def filtered(images: Tensor, kernels: Tensor) -> Tensor:
    """Images filtered along both axes with a kernel [B, 2 r + 1] each."""
    count, channels, height, width = images.shape
    radius = kernels.shape[-1] // 2
    kernel = kernels.repeat_interleave(channels, 0)[:, None]
    flat = F.pad(images.reshape(1, -1, height, width), (radius,) * 4, mode="replicate")
    flat = F.conv2d(flat, kernel[:, :, :, None], groups=count * channels)
    return F.conv2d(flat, kernel[:, :, None, :], groups=count * channels).reshape(images.shape)


def occluded(images: Tensor, centres: Tensor, sides: Tensor, fill: Tensor) -> Tensor:
    """Images with the rectangle (centre and sides [B, 2] as (x, y), sides as shares) filled."""
    height, width = images.shape[-2:]
    x = (2 * torch.arange(width, device=images.device) + 1) / width - 1
    y = (2 * torch.arange(height, device=images.device) + 1) / height - 1
    columns = (x - centres[:, :1]).abs() < sides[:, :1]
    rows = (y - centres[:, 1:]).abs() < sides[:, 1:]
    covered = columns[:, None, None, :] & rows[:, None, :, None]
    return torch.where(covered, fill, images)
