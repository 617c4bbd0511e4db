"""The forward pass in a config's precision, also on processors without bfloat16 instructions."""

import platform
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode


def forward_pass(model: nn.Module, images: Tensor, precision: str) -> Any:
    """A network's output in the precision of a config."""
    device, half = images.device.type, precision == "bfloat16"
    with torch.autocast(device, torch.bfloat16, enabled=half):
        if torch.compiler.is_compiling() or not half or device != "cpu" or _has_bfloat16():
            return model(images)
        with RoundedConvolutions():
            return model(images)


@cache
def _has_bfloat16() -> bool:
    """Whether the processor multiplies bfloat16 itself. Taken for granted where it is not known:
    on others than x86, and with a torch that does not say."""
    x86 = platform.machine().lower() in ("x86_64", "amd64")
    asked = getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True)
    return not x86 or bool(asked())


class RoundedConvolutions(TorchFunctionMode):
    """Convolutions between bfloat16 tensors, summed in float32: what the instructions do.

    Without them torch's own convolution makes a training step take 7 times as long on an AVX2
    processor. Outputs agree with it to one rounding, gradients to 1 %.
    """

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        if func is not F.conv2d:
            return func(*args, **(kwargs or {}))
        images, weight, bias, *others = args
        operands: list[Any] = [
            v if v is None else v.bfloat16().float() for v in (images, weight, bias)
        ]
        with torch.autocast("cpu", enabled=False):
            return F.conv2d(*operands, *others, **(kwargs or {})).bfloat16()
