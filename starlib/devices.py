"""Moving values to a device without a synchronisation, and tensors that are made once."""

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import TypeVar

import torch
from torch import Tensor

T = TypeVar("T")


def cached(function: Callable[..., T]) -> Callable[..., T]:
    """`lru_cache` for functions of hashable arguments that make tensors.

    Not while code is compiled or exported: tensors made then have no values, and would stay.
    """
    kept = lru_cache(maxsize=64)(function)

    @wraps(function)
    def call(*arguments: object) -> T:
        return function(*arguments) if torch.compiler.is_compiling() else kept(*arguments)

    return call


@cached
def constant(values: tuple[float, ...], dtype: torch.dtype, device: torch.device) -> Tensor:
    """A tensor of the values, the same one at every call: do not change it."""
    with torch.inference_mode(False):  # so that it may take part in a training too
        return torch.tensor(values, dtype=dtype, device=device)


def to_device(values: Tensor, device: torch.device) -> Tensor:
    """A copy on the device, made while the processor goes on; on the CPU the values."""
    if device.type == "cuda" and values.device.type == "cpu":
        values = values.pin_memory()
    return values.to(device, non_blocking=True)
