"""Parts that the networks share: their output, the covariance head, heatmaps of logits, peaks."""

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from starlib.kernels import widened
from starlib.moments import heatmap_moments, soft_argmax


class StackOutput(NamedTuple):
    """The prediction of one stack; h = w = image_size / 4."""

    landmarks: Tensor  # [B, N, 2], (x, y) in [-1, 1]
    # [B, N, h, w] >= 0, not normalised, fused with the AAM mask where there is one; None for
    # models that predict coordinates without them
    heatmaps: Tensor | None
    point_maps: Tensor | None = None  # [B, N, h, w] in [0, 1], AAM only
    edge_maps: Tensor | None = None  # [B, E, h, w] in [0, 1], AAM only
    scale_tril: Tensor | None = None  # [B, N, 2, 2], L of a predicted covariance L Lᵀ


class CholeskyHead(nn.Linear):
    """L [B, N, 2, 2] of each landmark's covariance L Lᵀ from features [B, C] or maps [B, C, h, w],
    lower triangular with a positive diagonal (LUVLi; Kumar et al., CVPR 2020)."""

    START = 0.1  # the diagonal before training, in units of [-1, 1]
    FLOOR = 1e-3

    def __init__(self, channels: int, points: int):
        super().__init__(channels, 3 * points)
        nn.init.normal_(self.weight, std=1e-3)
        nn.init.zeros_(self.bias)

    def forward(self, features: Tensor) -> Tensor:
        if features.dim() == 4:
            features = features.mean((-2, -1))
        x, y, below = super().forward(features).float().unflatten(-1, (-1, 3)).unbind(-1)
        shift = math.log(math.expm1(self.START))
        first, second = (F.softplus(d + shift) + self.FLOOR for d in (x, y))
        rows = torch.stack((first, torch.zeros_like(first), self.START * below, second), dim=-1)
        return rows.unflatten(-1, (2, 2))


def activated(logits: Tensor, sigmoid: bool = False) -> Tensor:
    """Heatmaps [B, N, h, w] of logits: ReLU(InstanceNorm(logits)), or sigmoid(logits)."""
    return torch.sigmoid(logits) if sigmoid else F.relu(F.instance_norm(logits))


PEAK_RADIUS, SPREAD_RADIUS = 2, 3  # cells around a peak: for its position, and its covariance


def around_peaks(heatmaps: Tensor, radius: int) -> Tensor:
    """The maps [B, N, H, W] without the cells farther than `radius` from their largest value."""
    width = heatmaps.shape[-1]
    highest = heatmaps.detach().flatten(-2).argmax(-1)
    row, column = highest // width, highest % width
    rows = torch.arange(heatmaps.shape[-2], device=heatmaps.device)
    columns = torch.arange(width, device=heatmaps.device)
    near_row = (rows - row[..., None]).abs() <= radius
    near_column = (columns - column[..., None]).abs() <= radius
    return heatmaps * (near_row[..., :, None] & near_column[..., None, :])


def peak_positions(heatmaps: Tensor) -> Tensor:
    """Positions [B, N, 2] of the maps' highest peaks: soft-argmax of the cells within PEAK_RADIUS
    of the largest value. For maps [B, N, H, W] whose background is not zero."""
    return soft_argmax(around_peaks(heatmaps, PEAK_RADIUS))


def output_moments(
    output: StackOutput, grid: str = "centers", peaks: bool = False
) -> tuple[Tensor, Tensor | None]:
    """Landmarks [B, N, 2] and covariance [B, N, 2, 2] of a stack's output, in float32 (float64 for
    float64 outputs), units of [-1, 1] and their square; the covariance is None without a head for
    it and without heatmaps.

    It is the predicted L Lᵀ where the network has a head for it, else that of the heatmap (Eq. 4)
    on the network's grid; for `peaks` (maps of a sigmoid, which are not zero elsewhere) that of the
    cells around the peak: three of them hold 94 % of the deviation of the Gaussians, of 1.5 cells,
    that such maps are trained on.
    """
    landmarks = widened(output.landmarks)
    if output.scale_tril is not None:
        scale_tril = widened(output.scale_tril)
        rows = scale_tril[..., :, None, :] * scale_tril[..., None, :, :]
        return landmarks, rows.sum(-1)
    if output.heatmaps is None:
        return landmarks, None
    maps = around_peaks(output.heatmaps, SPREAD_RADIUS) if peaks else output.heatmaps
    return landmarks, heatmap_moments(maps, grid)[1]
