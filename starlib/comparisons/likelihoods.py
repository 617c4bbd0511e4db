"""Negative log-likelihoods with the heatmap's covariance or a predicted one (LUVLi; Kumar et al.,
CVPR 2020)."""

from collections.abc import Callable

import torch
from torch import Tensor

from starlib.checks import FARTHEST, check_decoded, check_landmarks, one_of
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
    """Negative log-likelihood [B, N], in nats, of the landmark with the heatmap's own moments:

        gaussian: ½ log|Σ| + ½ eᵀΣ⁻¹e        laplace: ½ log|Σ| + √(3 eᵀΣ⁻¹e)

    without their constants (LUVLi; Kumar et al., CVPR 2020). Eigenvalues are at least a twelfth of
    a cell's area, as in STAR. The rest is as in `starlib.comparisons.table`.
    """
    one_of(LIKELIHOODS).check("family", family)
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
    """The same with a mean [B, N, 2] and a covariance Σ = L Lᵀ that a network predicts, as LUVLi
    does: L, `scale_tril` [B, N, 2, 2], is lower triangular, its diagonal at least
    SMALLEST_DEVIATION. In float32 (float64 for float64 means)."""
    one_of(LIKELIHOODS).check("family", family)
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
