"""Moments of a heatmap and their closed-form principal components: Eqs. 1, 3, 4 and 5 of the paper.

Coordinates are (x, y) in [-1, 1]. `grid="centers"` puts cell j of W at (2j + 1) / W - 1:

    -1                    0                    1
     |  cell 0  |  cell 1  |  cell 2  |  cell 3  |      W = 4
        -0.75      -0.25       0.25       0.75

`grid="corners"` puts it at 2j / (W - 1) - 1, so that the outermost centres are at -1 and 1, as the
decoder of the authors' released code does, and `align_corners=True` of torch and kornia.
"""

import torch
from torch import Tensor

from starlib.checks import check_heatmaps, check_tensor, one_of
from starlib.kernels import first_moment, second_moments

GRIDS = ("centers", "corners")
# 1 - V2 / V1² below this is rounding: the mass is on one cell, whose covariance is zero.
ONE_CELL = 1e-6
# (λ1 - λ2) / (λ1 + λ2) below this is rounding of a float32 covariance: no direction is defined.
ISOTROPIC = 1e-5


def grid_positions(size: int, grid: str = "centers", like: Tensor | None = None) -> Tensor:
    """Positions [size] of a heatmap's columns (or rows) in [-1, 1]; dtype and device of `like`."""
    one_of(GRIDS).check("grid", grid)
    dtype, device = (like.dtype, like.device) if like is not None else (torch.float32, None)
    steps = torch.arange(size, dtype=dtype, device=device)
    if grid == "centers":
        return (2 * steps + 1) / size - 1
    return 2 * steps / max(size - 1, 1) - 1


def soft_argmax(heatmaps: Tensor, grid: str = "centers") -> Tensor:
    """Expected position under each normalised heatmap (Eq. 1), μ = Σᵢ hᵢ yᵢ / Σᵢ hᵢ.

    Args:
        heatmaps: non-negative maps [B, N, H, W], normalised or not.
        grid: "centers" or "corners", see the module.

    Returns:
        Means [B, N, 2], (x, y) in [-1, 1], in float32 (float64 for float64 maps). An empty map
        has its mean at the origin.
    """
    check_heatmaps(heatmaps, values=False)
    return first_moment(heatmaps, *_positions(heatmaps, grid))


def _positions(heatmaps: Tensor, grid: str) -> tuple[Tensor, Tensor]:
    """x [W] of the columns and y [H] of the rows, in float32 (float64 for float64 maps)."""
    dtype = torch.promote_types(heatmaps.dtype, torch.float32)
    like = torch.empty(0, dtype=dtype, device=heatmaps.device)
    height, width = heatmaps.shape[-2:]
    return grid_positions(width, grid, like), grid_positions(height, grid, like)


def heatmap_moments(
    heatmaps: Tensor, grid: str = "centers", biased: bool = False, epsilon: float = 0.0
) -> tuple[Tensor, Tensor]:
    """Mean (Eq. 1) and covariance (Eq. 4, or Eq. 3 when `biased`) of each heatmap.

        Σ = Σᵢ hᵢ (yᵢ - μ)(yᵢ - μ)ᵀ / (V1 - V2 / V1),   V1 = Σᵢ hᵢ,   V2 = Σᵢ hᵢ²

    Eq. 3 divides by V1. The variances are centred on the mean, so that a narrow map far from the
    origin loses no digits; the covariance of x and y keeps five of a map of one cell.

    Args:
        heatmaps: non-negative maps [B, N, H, W], normalised or not.
        grid: "centers" or "corners", see the module.
        biased: leave out Bessel's correction.
        epsilon: added to V1 and V2 of the normalised map; 1e-5 in the released code.

    Returns:
        mean [B, N, 2] and covariance [B, N, 2, 2], in float32 (float64 for float64 maps), units
        of [-1, 1] and their square. One-cell and empty maps have covariance zero.
    """
    check_heatmaps(heatmaps, values=False)
    mean, spread, v2 = second_moments(heatmaps, *_positions(heatmaps, grid))
    if not biased:
        v1, v2 = 1 + epsilon, v2 + epsilon
        spread = spread / (v1 - v2 / v1).clamp_min(ONE_CELL)
    xx, xy, yy = spread.unbind(-1)
    return mean, torch.stack((xx, xy, xy, yy), dim=-1).unflatten(-1, (2, 2))


def principal_components(covariance: Tensor) -> tuple[Tensor, Tensor]:
    """Eigenvalues and eigenvectors of symmetric 2x2 matrices in closed form (Eq. 5, Σ = V L Vᵀ).

    With [[a, b], [b, c]]: λ = (a + c) / 2 ± r, r = √(((a - c) / 2)² + b²), θ = ½ atan2(2b, a - c),
    v1 = (cos θ, sin θ), v2 = (-sin θ, cos θ). Where r is rounding (isotropic matrices) or its
    square underflows (zero, and below 1e-19 in float32), v1 is (1, 0) and no gradient flows
    through r and θ, so value and gradient are finite everywhere.

    Args:
        covariance: symmetric matrices [..., 2, 2] in float32, float64 or bfloat16; the lower
            off-diagonal element is not read.

    Returns:
        eigenvalues [..., 2], largest first; eigenvectors [..., 2, 2], in columns; in float32
        (float64 for float64 matrices).

    Raises:
        ValueError: for another shape or dtype; for float16 because a cell's variance (8e-5 for 64
            cells) and the gradient of its direction leave that range.
    """
    fits = isinstance(covariance, Tensor) and covariance.shape[-2:] == (2, 2)
    check_tensor("covariance", covariance, "[..., 2, 2]", fits)
    if covariance.dtype == torch.float16:
        raise ValueError(
            "covariance: expected float32 or float64, got torch.float16, whose range is too small "
            "for the variance of a cell"
        )
    covariance = covariance.to(torch.promote_types(covariance.dtype, torch.float32))
    a, b, _, c = covariance.flatten(-2).unbind(-1)
    middle, p = a / 2 + c / 2, a / 2 - c / 2
    size = torch.maximum(p.abs(), b.abs()).detach()
    least = torch.finfo(covariance.dtype).tiny ** 0.5
    isotropic = size <= (ISOTROPIC * middle.detach().abs()).clamp_min(least)
    p, b = torch.where(isotropic, 1.0, p), torch.where(isotropic, 0.0, b)
    r = torch.where(isotropic, 0.0, torch.hypot(p, b))
    theta = torch.atan2(b, p) / 2
    cos, sin = torch.cos(theta), torch.sin(theta)
    eigenvalues = torch.stack((middle + r, middle - r), dim=-1)
    eigenvectors = torch.stack((cos, -sin, sin, cos), dim=-1).unflatten(-1, (2, 2))
    return eigenvalues, eigenvectors
