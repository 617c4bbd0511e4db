"""The losses: plain regression (Eq. 2) and STAR (Eqs. 6 and 7).

Both have a first and a second derivative in reverse mode (forward mode raises: take
torch.func.jacrev of jacrev, not hessian), can be copied and pickled, and run under torch.compile
and torch.export, which skip the value check; `torch.compile(loss, dynamic=True)` makes one graph
for all batch sizes above one, and without `dynamic` the first other size compiles once more.
torch.func.vmap needs `check_values=False`: a value cannot decide there what is computed.

A landmark that is NaN is unlabelled: its loss and the gradient of its map are zero. A batch's mean
over the labelled ones is `starlib.unlabelled.labelled_mean`.

Gradients are finite for every accepted input. Where one would leave the range of the heatmaps'
dtype, as it can in float16, the gradient of that map is scaled down to fit, its direction kept.
"""

import math
import numbers
from typing import Any

import torch
from torch import Tensor, nn

from starlib.distances import get_distance
from starlib.moments import (
    DTYPES,
    check_flag,
    check_heatmaps,
    heatmap_moments,
    principal_components,
    released_moments,
    soft_argmax,
)
from starlib.unlabelled import filled, masked

CONVENTIONS = ("paper", "released")
RESTRICTIONS = ("value", "detach", "none")
RELEASED_EPSILON = 1e-5
# Landmarks farther out are a mistake, and squares of their errors over a variance would overflow.
FARTHEST = 1e6


def choose(argument: str, value: Any, allowed: tuple[str, ...]) -> str:
    """The value if it is an allowed one, else ValueError naming the argument."""
    if not isinstance(value, str) or value not in allowed:
        raise ValueError(f"{argument}: expected one of {', '.join(allowed)}, got {value!r}")
    return value


def check_number(argument: str, value: Any, least: float) -> float:
    """The value as a float; ValueError naming the argument unless it is finite and >= `least`."""
    number = isinstance(value, numbers.Real) and not isinstance(value, bool)
    if not number or not least <= value < math.inf:
        raise ValueError(f"{argument}: expected a finite number >= {least:g}, got {value!r}")
    return float(value)


def check_landmarks(
    landmarks: Tensor,
    shape: tuple[int, ...],
    values: bool = True,
    name: str = "landmarks",
    labels: bool = True,
) -> None:
    """Raise ValueError naming the argument unless `landmarks` has the shape [B, N, 2], a floating
    dtype and no value beyond FARTHEST; `values` as in `check_inputs`. Only `labels` may be NaN."""
    check_flag("check_values", values)
    if not isinstance(landmarks, Tensor):
        raise ValueError(f"{name}: expected a tensor, got {type(landmarks).__name__}")
    if landmarks.shape != shape:
        raise ValueError(f"{name}: expected shape {list(shape)}, got {list(landmarks.shape)}")
    if landmarks.dtype not in DTYPES:
        raise ValueError(f"{name}: expected a floating dtype, got {landmarks.dtype}")
    if values and not torch.compiler.is_compiling():
        size = landmarks.detach().abs()
        limit = min(FARTHEST, torch.finfo(size.dtype).max)  # in float16 FARTHEST is infinite
        wrong = size > limit if labels else ~(size <= limit)
        if wrong.any():
            raise ValueError(
                f"{name}: expected finite values in units of [-1, 1], at most {FARTHEST:g} "
                f"in size{' (NaN: unlabelled)' * labels}, got {float(size[wrong].max()):g}"
            )


def check_decoded(
    predicted: Tensor, landmarks: Tensor, values: bool = True, name: str = "predicted"
) -> None:
    """`check_inputs` for landmarks that are decoded already, [B, N, 2] like the annotated ones."""
    if not isinstance(predicted, Tensor) or predicted.dim() != 3 or predicted.shape[-1] != 2:
        shape = list(predicted.shape) if isinstance(predicted, Tensor) else predicted
        raise ValueError(f"{name}: expected shape [B, N, 2], got {shape}")
    check_landmarks(predicted, tuple(predicted.shape), values, name, labels=False)
    check_landmarks(landmarks, tuple(predicted.shape), values)


def check_inputs(heatmaps: Tensor, landmarks: Tensor, values: bool = True) -> None:
    """Raise ValueError naming the argument unless a loss can be computed from heatmaps
    [B, N, H, W] >= 0 and landmarks [B, N, 2].

    `values=False` skips the value check, which forces a GPU synchronisation; compiled and exported
    code skips it too.
    """
    check_heatmaps(heatmaps, values)
    check_landmarks(landmarks, (*heatmaps.shape[:2], 2), values)


def floored(eigenvalues: Tensor, heatmaps: Tensor) -> Tensor:
    """λ, at least a twelfth of a cell's area: the variance of a map spread evenly over one cell."""
    cell = 2 / max(heatmaps.shape[-2:])
    return eigenvalues.clamp_min(cell**2 / 12)


def restricted(loss: Tensor, eigenvalues: Tensor, restriction: str, weight: float) -> Tensor:
    """A loss [B, N] with the value restriction (Eq. 7), if that is the restriction."""
    return loss + weight * eigenvalues.sum(-1) / 2 if restriction == "value" else loss


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
        projected = (eigenvectors * error[..., None]).sum(-2)  # v_kᵀ e
        if released:
            deviations = (eigenvalues + RELEASED_EPSILON).sqrt()
        else:
            deviations = floored(eigenvalues, heatmaps).sqrt()
        loss = (self.distance(projected) / deviations).sum(-1)
        # The released code's w is twice the paper's.
        loss = restricted(loss, eigenvalues, self.restriction, self.weight * (1 + released))
        return masked(loss, missing)
