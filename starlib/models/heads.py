"""What the networks share: their output, the covariance head, heatmaps of logits, peaks."""

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from starlib.moments import soft_argmax


class StackOutput(NamedTuple):
    """What one stack predicts; h = w = image_size / 4."""

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


def peak_positions(heatmaps: Tensor, radius: int = 2) -> Tensor:
    """Positions [B, N, 2] of the maps' highest peaks: soft-argmax of the cells within `radius` of
    the largest value. For maps [B, N, H, W] whose background is not zero."""
    width = heatmaps.shape[-1]
    highest = heatmaps.detach().flatten(-2).argmax(-1)
    row, column = highest // width, highest % width
    rows = torch.arange(heatmaps.shape[-2], device=heatmaps.device)
    columns = torch.arange(width, device=heatmaps.device)
    near_row = (rows - row[..., None]).abs() <= radius
    near_column = (columns - column[..., None]).abs() <= radius
    return soft_argmax(heatmaps * (near_row[..., :, None] & near_column[..., None, :]))
