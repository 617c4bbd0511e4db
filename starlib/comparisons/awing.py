"""AWing, the adaptive wing loss of whole maps (Wang et al., ICCV 2019)."""

import torch
import torch.nn.functional as F
from torch import Tensor

from starlib.checks import check_heatmaps, check_landmarks
from starlib.comparisons.dr import HEATMAP_SIGMA, gaussian_maps
from starlib.kernels import widened
from starlib.unlabelled import filled, masked

OMEGA, THETA, EPSILON, ALPHA = 14.0, 0.5, 1.0, 2.1  # of AWing
FOREGROUND, FOREGROUND_WEIGHT = 0.2, 10.0


def awing(predicted: Tensor, target: Tensor, check_values: bool = True) -> Tensor:
    """Adaptive wing loss (Wang et al., ICCV 2019) of maps [B, M, H, W] in [0, 1], weighted by the
    foreground: the mean over the cells of each [B, M], in float32 (float64 for float64 targets).

        ω ln(1 + |e/ε|^(α - y)) where |e| < θ, A |e| - C elsewhere,    e = y - ŷ

    A and C join the two smoothly. Cells within one cell of a target of 0.2 or more count eleven
    times. `check_values` is as in `starlib.comparisons.table`. Raises ValueError naming the
    argument.
    """
    check_heatmaps(predicted, check_values, "predicted", most=1)
    check_heatmaps(target, check_values, "target", most=1)
    if predicted.shape != target.shape:
        shapes = f"{list(predicted.shape)}, got {list(target.shape)}"
        raise ValueError(f"target: expected shape {shapes}")
    predicted = widened(predicted).to(torch.promote_types(target.dtype, torch.float32))
    error, power = (target - predicted).abs(), ALPHA - target
    # The power's gradient is not finite at 0 for targets above 1.1; these are at most 1.
    inside = OMEGA * torch.log1p((error / EPSILON).clamp_max(THETA / EPSILON) ** power)
    ratio = (THETA / EPSILON) ** power
    slope = OMEGA * power * ratio / (1 + ratio) / THETA
    outside = slope * (error - THETA) + OMEGA * torch.log1p(ratio)
    loss = torch.where(error < THETA, inside, outside)
    foreground = F.max_pool2d(target, 3, stride=1, padding=1) >= FOREGROUND
    return (loss * (1 + FOREGROUND_WEIGHT * foreground)).mean((-2, -1))


def heatmap_regression(heatmaps: Tensor, landmarks: Tensor, check_values: bool = True) -> Tensor:
    """AWing [B, N] of heatmaps [B, N, H, H] in [0, 1] against Gaussians of HEATMAP_SIGMA cells and
    height 1 around landmarks [B, N, 2] in [-1, 1]; 0 where these are NaN; see `awing`."""
    check_heatmaps(heatmaps, check_values, most=1)
    check_landmarks(landmarks, (*heatmaps.shape[:2], 2), check_values)
    if heatmaps.shape[-1] != heatmaps.shape[-2]:
        raise ValueError(f"heatmaps: expected square maps, got {list(heatmaps.shape)}")
    landmarks, missing = filled(landmarks)
    targets = gaussian_maps(landmarks, heatmaps.shape[-1], HEATMAP_SIGMA)
    return masked(awing(heatmaps, targets, False), missing)
