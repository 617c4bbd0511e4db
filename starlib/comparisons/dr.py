"""DR, distribution regularisation (Nibali et al., 2018), and the Gaussian maps it compares with."""

import torch
from torch import Tensor

from starlib.checks import check_inputs
from starlib.kernels import scaled, widened
from starlib.moments import grid_positions
from starlib.unlabelled import filled, masked

HEATMAP_SIGMA = 1.5  # cells; of heatmap regression
REGULARISED_SIGMA = 1.0  # cells; of distribution regularisation


def gaussian_maps(landmarks: Tensor, size: int, sigma: float) -> Tensor:
    """Gaussians of height 1 and `sigma` cells around landmarks [B, N, 2]: [B, N, size, size]."""
    cells = grid_positions(size, like=landmarks)
    offsets = (cells - landmarks[..., None]) * (size / (2 * sigma))  # [B, N, 2, size]
    columns, rows = torch.exp(-0.5 * offsets.square()).unbind(-2)
    return rows[..., :, None] * columns[..., None, :]


def distribution_regularisation(
    heatmaps: Tensor, landmarks: Tensor, check_values: bool = True
) -> Tensor:
    """Jensen-Shannon divergence [B, N], from 0 to ln 2 (nats), between each normalised heatmap
    [B, N, H, H] and a Gaussian of one cell around its landmark, normalised on the grid (DR; Nibali
    et al., 2018). Of an empty map it is (ln 2) / 2, the Gaussian's part alone. The rest is as in
    `starlib.comparisons.table`."""
    check_inputs(heatmaps, landmarks, check_values)
    if heatmaps.shape[-1] != heatmaps.shape[-2]:
        raise ValueError(f"heatmaps: expected square maps, got {list(heatmaps.shape)}")
    landmarks, missing = filled(landmarks)
    maps, _ = scaled(widened(heatmaps))
    gaussians = gaussian_maps(landmarks.to(maps.dtype), maps.shape[-1], REGULARISED_SIGMA)
    p = maps / maps.sum((-2, -1), keepdim=True).clamp_min(0.5)  # empty, or at least 1
    tiny = torch.finfo(maps.dtype).tiny
    # A landmark far outside leaves a Gaussian without mass; its divergence is then that of p alone.
    q = gaussians / gaussians.sum((-2, -1), keepdim=True).clamp_min(tiny)
    middle = ((p + q) / 2).clamp_min(tiny).log()
    divergence = torch.xlogy(p, p.clamp_min(tiny)) + torch.xlogy(q, q.clamp_min(tiny))
    return masked((divergence - (p + q) * middle).sum((-2, -1)) / 2, missing)
