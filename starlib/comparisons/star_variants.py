"""STAR with one part changed: the scale inside the distance, and three controls.

`heatmaps` are [B, N, H, W] >= 0, `landmarks` [B, N, 2] in [-1, 1]; distance, restriction, weight
and `check_values` are those of `starlib.STARLoss`, and so is the ValueError naming the argument.
Each function returns one value per landmark, [B, N], 0 where it is NaN.
"""

import math

import torch
from torch import Tensor

from starlib.checks import check_inputs, check_number, choose
from starlib.devices import constant
from starlib.distances import get_distance
from starlib.losses import RESTRICTIONS, floored, project, restricted, star
from starlib.moments import heatmap_moments, principal_components
from starlib.unlabelled import filled, masked


def star_inside(
    heatmaps: Tensor,
    landmarks: Tensor,
    distance: str = "smooth_l1",
    restriction: str = "value",
    weight: float = 1.0,
    check_values: bool = True,
) -> Tensor:
    """STAR with the scale inside the distance: Σ_k d(v_kᵀe / √λ_k) plus the restriction.

    With the l2 distance this is the squared Mahalanobis distance eᵀ Σ⁻¹ e (Section 5.4).
    """
    weight = check_number("weight", weight, 0)
    error, eigenvalues, eigenvectors, missing = decomposed(
        heatmaps, landmarks, restriction, check_values
    )
    scaled = project(eigenvectors, error) / floored(eigenvalues, heatmaps).sqrt()
    loss = get_distance(distance)(scaled).sum(-1)
    return masked(restricted(loss, eigenvalues, restriction, weight), missing)


def star_isotropic(
    heatmaps: Tensor,
    landmarks: Tensor,
    distance: str = "smooth_l1",
    restriction: str = "value",
    weight: float = 1.0,
    check_values: bool = True,
) -> Tensor:
    """Control: STAR whose two errors are both divided by √((λ1 + λ2) / 2)."""
    weight = check_number("weight", weight, 0)
    error, eigenvalues, eigenvectors, missing = decomposed(
        heatmaps, landmarks, restriction, check_values
    )
    mean = floored(eigenvalues.mean(-1, keepdim=True), heatmaps)
    loss = star(get_distance(distance), error, mean, eigenvectors)
    return masked(restricted(loss, eigenvalues, restriction, weight), missing)


def star_random(
    heatmaps: Tensor,
    landmarks: Tensor,
    distance: str = "smooth_l1",
    restriction: str = "value",
    weight: float = 1.0,
    check_values: bool = True,
) -> Tensor:
    """Control: STAR with λ1 and λ2 along a random direction and the one across it."""
    weight = check_number("weight", weight, 0)
    error, eigenvalues, _, missing = decomposed(heatmaps, landmarks, restriction, check_values)
    # Hashed from the label, so that a resumed training meets the same directions.
    weights = constant((12.9898, 78.233), landmarks.dtype, landmarks.device).double()
    mixed = filled(landmarks)[0].detach().to(torch.float64) @ weights
    angle = (math.pi * (mixed.sin() * 43758.5453).frac()).to(error.dtype)
    cos, sin = angle.cos(), angle.sin()
    directions = torch.stack((cos, -sin, sin, cos), dim=-1).unflatten(-1, (2, 2))
    loss = star(get_distance(distance), error, floored(eigenvalues, heatmaps), directions)
    return masked(restricted(loss, eigenvalues, restriction, weight), missing)


def restricted_regression(
    heatmaps: Tensor,
    landmarks: Tensor,
    distance: str = "smooth_l1",
    restriction: str = "value",
    weight: float = 1.0,
    check_values: bool = True,
) -> Tensor:
    """Control: the plain regression loss (Eq. 2) with the value restriction (Eq. 7), no scaling.

    Only the value restriction reaches the covariance: with "detach" and "none" it is plain.
    """
    weight = check_number("weight", weight, 0)
    error, eigenvalues, _, missing = decomposed(heatmaps, landmarks, restriction, check_values)
    loss = get_distance(distance)(error).sum(-1)
    return masked(restricted(loss, eigenvalues, restriction, weight), missing)


def decomposed(
    heatmaps: Tensor, landmarks: Tensor, restriction: str = "none", check_values: bool = True
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Error y_t - μ [B, N, 2]; eigenvalues and eigenvectors (Eq. 5) of each heatmap, without their
    gradient for "detach"; and which landmarks are unlabelled [B, N], whose error is -μ."""
    choose("restriction", restriction, RESTRICTIONS)
    check_inputs(heatmaps, landmarks, check_values)
    landmarks, missing = filled(landmarks)
    mean, covariance = heatmap_moments(heatmaps)
    eigenvalues, eigenvectors = principal_components(covariance)
    if restriction == "detach":
        eigenvalues, eigenvectors = eigenvalues.detach(), eigenvectors.detach()
    return landmarks.to(mean.dtype) - mean, eigenvalues, eigenvectors, missing
