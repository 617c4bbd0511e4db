"""The losses: STAR (Eqs. 6 and 7) and plain regression (Eq. 2), one value per landmark.

A landmark that is NaN is unlabelled: its loss and the gradient of its map are zero. A batch's mean
over the labelled ones is `starlib.unlabelled.labelled_mean`.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from starlib.checks import LANDMARK_LIMIT, check_number, one_of
from starlib.distances import get_distance
from starlib.first_call import InputCheck
from starlib.metrics import cell_variance
from starlib.moments import GRIDS, heatmap_moments, principal_components, soft_argmax
from starlib.unlabelled import filled, labelled_mean, masked

CONVENTIONS = ("paper", "released")
RESTRICTIONS = ("value", "detach", "none")
REDUCTIONS = ("none", "mean", "sum")
RELEASED_EPSILON = 1e-5  # added to V1, V2 and λ


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


def floored(eigenvalues: Tensor, heatmaps: Tensor, grid: str = "centers") -> Tensor:
    """λ, at least a twelfth of a cell's area: the variance of a map spread evenly over one cell."""
    cells = max(max(heatmaps.shape[-2:]) - (grid == "corners"), 1)
    return eigenvalues.clamp_min(cell_variance(cells))


class LandmarkLoss(nn.Module):
    """The part that both losses share: distance, grid, the check of inputs, and reduction."""

    def __init__(
        self,
        distance: str = "smooth_l1",
        convention: str = "paper",
        check_values: bool = True,
        *,
        reduction: str = "none",
        beta: float | None = None,
        grid: str = "centers",
        landmark_limit: float = LANDMARK_LIMIT,
    ):
        super().__init__()
        self.distance = get_distance(distance, beta)
        self.convention = one_of(CONVENTIONS).check("convention", convention)
        self.reduction = one_of(REDUCTIONS).check("reduction", reduction)
        self.grid = one_of(GRIDS).check("grid", grid)
        if convention == "released":
            self.grid = "corners"
        self.check = InputCheck(check_values, landmark_limit)
        self.settings: dict[str, Any] = {"beta": beta} if beta is not None else {}
        self.settings |= {"distance": distance, "convention": convention, "grid": self.grid}
        self.settings |= {"reduction": reduction, "check_values": check_values}

    def extra_repr(self) -> str:
        return ", ".join(f"{name}={value!r}" for name, value in self.settings.items())

    def reduced(self, loss: Tensor, missing: Tensor) -> Tensor:
        """The losses [B, N] of the landmarks that are not missing: each, their mean or sum."""
        if self.reduction == "mean":
            return labelled_mean(loss, missing)
        loss = masked(loss, missing)
        return loss.sum() if self.reduction == "sum" else loss


