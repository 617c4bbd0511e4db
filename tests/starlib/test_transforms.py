"""Losses under torch.compile, torch.export and torch.func."""

from functools import partial

import pytest
import torch

import starlib
from tests.losses import SCHEME, default_losses, prediction

N = SCHEME.points
KINDS = default_losses()
pytestmark = [
    pytest.mark.usefixtures("one_thread"),
    # torch.export's in 2.6, of the constants that it makes of tensors in a loss
    pytest.mark.filterwarnings("ignore:Attempted to insert a get_attr Node:UserWarning"),
    pytest.mark.filterwarnings("ignore:Node .* does not reference an nn.Module:UserWarning"),
    pytest.mark.filterwarnings("ignore:Additional .* suppressed about get_attr:UserWarning"),
    pytest.mark.filterwarnings("ignore:.*torch.jit.script. is deprecated:DeprecationWarning"),
]


def inputs_of(takes, batch=3, dtype=torch.float32):
    generator = torch.Generator().manual_seed(batch)
    maps = torch.rand(batch, N, 8, 8, generator=generator, dtype=dtype) ** 4
    landmarks = torch.rand(batch, N, 2, generator=generator, dtype=dtype) - 0.5
    return [t.detach() for t in prediction(maps, takes)], landmarks


@pytest.mark.parametrize("check_values", [False, True])
@pytest.mark.parametrize("kind", [starlib.STARLoss, partial(starlib.RegressionLoss, "wing")])
@pytest.mark.parametrize(  # two graphs: one more for a last smaller batch
    ("dynamic", "graphs", "dtype"), [(True, 1, torch.float32), (None, 2, torch.bfloat16)]
)
def test_one_graph_serves_every_batch_size(kind, check_values, dynamic, graphs, dtype):
    from torch._dynamo.testing import CompileCounterWithBackend  # private, so not at the top

    torch._dynamo.reset()
    counter = CompileCounterWithBackend("aot_eager")
    loss = kind(check_values=check_values)
    compiled = torch.compile(loss, backend=counter, dynamic=dynamic, fullgraph=True)
    for batch in (6, 6, 5, 7, 3, 2, 11):  # not 8, which the maps' sides are
        (maps,), landmarks = inputs_of(("heatmaps",), batch)
        leaf = maps.to(dtype).requires_grad_()
        value, expected = compiled(leaf, landmarks), loss(leaf, landmarks)
        torch.testing.assert_close(value, expected)
        gradient, wanted = (torch.autograd.grad(v.mean(), leaf)[0] for v in (value, expected))
        rounding = 1e-5 if dtype == torch.float32 else 2**-7
        torch.testing.assert_close(gradient, wanted, rtol=rounding, atol=1e-6)
    assert counter.frame_count == graphs


@pytest.mark.parametrize("kind", KINDS)
def test_every_loss_is_mapped_over_a_batch_with_its_gradient(kind):
    takes, loss = KINDS[kind]
    inputs, landmarks = inputs_of(takes)

    def one(landmarks, *inputs):
        return loss(*(value[None] for value in inputs), landmarks[None])[0].sum()

    found, gradients = torch.func.vmap(
        torch.func.grad_and_value(one, argnums=tuple(range(1, len(inputs) + 1)))
    )(landmarks, *inputs)[::-1]
    leaves = [value.clone().requires_grad_() for value in inputs]
    value = loss(*leaves, landmarks)
    value.sum().backward()
    torch.testing.assert_close(found, value.sum(-1).detach())
    for leaf, gradient in zip(leaves, gradients, strict=True):
        torch.testing.assert_close(gradient, leaf.grad)


@pytest.mark.parametrize("kind", KINDS)
def test_every_loss_is_exported_for_every_batch_size(kind):
    takes, loss = KINDS[kind]
    inputs, landmarks = inputs_of(takes)

    class Module(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.loss = loss

        def forward(self, landmarks, *inputs):
            return self.loss(*inputs, landmarks)

    batch = {0: torch.export.Dim("batch", min=1, max=64)}
    shapes = {"landmarks": batch, "inputs": tuple(batch for _ in inputs)}
    program = torch.export.export(Module(), (landmarks, *inputs), dynamic_shapes=shapes)
    other, labels = inputs_of(takes, 5)
    # And what was computed while exporting must not stay behind.
    torch.testing.assert_close(program.module()(labels, *other), loss(*other, labels))


def test_values_cannot_be_checked_under_vmap_and_the_error_says_so():
    (maps,), landmarks = inputs_of(("heatmaps",))
    loss = starlib.STARLoss()
    with pytest.raises(RuntimeError, match="data-dependent control flow"):
        torch.func.vmap(lambda h, y: loss(h[None], y[None]))(maps, landmarks)


# Torch 2.14's own, as it prepares forward mode.
@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:FutureWarning")
def test_second_derivatives_come_from_reverse_mode_twice():
    (maps,), landmarks = inputs_of(("heatmaps",), 1, torch.float64)
    loss = starlib.STARLoss("l2", check_values=False)

    def value(h):
        return loss(h, landmarks[:, :1]).sum()

    few = maps[:, :1, :3, :4]
    twice = torch.func.jacrev(torch.func.jacrev(value))(few)
    torch.testing.assert_close(twice, torch.autograd.functional.hessian(value, few))
    with pytest.raises(RuntimeError, match="must implement the jvp"):
        torch.func.hessian(value)(few)
