"""bfloat16 on processors that lack its instructions: the same numbers, to rounding."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from starlib.training import precision
from starlib.training.precision import RoundedConvolutions, forward_pass

LAYOUTS = (torch.contiguous_format, torch.channels_last)


def convolved(images: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None, mode):
    """Output of a padded convolution, and the gradients of its operands."""
    operands = [images, weight] + ([] if bias is None else [bias])
    leaves = [values.clone().requires_grad_() for values in operands]
    with torch.autocast("cpu", torch.bfloat16), mode:
        found = F.conv2d(*leaves, *([None] * (bias is None)), 1, 1)
    found.backward(torch.linspace(-1, 1, found.numel()).view_as(found).bfloat16())
    return found.detach(), [leaf.grad for leaf in leaves]


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("with_bias", [True, False])
def test_a_rounded_convolution_is_that_of_autocast(layout, dtype, with_bias):
    torch.manual_seed(0)
    images = torch.randn(2, 24, 12, 12).to(dtype).to(memory_format=layout)
    weight, bias = torch.randn(16, 24, 3, 3) / 10, torch.randn(16) if with_bias else None
    found, gradients = convolved(images, weight, bias, RoundedConvolutions())
    expected, others = convolved(images, weight, bias, torch.enable_grad())
    assert found.dtype == torch.bfloat16
    torch.testing.assert_close(found, expected, rtol=1 / 128, atol=1e-3)
    assert (found != expected).float().mean() < 0.01
    for gradient, other in zip(gradients, others, strict=True):
        assert gradient.dtype == other.dtype
        assert (gradient - other).float().norm() < 0.01 * other.float().norm()


@pytest.mark.parametrize("name", ["bfloat16", "float32"])
@pytest.mark.parametrize("has_bfloat16", [True, False])
def test_only_processors_without_the_instructions_replace_convolutions(
    monkeypatch, name, has_bfloat16
):
    used = []

    class Noticed(RoundedConvolutions):
        def __enter__(self):
            used.append(self)
            return super().__enter__()

    monkeypatch.setattr(precision, "_has_bfloat16", lambda: has_bfloat16)
    monkeypatch.setattr(precision, "RoundedConvolutions", Noticed)
    output = forward_pass(nn.Conv2d(3, 4, 1), torch.ones(1, 3, 2, 2), name)
    assert output.dtype == getattr(torch, name)
    assert len(used) == (name == "bfloat16" and not has_bfloat16)


def test_networks_without_convolutions_are_left_alone(monkeypatch):
    monkeypatch.setattr(precision, "_has_bfloat16", lambda: False)
    torch.manual_seed(0)
    model, images = nn.Sequential(nn.Flatten(), nn.Linear(12, 2)), torch.randn(5, 3, 2, 2)
    with torch.autocast("cpu", torch.bfloat16):
        expected = model(images)
    assert torch.equal(forward_pass(model, images, "bfloat16"), expected)