class STARLoss(LandmarkLoss):
    """Self-adapTive Ambiguity Reduction loss (Eq. 6) with an eigenvalue restriction.

        L = d(v1ᵀe) / √λ1 + d(v2ᵀe) / √λ2 + w (λ1 + λ2) / 2,    e = y_t - μ

    μ, λ and v are mean, eigenvalues and eigenvectors of each heatmap's covariance (Eqs. 1, 4, 5).
    The last term is the value restriction (Eq. 7); "detach" cuts the gradient through λ and v
    instead; "none" has neither. Under the root λ is at least a twelfth of a cell's area, the
    variance of a map spread evenly over one cell, so value and gradient are finite for every
    finite non-negative map. `convention="released"` is the released code's form: corner grid,
    1e-5 added to V1, V2 and λ, value restriction w (λ1 + λ2).

    There are a first and a second derivative in reverse mode (forward mode raises: take
    torch.func.jacrev of jacrev, not hessian). `torch.compile(loss, dynamic=True)` makes one graph
    for all batch sizes above one; without `dynamic` the first other size compiles once more.
    torch.func.vmap needs `check_values=False`: a value cannot decide there what is computed.

    Args:
        distance: one of `starlib.distances.DISTANCES`: "l1", "l2", "smooth_l1", "wing", …
        restriction: "value", "detach" or "none".
        weight: w >= 0 of the value restriction.
        convention: "paper" or "released".
        check_values: look for NaN, infinite and negative values and far landmarks at every call;
            this forces a GPU synchronisation, so training loops switch it off. The first call, and
            under torch.compile it alone, is looked at in any case.
        reduction: "none", "mean" (over the labelled landmarks) or "sum".
        beta: s of smooth-l1 (Eq. 8) in [-1, 1] units, 0.01 if None; torch's own has 1.
        grid: "centers": the borders of the heatmap are at -1 and 1, as in dsntnn; "corners": the
            outermost cells' centres are, as with kornia and `align_corners=True`; the released
            convention has those.
        landmark_limit: the size above which a landmark is refused, being in other units; up to 1e6.

    Call with heatmaps [B, N, H, W] >= 0, normalised or not, and landmarks [B, N, 2] (x, y) in
    [-1, 1], or NaN where unlabelled; returns [B, N] >= 0 in float32 (float64 for float64
    heatmaps), 0 where unlabelled, or one value for "mean" and "sum". The first call warns of
    landmarks that all lie in [0, 1], and of many that are exactly (-1, -1) or (0, 0).

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
        *,
        reduction: str = "none",
        beta: float | None = None,
        grid: str = "centers",
        landmark_limit: float = LANDMARK_LIMIT,
    ):
        shared: dict[str, Any] = {"reduction": reduction, "beta": beta, "grid": grid}
        shared["landmark_limit"] = landmark_limit
        super().__init__(distance, convention, check_values, **shared)
        self.restriction = one_of(RESTRICTIONS).check("restriction", restriction)
        self.weight = check_number("weight", weight, 0)
        self.settings |= {"restriction": restriction, "weight": weight}

    def forward(self, heatmaps: Tensor, landmarks: Tensor) -> Tensor:
        landmarks, missing = filled(self.check(heatmaps, landmarks))
        released = self.convention == "released"
        epsilon = RELEASED_EPSILON if released else 0.0
        mean, covariance = heatmap_moments(heatmaps, self.grid, epsilon=epsilon)
        eigenvalues, eigenvectors = principal_components(covariance)
        if self.restriction == "detach":
            eigenvalues, eigenvectors = eigenvalues.detach(), eigenvectors.detach()
        error = landmarks.to(mean.dtype) - mean
        if released:
            variances, weight = eigenvalues + epsilon, 2 * self.weight
        else:
            variances, weight = floored(eigenvalues, heatmaps, self.grid), self.weight
        loss = star(self.distance, error, variances, eigenvectors)
        loss = restricted(loss, eigenvalues, self.restriction, weight)
        return self.reduced(loss, missing)


class RegressionLoss(LandmarkLoss):
    """The baseline: d(y_t - μ) of Eq. 2, with μ the soft-argmax of the heatmap (Eq. 1).

    `convention="paper"` adds d over x and y, so that STAR with unit eigenvalues is this loss.
    `convention="released"` has the corner grid, l1 and l2 averaged over x and y, and smooth-l1
    and Wing of the Euclidean norm of the error.

    Arguments, call and errors are those of `STARLoss`.
    """

    def forward(self, heatmaps: Tensor, landmarks: Tensor) -> Tensor:
        landmarks = self.check(heatmaps, landmarks)
        return self.of_means(soft_argmax(heatmaps, self.grid), landmarks)

    def of_means(self, means: Tensor, landmarks: Tensor) -> Tensor:
        """The loss of means [B, N, 2] that are decoded already."""
        landmarks, missing = filled(landmarks)
        error = landmarks.to(means.dtype) - means
        if self.convention == "paper":
            loss = self.distance(error).sum(-1)
        elif self.settings["distance"] in ("smooth_l1", "wing"):
            loss = self.distance(torch.linalg.vector_norm(error, dim=-1))
        else:
            loss = self.distance(error).mean(-1)
        return self.reduced(loss, missing)
