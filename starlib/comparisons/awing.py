"""AWing, the adaptive wing loss of whole maps (Wang et al., ICCV 2019)."""

import torch
import torch.nn.functional as F
from torch import Tensor

OMEGA, THETA, EPSILON, ALPHA = 14.0, 0.5, 1.0, 2.1  # of AWing
FOREGROUND, FOREGROUND_WEIGHT = 0.2, 10.0


def awing(predicted: Tensor, target: Tensor) -> Tensor:
    """Adaptive wing loss of maps in [0, 1] (Wang et al., ICCV 2019), weighted by the foreground.

        ω ln(1 + |e/ε|^(α - y)) where |e| < θ, A |e| - C elsewhere,    e = y - ŷ

    A and C join the two smoothly. Cells within one cell of a target of 0.2 or more count eleven
    times.

    Args:
        predicted, target: maps [B, M, H, W].

    Returns:
        Mean over the cells of each map [B, M], in float32 (float64 for float64 targets).
    """
    predicted = predicted.to(torch.promote_types(target.dtype, torch.float32))
    error, power = (target - predicted).abs(), ALPHA - target
    # The power's gradient is not finite at 0 for targets above 1.1, which there are none of.
    inside = OMEGA * torch.log1p((error / EPSILON).clamp_max(THETA / EPSILON) ** power)
    ratio = (THETA / EPSILON) ** power
    slope = OMEGA * power * ratio / (1 + ratio) / THETA
    outside = slope * (error - THETA) + OMEGA * torch.log1p(ratio)
    loss = torch.where(error < THETA, inside, outside)
    foreground = F.max_pool2d(target, 3, stride=1, padding=1) >= FOREGROUND
    return (loss * (1 + FOREGROUND_WEIGHT * foreground)).mean((-2, -1))
