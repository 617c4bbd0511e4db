"""The losses: STAR (Eqs. 6 and 7) and plain regression (Eq. 2), one value per landmark.

A landmark that is NaN is unlabelled: its loss and the gradient of its map are zero. A batch's mean
over the labelled ones is `starlib.unlabelled.labelled_mean`.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from starlib.checks import check_flag, check_inputs, check_number, choose
from starlib.distances import get_distance
from starlib.moments import (
    heatmap_moments,
    principal_components,
    released_moments,
    soft_argmax,
)
from starlib.unlabelled import filled, masked

CONVENTIONS = ("paper", "released")
RESTRICTIONS = ("value", "detach", "none")
RELEASED_EPSILON = 1e-5


def star(
    distance: Callable[[Tensor], Tensor], error: Tensor, variances: Tensor, directions: Tensor
) -> Tensor:
    """Eq. 6: d(v1ᵀe) / √λ1 + d(v2ᵀe) / √λ2, [B, N], of errors e [B, N, 2], λ [B, N, 2] and v in
    the columns of directions [B, N, 2, 2]."""
    return (distance(project(directions, error)) / variances.sqrt()).sum(-1)


def restricted(loss: Tensor, eigenvalues: Tensor, restriction: str, weight: float) -> Tensor:
    """Eq. 7: the loss [B, N] and w (λ1 + λ2) / 2, if the restriction is "value"."""
    return loss + weight * eigenvalues.sum(-1) / 2 if restriction == "value" else loss


def project(directions: Tensor, error: Tensor) -> Tensor:
    """v_kᵀ e [..., 2] for directions [..., 2, 2] in columns and errors [..., 2]."""
    return (directions * error[..., None]).sum(-2)


def floored(eigenvalues: Tensor, heatmaps: Tensor) -> Tensor:
    """λ, at least a twelfth of a cell's area: the variance of a map spread evenly over one cell."""
    cell = 2 / max(heatmaps.shape[-2:])
    return eigenvalues.clamp_min(cell**2 / 12)


class STARLoss(nn.Module):
    """Self-adapTive Ambiguity Reduction loss (Eq. 6) with an eigenvalue restriction.

        L = d(v1ᵀe) / √λ1 + d(v2ᵀe) / √λ2 + w (λ1 + λ2) / 2,    e = y_t - μ

    μ, λ and v are mean, eigenvalues and eigenvectors of each heatmap's covariance (Eqs. 1, 4, 5).
    The last term is the value restriction (Eq. 7); "detach" cuts the gradient through λ and v
    instead; "none" has neither. Under the root λ is at least a twelfth of a cell's area, the
    variance of a map spread evenly over one cell, so value and gradient are finite for every
    finite non-negative map. `convention="released"` is the released code's form: corner grid,
    1e-5 added to V1, V2 and λ, value restriction w (λ1 + λ2).

    Args:
        distance: "l1", "l2", "smooth_l1" or "wing".
        restriction: "value", "detach" or "none".
        weight: w >= 0 of the value restriction.
        convention: "paper" or "released".
        check_values: look for NaN, infinite and negative values and far landmarks; this forces a
            GPU synchronisation, so training loops switch it off.

    Call with heatmaps [B, N, H, W] >= 0, normalised or not, and landmarks [B, N, 2] (x, y) in
    [-1, 1], at most 1e6 in size, or NaN where unlabelled; returns [B, N] >= 0 in float32 (float64
    for float64 heatmaps), 0 where unlabelled.

    Raises:
        ValueError: naming the argument that has another type, shape, dtype or value.
    """

    def __init__(
        self,
        distance: str = "smooth_l1",
        restriction: str = "value",
        weight: float = 1.0,
        convention: str = "paper",
        check_values: bool = True,
    ):
        super().__init__()
        self.distance = get_distance(distance)
        self.restriction = choose("restriction", restriction, RESTRICTIONS)
        self.weight = check_number("weight", weight, 0)
        self.convention = choose("convention", convention, CONVENTIONS)
        self.check_values = check_flag("check_values", check_values)

    def forward(self, heatmaps: Tensor, landmarks: Tensor) -> Tensor:
        check_inputs(heatmaps, landmarks, self.check_values)
        landmarks, missing = filled(landmarks)
        released = self.convention == "released"
        mean, covariance = released_moments(heatmaps) if released else heatmap_moments(heatmaps)
        eigenvalues, eigenvectors = principal_components(covariance)
        if self.restriction == "detach":
            eigenvalues, eigenvectors = eigenvalues.detach(), eigenvectors.detach()
        error = landmarks.to(mean.dtype) - mean
        variances = eigenvalues + RELEASED_EPSILON if released else floored(eigenvalues, heatmaps)
        loss = star(self.distance, error, variances, eigenvectors)
        # The released code's w is twice the paper's.
        loss = restricted(loss, eigenvalues, self.restriction, self.weight * (1 + released))
        return masked(loss, missing)


class RegressionLoss(nn.Module):
    """The baseline: d(y_t - μ) of Eq. 2, with μ the soft-argmax of the heatmap (Eq. 1).

    `convention="paper"` adds d over x and y, so that STAR with unit eigenvalues is this loss.
    `convention="released"` has the corner grid, l1 and l2 averaged over x and y, and smooth-l1
    and Wing of the Euclidean norm of the error.

    Args:
        distance: "l1", "l2", "smooth_l1" or "wing".
        convention: "paper" or "released".
        check_values: look for NaN, infinite and negative values and far landmarks; this forces a
            GPU synchronisation, so training loops switch it off.

    Call with heatmaps [B, N, H, W] >= 0, normalised or not, and landmarks [B, N, 2] (x, y) in
    [-1, 1], at most 1e6 in size, or NaN where unlabelled; returns [B, N] >= 0 in float32 (float64
    for float64 heatmaps), 0 where unlabelled.

    Raises:
        ValueError: naming the argument that has another type, shape, dtype or value.
    """

    def __init__(
        self, distance: str = "smooth_l1", convention: str = "paper", check_values: bool = True
    ):
        super().__init__()
        self.distance = get_distance(distance)
        self.convention = choose("convention", convention, CONVENTIONS)
        self.norm = convention == "released" and distance in ("smooth_l1", "wing")
        self.check_values = check_flag("check_values", check_values)

    def forward(self, heatmaps: Tensor, landmarks: Tensor) -> Tensor:
        check_inputs(heatmaps, landmarks, self.check_values)
        grid = "corners" if self.convention == "released" else "centers"
        return self.of_means(soft_argmax(heatmaps, grid), landmarks)

    def of_means(self, means: Tensor, landmarks: Tensor) -> Tensor:
        """The loss [B, N] of means [B, N, 2] that are decoded already."""
        landmarks, missing = filled(landmarks)
        error = landmarks.to(means.dtype) - means
        if self.norm:
            return masked(self.distance(torch.linalg.vector_norm(error, dim=-1)), missing)
        distances = self.distance(error)
        loss = distances.mean(-1) if self.convention == "released" else distances.sum(-1)
        return masked(loss, missing)
