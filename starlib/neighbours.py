"""The losses that STAR is compared with. Each returns one value per landmark, [B, N].

`heatmaps` are [B, N, H, W] >= 0, `landmarks` [B, N, 2] in [-1, 1], as for `starlib.STARLoss`.
"""

import math
from collections.abc import Callable
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from starlib.devices import constant
from starlib.distances import get_distance
from starlib.losses import floored, restricted
from starlib.moments import heatmap_moments, principal_components
from starlib.schemes import Scheme

RATIO_LIMITS = (1.0, 9.0)  # of ADL's λ when the heatmap sets it


def star_inside(
    heatmaps: Tensor, landmarks: Tensor, distance: str, restriction: str, weight: float
) -> Tensor:
    """STAR with the scale inside the distance: Σ_k d(v_kᵀe / √λ_k) plus the restriction.

    With the l2 distance this is the squared Mahalanobis distance eᵀ Σ⁻¹ e (Section 5.4).
    """
    error, eigenvalues, eigenvectors = _decomposed(heatmaps, landmarks, restriction)
    scaled = project(eigenvectors, error) / floored(eigenvalues, heatmaps).sqrt()
    return restricted(get_distance(distance)(scaled).sum(-1), eigenvalues, restriction, weight)


def star_isotropic(
    heatmaps: Tensor, landmarks: Tensor, distance: str, restriction: str, weight: float
) -> Tensor:
    """Control: STAR whose two errors are both divided by √((λ1 + λ2) / 2)."""
    error, eigenvalues, eigenvectors = _decomposed(heatmaps, landmarks, restriction)
    mean = floored(eigenvalues.mean(-1, keepdim=True), heatmaps)
    loss = (get_distance(distance)(project(eigenvectors, error)) / mean.sqrt()).sum(-1)
    return restricted(loss, eigenvalues, restriction, weight)


def star_random(
    heatmaps: Tensor, landmarks: Tensor, distance: str, restriction: str, weight: float
) -> Tensor:
    """Control: STAR with λ1 and λ2 along a random direction and the one across it."""
    error, eigenvalues, _ = _decomposed(heatmaps, landmarks, restriction)
    # Hashed from the label, so that a resumed training meets the same directions.
    weights = constant((12.9898, 78.233), landmarks.dtype, landmarks.device).double()
    mixed = landmarks.detach().to(torch.float64) @ weights
    angle = (math.pi * (mixed.sin() * 43758.5453).frac()).to(error.dtype)
    cos, sin = angle.cos(), angle.sin()
    directions = torch.stack((cos, -sin, sin, cos), dim=-1).unflatten(-1, (2, 2))
    deviations = floored(eigenvalues, heatmaps).sqrt()
    loss = (get_distance(distance)(project(directions, error)) / deviations).sum(-1)
    return restricted(loss, eigenvalues, restriction, weight)


def _decomposed(
    heatmaps: Tensor, landmarks: Tensor, restriction: str = "none"
) -> tuple[Tensor, Tensor, Tensor]:
    mean, covariance = heatmap_moments(heatmaps)
    eigenvalues, eigenvectors = principal_components(covariance)
    if restriction == "detach":
        eigenvalues, eigenvectors = eigenvalues.detach(), eigenvectors.detach()
    return landmarks.to(mean.dtype) - mean, eigenvalues, eigenvectors


def project(directions: Tensor, error: Tensor) -> Tensor:
    """v_kᵀ e [..., 2] for directions [..., 2, 2] in columns and errors [..., 2]."""
    return (directions * error[..., None]).sum(-2)


@lru_cache(maxsize=8)
def _along_edges(scheme: Scheme, device: torch.device) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Of each landmark the ones before and after it on its edge, whether it is the edge's end, and
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
    first, second, third, fourth = (
        torch.tensor(v, device=device) for v in (before, after, ends, on_edge)
    )
    return first, second, third, fourth


def edge_normals(landmarks: Tensor, scheme: Scheme) -> tuple[Tensor, Tensor]:
    """Unit normal [B, N, 2] of the edge at each landmark, and which points lie on an edge [N].

    The normal is the direction of the sum of the unit vectors to the two neighbours on the edge,
    and the perpendicular of the neighbours' chord where those cancel and at an edge's ends.
    Points on no edge have (1, 0).
    """
    before, after, ends, on_edge = _along_edges(scheme, landmarks.device)
    first, last = landmarks[:, before] - landmarks, landmarks[:, after] - landmarks
    bend = F.normalize(first, dim=-1) + F.normalize(last, dim=-1)
    chord = F.normalize(last - first, dim=-1)
    across = torch.stack((-chord[..., 1], chord[..., 0]), dim=-1)
    length = bend.norm(dim=-1, keepdim=True)
    straight = ends[:, None] | (length < 1e-3)
    normal = torch.where(straight, across, bend / length.clamp_min(1e-3))
    degenerate = normal.norm(dim=-1, keepdim=True) < 0.5  # neighbours in one place
    fallback = constant((1.0, 0.0), normal.dtype, normal.device)
    return torch.where(degenerate | ~on_edge[:, None], fallback, normal), on_edge


