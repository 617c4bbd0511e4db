"""Devices: the choice of one, settings of a GPU, copies without synchronisation, cached tensors."""

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import TypeVar

import torch
from torch import Tensor

AUTO = "auto"
T = TypeVar("T")


def cached(function: Callable[..., T]) -> Callable[..., T]:
    """`lru_cache` for functions of hashable arguments that make tensors.

    Not while code is compiled or exported: tensors made then have no values, and would stay. Those
    made first under inference_mode may take part in a training too.
    """
    kept = lru_cache(maxsize=64)(torch.inference_mode(False)(function))

    @wraps(function)
    def call(*arguments: object) -> T:
        return function(*arguments) if torch.compiler.is_compiling() else kept(*arguments)

    return call


@cached
def constant(values: tuple[float, ...], dtype: torch.dtype, device: torch.device) -> Tensor:
    """A tensor of the values, the same one at every call: do not change it."""
    return torch.tensor(values, dtype=dtype, device=device)


def available_device(device: str = AUTO) -> str:
    """The device of that name; "auto" is a GPU where there is one, else the CPU. ValueError for one
    that is not available on this machine."""
    if device == AUTO:
        device = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise ValueError(
            f"device: expected one available on this machine, got {device!r} ({error})"
        ) from error
    return device


def set_backends(device: str | torch.device) -> None:
    """On a GPU: try convolutions for each shape and keep the fastest; TF32 for those in float32.

    Matrix products stay in float32, as torch has them by default: TF32 has 10 bits of mantissa, and
    the crops' grids and the curves of AAM's targets are such products.
    """
    if torch.device(device).type == "cuda":
        torch.backends.cudnn.benchmark = True
        torch.backends.cudnn.allow_tf32 = True
        torch.set_float32_matmul_precision("highest")


def to_device(values: Tensor, device: torch.device) -> Tensor:
    """A copy on the device without a synchronisation; on the CPU the values themselves."""
    if device.type == "cuda" and values.device.type == "cpu":
        values = values.pin_memory()
    return values.to(device, non_blocking=True)
