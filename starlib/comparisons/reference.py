"""The losses written as their equations stand: slow and literal, for tests and benchmarks.

`star` is the transcription that every faster form is compared with: all coordinate differences
expanded, torch's own eigen-solver, on the CPU wherever the heatmaps are, as the authors' released
code has it. `regression` is the baseline as it is commonly written.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from starlib.distances import SMOOTH_L1_THRESHOLD, get_distance
from starlib.moments import grid_positions


def moments(h: Tensor) -> tuple[Tensor, Tensor]:
    """Eqs. 1 and 4 as sums over every cell; h [B, N, H, W], not normalised."""
    rows, columns = (grid_positions(size, like=h) for size in h.shape[-2:])
    positions = torch.cartesian_prod(rows, columns).flip(-1)  # (x, y) of every cell [HW, 2]
    h = h.flatten(2)
    h = h / h.sum(-1, keepdim=True)
    mean = h @ positions
    centred = positions - mean[..., None, :]
    scatter = torch.einsum("bni,bnij,bnik->bnjk", h, centred, centred)
    v1, v2 = h.sum(-1), h.square().sum(-1)
    return mean, scatter / (v1 - v2 / v1)[..., None, None]


def star(
    h: Tensor,
    landmarks: Tensor,
    distance: str = "smooth_l1",
    restriction: str = "value",
    weight: float = 1.0,
) -> Tensor:
    """Eqs. 5, 6 and 7, [B, N]."""
    mean, covariance = moments(h)
    solved = torch.linalg.eigh(covariance.cpu())
    eigenvalues, eigenvectors = solved[0].to(h.device), solved[1].to(h.device)
    if restriction == "detach":
        eigenvalues, eigenvectors = eigenvalues.detach(), eigenvectors.detach()
    d = get_distance(distance)
    error = landmarks - mean
    loss = torch.zeros_like(error[..., 0])
    for k in (0, 1):
        projected = (eigenvectors[..., :, k] * error).sum(-1)
        loss = loss + d(projected) / eigenvalues[..., k].sqrt()
    return loss + weight * eigenvalues.sum(-1) / 2 if restriction == "value" else loss


def regression(h: Tensor, landmarks: Tensor) -> Tensor:
    """Soft-argmax and smooth-l1 (Eqs. 1, 2 and 8), [B, N]."""
    height, width = h.shape[-2:]
    h = h / h.sum((-2, -1), keepdim=True)
    x = (h * grid_positions(width, like=h)).sum((-2, -1))
    y = (h * grid_positions(height, like=h)[:, None]).sum((-2, -1))
    mean = torch.stack((x, y), dim=-1)
    return F.smooth_l1_loss(mean, landmarks, reduction="none", beta=SMOOTH_L1_THRESHOLD).sum(-1)
