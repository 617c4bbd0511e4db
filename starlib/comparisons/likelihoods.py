"""Negative log-likelihoods with the heatmap's covariance or a predicted one (LUVLi; Kumar et al.,
CVPR 2020)."""

from collections.abc import Callable

import torch
from torch import Tensor

from starlib.comparisons.adl import root
from starlib.comparisons.star_variants import decomposed, project
from starlib.losses import floored


def _gaussian(whitened: Tensor, half_log_determinant: Tensor) -> Tensor:
    return half_log_determinant + whitened.square().sum(-1) / 2


def _laplace(whitened: Tensor, half_log_determinant: Tensor) -> Tensor:
    return half_log_determinant + root(3 * whitened.square().sum(-1))


LIKELIHOODS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "gaussian": _gaussian,
    "laplace": _laplace,
}


def heatmap_nll(heatmaps: Tensor, landmarks: Tensor, family: str = "gaussian") -> Tensor:
    """Negative log-likelihood of the landmark with the heatmap's own mean and covariance.

        gaussian: ½ log|Σ| + ½ eᵀΣ⁻¹e        laplace: ½ log|Σ| + √(3 eᵀΣ⁻¹e)

    without their constants (LUVLi; Kumar et al., CVPR 2020).
    """
    error, eigenvalues, eigenvectors = decomposed(heatmaps, landmarks)
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
