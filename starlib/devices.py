"""Moving values to a device without making the processor wait for it."""

from functools import lru_cache

import torch
from torch import Tensor


@lru_cache(maxsize=64)
def constant(values: tuple[float, ...], dtype: torch.dtype, device: torch.device) -> Tensor:
    """A tensor of the values, the same one at every call: do not change it."""
    with torch.inference_mode(False):  # so that it may take part in a training too
        return torch.tensor(values, dtype=dtype, device=device)


def to_device(values: Tensor, device: torch.device) -> Tensor:
    """A copy on the device, under way while the processor goes on; on the CPU the values."""
    if device.type == "cuda" and values.device.type == "cpu":
        values = values.pin_memory()
    return values.to(device, non_blocking=True)
