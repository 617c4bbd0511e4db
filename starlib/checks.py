"""Checks of what losses and moments are given: each raises ValueError naming the argument."""

import math
import numbers
from typing import Any

import torch
from torch import Tensor

DTYPES = (torch.float16, torch.bfloat16, torch.float32, torch.float64)  # of heatmaps
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


def check_flag(argument: str, value: object) -> bool:
    """The value if it is True or False, else ValueError naming the argument."""
    if not isinstance(value, bool):
        raise ValueError(f"{argument}: expected True or False, got {value!r}")
    return value


def check_heatmaps(heatmaps: Tensor, values: bool = True, name: str = "heatmaps") -> None:
    """Raise ValueError naming the argument unless heatmaps are [B, N, H, W], finite and >= 0.

    `values=False` skips the value check, which forces a GPU synchronisation; compiled and exported
    code skips it too.
    """
    check_flag("check_values", values)
    if not isinstance(heatmaps, Tensor):
        raise ValueError(f"{name}: expected a tensor, got {type(heatmaps).__name__}")
    if heatmaps.dim() != 4 or heatmaps.shape[-1] * heatmaps.shape[-2] == 0:
        raise ValueError(f"{name}: expected shape [B, N, H, W], got {list(heatmaps.shape)}")
    if heatmaps.dtype not in DTYPES:
        raise ValueError(f"{name}: expected a floating dtype, got {heatmaps.dtype}")
    # In this order: a number of elements that is looked at becomes fixed in a graph of torch 2.6.
    if values and not torch.compiler.is_compiling() and heatmaps.numel():
        lowest, highest = torch.aminmax(heatmaps.detach())
        if not (lowest >= 0 and highest < torch.inf):
            raise ValueError(
                f"{name}: expected finite values >= 0, "
                f"got values from {float(lowest):g} to {float(highest):g}"
            )


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
