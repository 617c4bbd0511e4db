"""Negative log-likelihoods with the heatmap's covariance or a predicted one (LUVLi; Kumar et al.,
CVPR 2020)."""

from collections.abc import Callable

import torch
from torch import Tensor

from starlib.checks import FARTHEST, check_decoded, check_landmarks, choose
from starlib.comparisons.adl import root
from starlib.comparisons.star_variants import decomposed
from starlib.kernels import widened
from starlib.losses import floored, project
from starlib.unlabelled import filled, masked

# Of the whitened error [..., 2] and ½ log|Σ| [...].
LIKELIHOODS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "gaussian": lambda whitened, half: half + whitened.square().sum(-1) / 2,
    "laplace": lambda whitened, half: half + root(3 * whitened.square().sum(-1)),
}
SMALLEST_DEVIATION = 1e-6  # of a predicted covariance, in [-1, 1] units


def heatmap_nll(
    heatmaps: Tensor, landmarks: Tensor, family: str = "gaussian", check_values: bool = True
) -> Tensor:
    """Negative log-likelihood of the landmark with the heatmap's own mean and covariance.

        gaussian: ½ log|Σ| + ½ eᵀΣ⁻¹e        laplace: ½ log|Σ| + √(3 eᵀΣ⁻¹e)

    without their constants (LUVLi; Kumar et al., CVPR 2020). Eigenvalues are at least a twelfth of
    a cell's area, as in STAR.

    Args:
        heatmaps: [B, N, H, W] >= 0, normalised or not.
        landmarks: [B, N, 2] in [-1, 1]; where one is NaN, the value is 0.
        family: "gaussian" or "laplace".
        check_values: as in `starlib.STARLoss`.

    Returns:
        Values [B, N] in nats. Raises ValueError naming the argument.
    """
    choose("family", family, tuple(LIKELIHOODS))
    error, eigenvalues, eigenvectors, missing = decomposed(
        heatmaps, landmarks, "none", check_values
    )
    variances = floored(eigenvalues, heatmaps)
    whitened = project(eigenvectors, error) / variances.sqrt()
    return masked(LIKELIHOODS[family](whitened, variances.log().sum(-1) / 2), missing)


def cholesky_nll(
    mean: Tensor,
    scale_tril: Tensor,
    landmarks: Tensor,
    family: str = "gaussian",
    check_values: bool = True,
) -> Tensor:
    """The same with a predicted mean and covariance Σ = L Lᵀ, as LUVLi predicts them.

    Args:
        mean, landmarks: [B, N, 2] in [-1, 1]; where a landmark is NaN, the value is 0.
        scale_tril: L [B, N, 2, 2], lower triangular, its diagonal at least SMALLEST_DEVIATION.
        family, check_values: as in `heatmap_nll`.

    Returns:
        Values [B, N] in nats, in float32 (float64 for float64 means). Raises ValueError naming the
        argument.
    """
    choose("family", family, tuple(LIKELIHOODS))
    check_prediction(mean, scale_tril, landmarks, check_values)
    landmarks, missing = filled(landmarks)
    scale_tril, mean = widened(scale_tril), widened(mean)
    error = landmarks.to(mean.dtype) - mean
    diagonal = scale_tril.diagonal(dim1=-2, dim2=-1)
    first = error[..., 0] / diagonal[..., 0]
    second = (error[..., 1] - scale_tril[..., 1, 0] * first) / diagonal[..., 1]
    whitened = torch.stack((first, second), dim=-1)  # L⁻¹ e
    return masked(LIKELIHOODS[family](whitened, diagonal.log().sum(-1)), missing)


def check_prediction(mean: Tensor, scale_tril: Tensor, landmarks: Tensor, values: bool) -> None:
    """Raise ValueError naming the argument unless a likelihood can be computed from the three."""
    check_decoded(mean, landmarks, values, name="mean")
    check_landmarks(scale_tril, (*mean.shape, 2), values, FARTHEST, "scale_tril", labels=False)
    if values and not torch.compiler.is_compiling():
        diagonal = scale_tril.detach().diagonal(dim1=-2, dim2=-1)
        if not (diagonal >= SMALLEST_DEVIATION).all():
            raise ValueError(
                f"scale_tril: expected a diagonal >= {SMALLEST_DEVIATION:g}, "
                f"got {float(diagonal.min()):g}"
            )
