"""The losses: plain regression (Eq. 2) and STAR (Eqs. 6 and 7)."""

import torch
from torch import Tensor, nn

from starlib.distances import get_distance
from starlib.moments import (
    check_heatmaps,
    heatmap_moments,
    principal_components,
    released_moments,
    soft_argmax,
)

CONVENTIONS = ("paper", "released")
RESTRICTIONS = ("value", "detach", "none")
RELEASED_EPSILON = 1e-5


def _choose(argument: str, value: str, allowed: tuple[str, ...]) -> str:
    if value not in allowed:
        raise ValueError(f"{argument}: expected one of {', '.join(allowed)}, got {value!r}")
    return value


def check_inputs(heatmaps: Tensor, landmarks: Tensor, values: bool = True) -> None:
    """Raise ValueError naming the argument unless a loss can be computed from the two.

    `values=False` leaves out the look at the values, which waits for the device.
    """
    check_heatmaps(heatmaps, values)
    expected = [*heatmaps.shape[:2], 2]
    if list(landmarks.shape) != expected:
        raise ValueError(f"landmarks: expected shape {expected}, got {list(landmarks.shape)}")
    if not landmarks.is_floating_point():
        raise ValueError(f"landmarks: expected a floating dtype, got {landmarks.dtype}")
    if values and not torch.isfinite(landmarks).all():
        raise ValueError("landmarks: expected finite values, got NaN or infinity")


def floored(eigenvalues: Tensor, heatmaps: Tensor) -> Tensor:
    """λ, at least a twelfth of a cell's area: the variance of a map spread evenly over one cell."""
    cell = 2 / max(heatmaps.shape[-2:])
    return eigenvalues.clamp_min(cell**2 / 12)


def restricted(loss: Tensor, eigenvalues: Tensor, restriction: str, weight: float) -> Tensor:
    """A loss [B, N] with the value restriction (Eq. 7), if that is the restriction."""
    return loss + weight * eigenvalues.sum(-1) / 2 if restriction == "value" else loss


class RegressionLoss(nn.Module):
    """The baseline: d(y_t - μ) of Eq. 2, with μ the soft-argmax of the heatmap.

    `convention="paper"` adds d over x and y, so that STAR with unit eigenvalues is this loss.
    `convention="released"` has the corner grid, l1 and l2 averaged over x and y, and smooth-l1
    and Wing of the Euclidean norm of the error.

    Args:
        distance: "l1", "l2", "smooth_l1" or "wing".
        convention: "paper" or "released".
        check_values: look for NaN, infinite and negative values; waits for the device, so
            training loops on a GPU switch it off.

    Call with heatmaps [B, N, H, W] >= 0, normalised or not, and landmarks [B, N, 2] (x, y) in
    [-1, 1]; returns [B, N] in float32 (float64 for float64 heatmaps). Raises ValueError naming
    the argument.
    """

    def __init__(
        self, distance: str = "smooth_l1", convention: str = "paper", check_values: bool = True
    ):
        super().__init__()
        self.distance = get_distance(distance)
        self.convention = _choose("convention", convention, CONVENTIONS)
        self.norm = convention == "released" and distance in ("smooth_l1", "wing")
        self.check_values = check_values

    def forward(self, heatmaps: Tensor, landmarks: Tensor) -> Tensor:
        check_inputs(heatmaps, landmarks, self.check_values)
        grid = "corners" if self.convention == "released" else "centers"
        mean = soft_argmax(heatmaps, grid)
        error = landmarks.to(mean.dtype) - mean
        if self.norm:
            return self.distance(torch.linalg.vector_norm(error, dim=-1))
        distances = self.distance(error)
        return distances.mean(-1) if self.convention == "released" else distances.sum(-1)


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
        check_values: look for NaN, infinite and negative values; waits for the device, so
            training loops on a GPU switch it off.

    Call with heatmaps [B, N, H, W] >= 0, normalised or not, and landmarks [B, N, 2] (x, y) in
    [-1, 1]; returns [B, N] in float32 (float64 for float64 heatmaps). Raises ValueError naming
    the argument.
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
        self.restriction = _choose("restriction", restriction, RESTRICTIONS)
        if not 0 <= weight < torch.inf:
            raise ValueError(f"weight: expected a finite number >= 0, got {weight!r}")
        self.weight = weight
        self.convention = _choose("convention", convention, CONVENTIONS)
        self.check_values = check_values

    def forward(self, heatmaps: Tensor, landmarks: Tensor) -> Tensor:
        check_inputs(heatmaps, landmarks, self.check_values)
        released = self.convention == "released"
        mean, covariance = released_moments(heatmaps) if released else heatmap_moments(heatmaps)
        eigenvalues, eigenvectors = principal_components(covariance)
        if self.restriction == "detach":
            eigenvalues, eigenvectors = eigenvalues.detach(), eigenvectors.detach()
        error = landmarks.to(mean.dtype) - mean
        projected = (eigenvectors * error[..., None]).sum(-2)  # v_kᵀ e
        if released:
            deviations = (eigenvalues + RELEASED_EPSILON).sqrt()
        else:
            deviations = floored(eigenvalues, heatmaps).sqrt()
        loss = (self.distance(projected) / deviations).sum(-1)
        # The released code's w is twice the paper's.
        return restricted(loss, eigenvalues, self.restriction, self.weight * (1 + released))
