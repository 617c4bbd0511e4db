"""Literal transcription of Eqs. 1-7 with torch's own eigen-solver, the reference of the tests."""

import torch

from starlib.distances import get_distance


def moments(h: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Eqs. 1 and 4 as sums over every cell; h [B, N, H, W], not normalised."""
    height, width = h.shape[-2:]
    y, x = torch.meshgrid(
        (2 * torch.arange(height, dtype=h.dtype) + 1) / height - 1,
        (2 * torch.arange(width, dtype=h.dtype) + 1) / width - 1,
        indexing="ij",
    )
    positions = torch.stack((x, y), dim=-1).reshape(-1, 2)
    h = h.flatten(2)
    h = h / h.sum(-1, keepdim=True)
    mean = h @ positions
    centred = positions - mean[..., None, :]
    scatter = torch.einsum("bni,bnij,bnik->bnjk", h, centred, centred)
    v1, v2 = h.sum(-1), h.square().sum(-1)
    return mean, scatter / (v1 - v2 / v1)[..., None, None]


def star(h, landmarks, distance="smooth_l1", restriction="value", weight=1.0):
    """Eqs. 5, 6 and 7, [B, N]."""
    mean, covariance = moments(h)
    eigenvalues, eigenvectors = torch.linalg.eigh(covariance)
    if restriction == "detach":
        eigenvalues, eigenvectors = eigenvalues.detach(), eigenvectors.detach()
    d = get_distance(distance)
    error = landmarks - mean
    loss = sum(
        d((eigenvectors[..., :, k] * error).sum(-1)) / eigenvalues[..., k].sqrt() for k in (0, 1)
    )
    return loss + weight * eigenvalues.sum(-1) / 2 if restriction == "value" else loss


def gaussian(mean, covariance, size=64, dtype=torch.float64):
    """Gaussian heatmap [1, 1, size, size]; mean and covariance in cells, from the first cell."""
    cells = torch.arange(size, dtype=dtype)
    y, x = torch.meshgrid(cells, cells, indexing="ij")
    offsets = torch.stack((x - mean[0], y - mean[1]), dim=-1)
    precision = torch.linalg.inv(torch.tensor(covariance, dtype=dtype))
    return torch.exp(-0.5 * torch.einsum("hwi,ij,hwj->hw", offsets, precision, offsets))[None, None]
