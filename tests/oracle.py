"""References for the losses: the literal transcription, and Gaussian heatmaps."""

import torch

from starlib.comparisons.reference import moments, regression, star

__all__ = ["gaussian", "moments", "regression", "star"]


def gaussian(mean, covariance, size=64, dtype=torch.float64):
    """Gaussian heatmap [1, 1, size, size]; mean and covariance in cells, from the first cell."""
    cells = torch.arange(size, dtype=dtype)
    y, x = torch.meshgrid(cells, cells, indexing="ij")
    offsets = torch.stack((x - mean[0], y - mean[1]), dim=-1)
    precision = torch.linalg.inv(torch.tensor(covariance, dtype=dtype))
    return torch.exp(-0.5 * torch.einsum("hwi,ij,hwj->hw", offsets, precision, offsets))[None, None]
