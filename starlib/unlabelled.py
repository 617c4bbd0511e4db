"""Landmarks that nobody has labelled: NaN in x, in y or in both. They train nothing."""

import torch
from torch import Tensor


def filled(landmarks: Tensor) -> tuple[Tensor, Tensor]:
    """Landmarks [B, N, 2] with the unlabelled ones at the origin, and which those are [B, N].

    A loss is computed from these and masked (`masked`): in backward the gradient of NaN would be
    NaN behind a mask too, since 0 · NaN is NaN.
    """
    missing = landmarks.isnan().any(-1)
    return torch.where(missing[..., None], 0.0, landmarks), missing


def masked(values: Tensor, missing: Tensor) -> Tensor:
    """Values [B, N], zero and without gradient where they are missing."""
    return torch.where(missing, 0.0, values)


def labelled_mean(values: Tensor, missing: Tensor) -> Tensor:
    """Mean of the values [B, N] that are not missing, 0 if all are, NaN where B or N is 0.

    With none missing the factor is exactly 1, so that it is `values.mean()` bit for bit.
    """
    labelled = (~missing).sum().clamp_min(1).to(values.dtype)
    return masked(values, missing).mean() * (missing.numel() / labelled)
