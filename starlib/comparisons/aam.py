"""Target maps of AAM, the anisotropic attention module of ADNet (Huang et al., ICCV 2021).

Everything works on whole batches on the device of its inputs. Landmarks are (x, y) in [-1, 1];
a map of side w belongs to an input of side 4 w, whose pixels are the unit of POINT_SIGMA and of
the width of an edge. Unlabelled landmarks (NaN) are given a place first, and their maps and edges
are left out of the loss (`starlib.unlabelled`, `edges_missing`).
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from starlib.devices import cached
from starlib.moments import grid_positions
from starlib.schemes import Scheme

STRIDE = 4  # input pixels per cell
POINT_SIGMA = 1.5  # input pixels


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


@cached
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


@cached
def _membership(scheme: Scheme, device: torch.device) -> Tensor:
    return torch.from_numpy(scheme.membership).to(device)


def edges_missing(missing: Tensor, scheme: Scheme) -> Tensor:
    """Edges [B, E] with an unlabelled landmark, from the `missing` landmarks [B, N]."""
    return (missing[:, None] & _membership(scheme, missing.device)).any(-1)


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
