"""ADL, the anisotropic direction loss of ADNet (Huang et al., ICCV 2021)."""

import torch
import torch.nn.functional as F
from torch import Tensor

from starlib.checks import check_inputs, check_number
from starlib.devices import cached, constant
from starlib.distances import get_distance
from starlib.moments import heatmap_moments
from starlib.schemes import Scheme
from starlib.unlabelled import filled, masked

RATIO_LIMITS = (1.0, 9.0)  # of ADL's λ when the heatmap sets it


@cached
def _along_edges(scheme: Scheme, device: torch.device) -> tuple[Tensor, ...]:
    """For each landmark the ones before and after it on its edge, whether it is the edge's end, and
    whether it lies on one, [N] each."""
    before, after = list(range(scheme.points)), list(range(scheme.points))
    ends, on_edge = [True] * scheme.points, [False] * scheme.points
    for points, closed in scheme.edges:
        for i, point in enumerate(points):
            end = not closed and i in (0, len(points) - 1)
            if on_edge[point] and end:
                continue  # already inside another edge
            before[point] = points[i - 1] if i or closed else point
            after[point] = points[(i + 1) % len(points)] if i + 1 < len(points) or closed else point
            ends[point], on_edge[point] = end, True
    return tuple(torch.tensor(v, device=device) for v in (before, after, ends, on_edge))


def edge_normals(landmarks: Tensor, scheme: Scheme) -> tuple[Tensor, Tensor]:
    """Unit normal [B, N, 2] of the edge at each landmark, and which points have one [B, N].

    The normal is the direction of the sum of the unit vectors to the two neighbours on the edge,
    and the perpendicular of the neighbours' chord where those cancel and at an edge's ends.
    Points on no edge have none, nor has a point that is unlabelled (NaN) or beside one that is;
    theirs is given as (1, 0).
    """
    before, after, ends, on_edge = _along_edges(scheme, landmarks.device)
    landmarks, missing = filled(landmarks)
    directed = on_edge & ~(missing | missing[:, before] | missing[:, after])
    first, last = landmarks[:, before] - landmarks, landmarks[:, after] - landmarks
    bend = F.normalize(first, dim=-1) + F.normalize(last, dim=-1)
    chord = F.normalize(last - first, dim=-1)
    across = torch.stack((-chord[..., 1], chord[..., 0]), dim=-1)
    length = bend.norm(dim=-1, keepdim=True)
    straight = ends[:, None] | (length < 1e-3)
    normal = torch.where(straight, across, bend / length.clamp_min(1e-3))
    degenerate = normal.norm(dim=-1, keepdim=True) < 0.5  # neighbours in one place
    fallback = constant((1.0, 0.0), normal.dtype, normal.device)
    return torch.where(degenerate | ~directed[..., None], fallback, normal), directed


def adl(
    heatmaps: Tensor,
    landmarks: Tensor,
    scheme: Scheme,
    distance: str = "smooth_l1",
    ratio: float | None = None,
    check_values: bool = True,
) -> Tensor:
    """Anisotropic direction loss (Huang et al., ADNet, ICCV 2021): d of the error's size

        √(α n² + β t²),    α = 2λ / (λ + 1),  β = 2 / (λ + 1)

    n and t are the error across and along the edge that the landmark lies on; α = β = 1 on no edge
    and beside an unlabelled neighbour. λ is the `ratio` >= 1, the hand-set constant; for None it is
    the heatmap's variance along the edge over that across it, from 1 to 9, without gradient (the
    ADNet release). The scheme has a point for each heatmap. The rest is as in
    `starlib.comparisons.table`.
    """
    check_inputs(heatmaps, landmarks, check_values)
    if heatmaps.shape[1] != scheme.points:
        raise ValueError(
            f"heatmaps: expected the {scheme.points} points of scheme {scheme.name}, "
            f"got {heatmaps.shape[1]}"
        )
    if ratio is not None:
        ratio = check_number("ratio", ratio, 1)
    mean, covariance = heatmap_moments(heatmaps)
    landmarks = landmarks.to(mean.dtype)
    normal, directed = edge_normals(landmarks, scheme)
    landmarks, missing = filled(landmarks)
    error = landmarks - mean
    tangent = torch.stack((-normal[..., 1], normal[..., 0]), dim=-1)
    if ratio is None:
        spread = covariance.detach()
        along, across = (
            torch.einsum("bni,bnij,bnj->bn", axis, spread, axis) for axis in (tangent, normal)
        )
        lam = (along / across.clamp_min(torch.finfo(along.dtype).tiny)).clamp(*RATIO_LIMITS)
    else:
        lam = torch.full_like(error[..., 0], ratio)
    lam = torch.where(directed, lam, 1.0)
    n, t = (error * normal).sum(-1), (error * tangent).sum(-1)
    squared = 2 * (lam * n.square() + t.square()) / (lam + 1)
    return masked(get_distance(distance)(root(squared)), missing)


def root(squared: Tensor) -> Tensor:
    """Square root with a finite gradient at zero."""
    return squared.clamp_min(1e-12).sqrt()
