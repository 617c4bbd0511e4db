"""STAR with one part changed: the scale inside the distance, and three controls.

`heatmaps` are [B, N, H, W] >= 0, `landmarks` [B, N, 2] in [-1, 1]; distance, restriction, weight
and `check_values` are those of `starlib.STARLoss`, and so is the ValueError naming the argument.
Each function returns one value per landmark, [B, N], 0 where it is NaN.
"""

import math
from collections.abc import Callable
from functools import wraps
from typing import Any

import torch
from torch import Tensor

from starlib.checks import check_inputs, check_number, one_of
from starlib.devices import constant
from starlib.distances import get_distance
from starlib.losses import RESTRICTIONS, floored, project, restricted, star
from starlib.moments import heatmap_moments, principal_components
from starlib.unlabelled import filled, masked

Distance = Callable[[Tensor], Tensor]


def variant(form: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """A loss with the arguments, checks and restriction of STAR, from the value [B, N] that `form`
    has for d, error, eigenvalues, eigenvectors, heatmaps and landmarks."""

    @wraps(form)
    def loss(
        heatmaps: Tensor,
        landmarks: Tensor,
        distance: str = "smooth_l1",
        restriction: str = "value",
        weight: float = 1.0,
        check_values: bool = True,
    ) -> Tensor:
        d, weight = get_distance(distance), check_number("weight", weight, 0)
        error, eigenvalues, eigenvectors, missing = decomposed(
            heatmaps, landmarks, restriction, check_values
        )
        value = form(d, error, eigenvalues, eigenvectors, heatmaps, landmarks)
        return masked(restricted(value, eigenvalues, restriction, weight), missing)

    return loss


@variant
def star_inside(
    d: Distance, error: Tensor, eigenvalues: Tensor, eigenvectors: Tensor, heatmaps: Tensor, _: Any
) -> Tensor:
    """STAR with the scale inside the distance: Σ_k d(v_kᵀe / √λ_k) plus the restriction.

    With the l2 distance this is the squared Mahalanobis distance eᵀ Σ⁻¹ e (Section 5.4).
    """
    return d(project(eigenvectors, error) / floored(eigenvalues, heatmaps).sqrt()).sum(-1)


@variant
def star_isotropic(
    d: Distance, error: Tensor, eigenvalues: Tensor, eigenvectors: Tensor, heatmaps: Tensor, _: Any
) -> Tensor:
    """Control: STAR whose two errors are both divided by √((λ1 + λ2) / 2)."""
    return star(d, error, floored(eigenvalues.mean(-1, keepdim=True), heatmaps), eigenvectors)


@variant
def star_random(
    d: Distance, error: Tensor, eigenvalues: Tensor, _: Any, heatmaps: Tensor, landmarks: Tensor
) -> Tensor:
    """Control: STAR with λ1 and λ2 along a random direction and the one across it."""
    # Hashed from the label, so that a resumed training meets the same directions.
    weights = constant((12.9898, 78.233), landmarks.dtype, landmarks.device).double()
    mixed = filled(landmarks)[0].detach().to(torch.float64) @ weights
    angle = (math.pi * (mixed.sin() * 43758.5453).frac()).to(error.dtype)
    cos, sin = angle.cos(), angle.sin()
    directions = torch.stack((cos, -sin, sin, cos), dim=-1).unflatten(-1, (2, 2))
    return star(d, error, floored(eigenvalues, heatmaps), directions)


@variant
def restricted_regression(d: Distance, error: Tensor, *_: Any) -> Tensor:
    """Control: the plain regression loss (Eq. 2) with the value restriction (Eq. 7), no scaling.

    Only the value restriction reaches the covariance: with "detach" and "none" it is plain.
    """
    return d(error).sum(-1)


def decomposed(
    heatmaps: Tensor, landmarks: Tensor, restriction: str = "none", check_values: bool = True
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Error y_t - μ [B, N, 2]; eigenvalues and eigenvectors (Eq. 5) of each heatmap, without their
    gradient for "detach"; and which landmarks are unlabelled [B, N], whose error is -μ."""
    one_of(RESTRICTIONS).check("restriction", restriction)
    check_inputs(heatmaps, landmarks, check_values)
    landmarks, missing = filled(landmarks)
    mean, covariance = heatmap_moments(heatmaps)
    eigenvalues, eigenvectors = principal_components(covariance)
    if restriction == "detach":
        eigenvalues, eigenvectors = eigenvalues.detach(), eigenvectors.detach()
    return landmarks.to(mean.dtype) - mean, eigenvalues, eigenvectors, missing