def adl(
    heatmaps: Tensor,
    landmarks: Tensor,
    scheme: Scheme,
    distance: str = "smooth_l1",
    ratio: float | None = None,
) -> Tensor:
    """Anisotropic direction loss (Huang et al., ADNet, ICCV 2021): d of the error's size

        √(α n² + β t²),    α = 2λ / (λ + 1),  β = 2 / (λ + 1)

    n and t are the error across and along the edge that the landmark lies on; on no edge α = β = 1.

    Args:
        heatmaps, landmarks: see the module; normals are taken from `landmarks`.
        scheme: whose edges.
        distance: of the size, as in `starlib.RegressionLoss`.
        ratio: λ >= 1, the hand-set constant; None: the heatmap's variance along the edge over that
            across it, from 1 to 9, without gradient (the ADNet release).
    """
    if ratio is not None and not 1 <= ratio < math.inf:
        raise ValueError(f"ratio: expected a number >= 1, got {ratio!r}")
    mean, covariance = heatmap_moments(heatmaps)
    landmarks = landmarks.to(mean.dtype)
    error = landmarks - mean
    normal, on_edge = edge_normals(landmarks, scheme)
    tangent = torch.stack((-normal[..., 1], normal[..., 0]), dim=-1)
    if ratio is None:
        spread = covariance.detach()
        along, across = (
            torch.einsum("bni,bnij,bnj->bn", axis, spread, axis) for axis in (tangent, normal)
        )
        lam = (along / across.clamp_min(torch.finfo(along.dtype).tiny)).clamp(*RATIO_LIMITS)
    else:
        lam = torch.full_like(error[..., 0], ratio)
    lam = torch.where(on_edge, lam, 1.0)
    n, t = (error * normal).sum(-1), (error * tangent).sum(-1)
    squared = 2 * (lam * n.square() + t.square()) / (lam + 1)
    return get_distance(distance)(_root(squared))


def _root(squared: Tensor) -> Tensor:
    """Square root with a finite gradient at zero."""
    return squared.clamp_min(1e-12).sqrt()


def _gaussian(whitened: Tensor, half_log_determinant: Tensor) -> Tensor:
    return half_log_determinant + whitened.square().sum(-1) / 2


def _laplace(whitened: Tensor, half_log_determinant: Tensor) -> Tensor:
    return half_log_determinant + _root(3 * whitened.square().sum(-1))


LIKELIHOODS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "gaussian": _gaussian,
    "laplace": _laplace,
}


def heatmap_nll(heatmaps: Tensor, landmarks: Tensor, family: str = "gaussian") -> Tensor:
    """Negative log-likelihood of the landmark with the heatmap's own mean and covariance.

        gaussian: ½ log|Σ| + ½ eᵀΣ⁻¹e        laplace: ½ log|Σ| + √(3 eᵀΣ⁻¹e)

    without their constants (LUVLi; Kumar et al., CVPR 2020).
    """
    error, eigenvalues, eigenvectors = _decomposed(heatmaps, landmarks)
    variances = floored(eigenvalues, heatmaps)
    return LIKELIHOODS[family](
        project(eigenvectors, error) / variances.sqrt(), variances.log().sum(-1) / 2
    )


def cholesky_nll(
    mean: Tensor, scale_tril: Tensor, landmarks: Tensor, family: str = "gaussian"
) -> Tensor:
    """The same with a predicted mean [B, N, 2] and Σ = L Lᵀ, L [B, N, 2, 2] lower triangular with
    a positive diagonal, as LUVLi predicts it."""
    scale_tril, mean = scale_tril.float(), mean.float()
    error = landmarks.to(mean.dtype) - mean
    diagonal = scale_tril.diagonal(dim1=-2, dim2=-1)
    first = error[..., 0] / diagonal[..., 0]
    second = (error[..., 1] - scale_tril[..., 1, 0] * first) / diagonal[..., 1]
    whitened = torch.stack((first, second), dim=-1)  # L⁻¹ e
    return LIKELIHOODS[family](whitened, diagonal.log().sum(-1))


class ResidualLikelihood(nn.Module):
    """Residual log-likelihood estimation (RLE; Li et al., ICCV 2021).

    The standardised residual x = (y_t - μ) / σ has the density q(x) · g(x) up to a constant, q a
    Laplace density and g a normalising flow shared by all landmarks, which learns how residuals
    really are distributed:

        L = log σ_x + log σ_y - log q(x) - log g(x)

    Call with mean [B, N, 2], deviations [B, N, 2] > 0 and landmarks [B, N, 2]; returns [B, N].
    """

    def __init__(self, layers: int = 6, hidden: int = 64):
        super().__init__()
        self.scales, self.shifts = (
            nn.ModuleList(
                nn.Sequential(
                    nn.Linear(2, hidden), nn.LeakyReLU(),
                    nn.Linear(hidden, hidden), nn.LeakyReLU(),
                    nn.Linear(hidden, 2), last(),
                )
                for _ in range(layers)
            )
            for last in (nn.Tanh, nn.Identity)
        )  # fmt: skip

    def log_density(self, x: Tensor) -> Tensor:
        """log g of points [..., 2]: affine couplings (RealNVP) onto a standard normal."""
        log_determinant = torch.zeros_like(x[..., 0])
        for layer, (scale, shift) in enumerate(zip(self.scales, self.shifts, strict=True)):
            kept = constant((0.0, 1.0) if layer % 2 else (1.0, 0.0), x.dtype, x.device)
            s, t = scale(x * kept) * (1 - kept), shift(x * kept) * (1 - kept)
            x = x * kept + (1 - kept) * (x - t) * torch.exp(-s)
            log_determinant = log_determinant - s.sum(-1)
        return log_determinant - x.square().sum(-1) / 2 - math.log(2 * math.pi)

    def forward(self, mean: Tensor, deviations: Tensor, landmarks: Tensor) -> Tensor:
        with torch.autocast(mean.device.type, enabled=False):
            deviations = deviations.float()
            x = (landmarks.float() - mean.float()) / deviations
            laplace = -x.abs().sum(-1) - 2 * math.log(2)
            return deviations.log().sum(-1) - laplace - self.log_density(x)
