"""RLE, residual log-likelihood estimation (Li et al., ICCV 2021)."""

import math

import torch
from torch import Tensor, nn

from starlib.checks import FLAG
from starlib.comparisons.likelihoods import check_prediction
from starlib.devices import constant
from starlib.kernels import widened
from starlib.unlabelled import filled, masked


class ResidualLikelihood(nn.Module):
    """Residual log-likelihood estimation (RLE; Li et al., ICCV 2021).

    The standardised residual x = (y_t - μ) / σ has the density q(x) · g(x) up to a constant, q a
    Laplace density and g a normalising flow shared by all landmarks, which learns how residuals
    really are distributed:

        L = log σ_x + log σ_y - log q(x) - log g(x)

    Call with mean [B, N, 2], `scale_tril` [B, N, 2, 2] whose diagonal is σ, and landmarks
    [B, N, 2], all in [-1, 1] units; returns values [B, N] in nats, in float32, 0 where a landmark
    is NaN. Raises ValueError naming the argument; `check_values` as in `starlib.STARLoss`.
    """

    def __init__(self, layers: int = 6, hidden: int = 64, check_values: bool = True):
        super().__init__()
        self.check_values = FLAG.check("check_values", check_values)
        self.scales, self.shifts = (
            nn.ModuleList(
                nn.Sequential(
                    nn.Linear(2, hidden), nn.LeakyReLU(),
                    nn.Linear(hidden, hidden), nn.LeakyReLU(),
                    nn.Linear(hidden, 2), last(),
                )
                for _ in range(layers)
            )
            for last in (nn.Tanh, nn.Identity)
        )  # fmt: skip

    def log_density(self, x: Tensor) -> Tensor:
        """log g of points [..., 2]: affine couplings (RealNVP) onto a standard normal."""
        log_determinant = torch.zeros_like(x[..., 0])
        for layer, (scale, shift) in enumerate(zip(self.scales, self.shifts, strict=True)):
            kept = constant((0.0, 1.0) if layer % 2 else (1.0, 0.0), x.dtype, x.device)
            s, t = scale(x * kept) * (1 - kept), shift(x * kept) * (1 - kept)
            x = x * kept + (1 - kept) * (x - t) * torch.exp(-s)
            log_determinant = log_determinant - s.sum(-1)
        return log_determinant - x.square().sum(-1) / 2 - math.log(2 * math.pi)

    def forward(self, mean: Tensor, scale_tril: Tensor, landmarks: Tensor) -> Tensor:
        check_prediction(mean, scale_tril, landmarks, self.check_values)
        landmarks, missing = filled(landmarks)
        deviations = scale_tril.diagonal(dim1=-2, dim2=-1)
        with torch.autocast(mean.device.type, enabled=False):
            deviations = widened(deviations).float()
            x = (landmarks.float() - widened(mean).float()) / deviations
            laplace = -x.abs().sum(-1) - 2 * math.log(2)
            loss = deviations.log().sum(-1) - laplace - self.log_density(x)
        return masked(loss, missing)
