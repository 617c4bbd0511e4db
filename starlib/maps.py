"""Target maps drawn from landmarks, and the losses that compare maps with them.

Everything works on whole batches on the device of its inputs. Landmarks are (x, y) in [-1, 1];
a map of side w belongs to an input of side 4 w, whose pixels are the unit of POINT_SIGMA and of
the width of an edge.
"""

from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

from starlib.fused import scaled
from starlib.moments import grid_positions, soft_argmax
from starlib.schemes import Scheme

STRIDE = 4  # input pixels per cell
POINT_SIGMA = 1.5  # input pixels
HEATMAP_SIGMA = 1.5  # cells; of heatmap regression
REGULARISED_SIGMA = 1.0  # cells; of distribution regularisation
OMEGA, THETA, EPSILON, ALPHA = 14.0, 0.5, 1.0, 2.1  # of AWing
FOREGROUND, FOREGROUND_WEIGHT = 0.2, 10.0


def gaussian_maps(landmarks: Tensor, size: int, sigma: float) -> Tensor:
    """Gaussians of height 1 and `sigma` cells around landmarks [B, N, 2]: [B, N, size, size]."""
    cells = grid_positions(size, like=landmarks)
    offsets = (cells - landmarks[..., None]) * (size / (2 * sigma))  # [B, N, 2, size]
    columns, rows = torch.exp(-0.5 * offsets.square()).unbind(-2)
    return rows[..., :, None] * columns[..., None, :]


def point_targets(landmarks: Tensor, size: int) -> Tensor:
    """Targets [B, N, size, size] of AAM's point maps for landmarks [B, N, 2].

    A Gaussian of POINT_SIGMA at input resolution, scaled to a quarter bilinearly, which takes the
    mean of the four pixels around each cell's centre.
    """
    cells = grid_positions(size, like=landmarks)
    half = 1 / (STRIDE * size)  # half an input pixel
    pixels = torch.stack((cells - half, cells + half))
    offsets = (pixels - landmarks[..., None, None]) * (STRIDE * size / (2 * POINT_SIGMA))
    columns, rows = torch.exp(-0.5 * offsets.square()).mean(-2).unbind(-2)
    return rows[..., :, None] * columns[..., None, :]


@lru_cache(maxsize=8)
def _splines(scheme: Scheme, pixels: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Matrix [S, N] from landmarks to points along all edges, and each point's edge [S].

    Dense enough for edges up to one and a half times as long as the picture's side of `pixels`.

    Catmull-Rom splines with uniform parameter pass through the landmarks and are linear in them,
    so that one matrix product draws a batch. An open curve goes on straight at its ends.
    """
    rows, edges = [], []
    for edge, (points, closed) in enumerate(scheme.edges):
        count = len(points)
        weights = _catmull_rom(max(8, 3 * pixels // count))
        one_hot = torch.zeros(count, scheme.points)
        one_hot[torch.arange(count), list(points)] = 1
        if closed:
            padded = torch.cat((one_hot[-1:], one_hot, one_hot[:2]))
        else:
            before, after = 2 * one_hot[0] - one_hot[1], 2 * one_hot[-1] - one_hot[-2]
            padded = torch.cat((before[None], one_hot, after[None]))
        curve = [weights @ padded[i : i + 4] for i in range(len(padded) - 3)]
        curve += [] if closed else [one_hot[-1:]]
        rows += curve
        edges += [torch.full((sum(map(len, curve)),), edge)]
    return torch.cat(rows).to(device), torch.cat(edges).to(device)


def _catmull_rom(samples: int) -> Tensor:
    """Weights [samples, 4] of four successive points between the second and the third."""
    t = torch.arange(samples) / samples
    weights = (-t + 2 * t**2 - t**3, 2 - 5 * t**2 + 3 * t**3, t + 4 * t**2 - 3 * t**3, t**3 - t**2)
    return torch.stack(weights, dim=-1) / 2


def edge_targets(landmarks: Tensor, scheme: Scheme, size: int) -> Tensor:
    """Targets [B, E, size, size] of AAM's edge maps for landmarks [B, N, 2].

    A line one pixel wide along a spline through each edge of the scheme, anti-aliased, at input
    resolution, scaled to a quarter bilinearly: a cell has the mean of its inner four pixels, and
    is empty where the line misses them. What lies outside the map is left out.
    """
    pixels = STRIDE * size
    matrix, edges = _splines(scheme, pixels, landmarks.device)
    curves = ((matrix.to(landmarks.dtype) @ landmarks + 1) * pixels - 1) / 2  # pixel centres
    corner = curves.floor()
    # Of each cell's 4 x 4 pixels the inner 2 x 2 count: only they are kept, side by side.
    maps = landmarks.new_zeros(len(landmarks), len(scheme.edges) * (2 * size) ** 2)
    for dx, dy in ((0, 0), (1, 0), (0, 1), (1, 1)):
        pixel = torch.stack((corner[..., 0] + dx, corner[..., 1] + dy), dim=-1)
        value = (1 - (curves - pixel).norm(dim=-1)).clamp_min(0)
        within = pixel.remainder(STRIDE)
        inner = (within == 1) | (within == 2)
        kept = (inner & (pixel >= 0) & (pixel < pixels)).all(-1)
        x, y = (pixel.div(STRIDE, rounding_mode="floor") * 2 + within - 1).long().unbind(-1)
        index = ((edges * 2 * size + y) * 2 * size + x).where(kept, 0)
        maps.scatter_reduce_(1, index, value.where(kept, 0), "amax")
    return F.avg_pool2d(maps.view(len(landmarks), -1, 2 * size, 2 * size), 2)


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


def distribution_regularisation(heatmaps: Tensor, landmarks: Tensor) -> Tensor:
    """Jensen-Shannon divergence [B, N], in nats, between each normalised heatmap and a Gaussian of
    one cell around its landmark, normalised on the grid (DR; Nibali et al., 2018).

    Args:
        heatmaps: non-negative maps [B, N, H, H], normalised or not; an empty map counts as one
            that has no mass where the Gaussian has it.
        landmarks: [B, N, 2] in [-1, 1].
    """
    maps, _ = scaled(heatmaps)
    gaussians = gaussian_maps(landmarks.to(maps.dtype), maps.shape[-1], REGULARISED_SIGMA)
    p = maps / maps.sum((-2, -1), keepdim=True).clamp_min(0.5)  # empty, or at least 1
    tiny = torch.finfo(maps.dtype).tiny
    # A landmark far outside leaves a Gaussian without mass; its divergence is then that of p alone.
    q = gaussians / gaussians.sum((-2, -1), keepdim=True).clamp_min(tiny)
    middle = ((p + q) / 2).clamp_min(tiny).log()
    divergence = torch.xlogy(p, p.clamp_min(tiny)) + torch.xlogy(q, q.clamp_min(tiny))
    return (divergence - (p + q) * middle).sum((-2, -1)) / 2


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
