import itertools
import shutil

import pytest
import torch

import starlib
from starlib import kernels
from starlib.moments import grid_positions

POSITIONS = grid_positions(12).double(), grid_positions(9).double()


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def both(maps, upstream):
    """Sums and gradient of `_Sums`."""
    maps = maps.clone().requires_grad_()
    sums, _ = kernels._Sums.apply(maps, *(p.to(upstream.dtype) for p in POSITIONS), True)
    sums.backward(upstream)
    return sums.detach(), maps.grad


def test_gradient_by_hand_agrees_with_finite_differences():
    maps = torch.rand(2, 3, 9, 12, dtype=torch.float64, requires_grad=True)
    x, y = POSITIONS
    assert torch.autograd.gradcheck(lambda h: kernels.second_moments(h, x, y), maps)
    assert torch.autograd.gradcheck(lambda h: kernels.first_moment(h, x, y), maps)
    assert torch.autograd.gradcheck(starlib.heatmap_moments, maps)


def test_both_forms_of_the_sums_agree():
    maps = torch.rand(4, 3, 9, 12, dtype=torch.float64) ** 4
    maps[0, 0] = 0
    maps[1, 1, 3, 4] = 1e30
    x, y = POSITIONS
    ordinary = maps.clamp_max(1e6) + 1e-6  # which need no scaling
    for given, second in itertools.product((maps, ordinary, 1e-12 * ordinary), (False, True)):
        forms = kernels._sums, kernels._sums_at_once
        (sums, norm), (whole, whole_norm) = (form(given, x, y, second) for form in forms)
        torch.testing.assert_close(sums, whole)
        torch.testing.assert_close(norm.prod(-1), whole_norm.prod(-1))  # Σh


def test_channels_last_maps_give_the_same_and_a_gradient_of_their_layout():
    maps, upstream = torch.rand(4, 3, 9, 12), torch.randn(4, 3, 6)
    sums, gradient = both(maps, upstream)
    last = maps.to(memory_format=torch.channels_last)
    last_sums, last_gradient = both(last, upstream)
    torch.testing.assert_close(last_sums, sums)
    torch.testing.assert_close(last_gradient, gradient)
    assert last_gradient.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("setting", ["medium", "autocast"])
def test_matrix_units_of_low_precision_change_nothing(setting):
    maps, upstream = torch.rand(4, 3, 9, 12) ** 4, torch.randn(4, 3, 6)
    expected = both(maps, upstream)
    before = torch.get_float32_matmul_precision()
    try:
        if setting == "medium":
            torch.set_float32_matmul_precision("medium")
        with torch.autocast("cpu", torch.bfloat16, enabled=setting == "autocast"):
            found = both(maps, upstream)
    finally:
        torch.set_float32_matmul_precision(before)
    torch.testing.assert_close(found, expected)


def test_second_derivatives_agree_with_finite_differences():
    maps = torch.rand(2, 2, 4, 5, dtype=torch.float64, requires_grad=True)
    x, y = grid_positions(5).double(), grid_positions(4).double()
    assert torch.autograd.gradgradcheck(lambda h: kernels.second_moments(h, x, y), maps)
    assert torch.autograd.gradgradcheck(lambda h: kernels.first_moment(h, x, y), maps)
    landmarks = torch.rand(2, 2, 2, dtype=torch.float64) - 0.5
    for loss in LOSSES:
        assert torch.autograd.gradgradcheck(lambda h: loss(h, landmarks), maps)  # noqa: B023


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32])
def test_a_gradient_beyond_the_range_of_its_dtype_is_scaled_down_to_fit(dtype):
    maps = torch.zeros(1, 2, 9, 12, dtype=torch.float64)
    maps[0, :, 2:5, 3:6] = torch.tensor([1e-19, 0.5])[:, None, None]
    if dtype == torch.float16:
        maps[0, 0] = maps[0, 0] * 1e12
    upstream = torch.full((1, 2, 6), 1e1 if dtype == torch.float16 else 1e25)
    gradients = []
    for kind in (dtype, torch.float64):
        leaf = maps.to(kind).requires_grad_()
        positions = (p.to(torch.promote_types(kind, torch.float32)) for p in POSITIONS)
        sums = torch.cat(kernels.second_moments(leaf, *positions), -1)
        sums.backward(upstream.to(sums.dtype))
        gradients.append(leaf.grad.double())
    ours, exact = gradients
    assert torch.isfinite(ours).all() and exact[0, 0].abs().max() > torch.finfo(dtype).max
    cosine = torch.nn.functional.cosine_similarity(
        ours[0, 0].flatten() / ours[0, 0].abs().max(),
        exact[0, 0].flatten() / exact[0, 0].abs().max(),
        dim=0,
    )
    assert cosine > 0.999
    torch.testing.assert_close(ours[0, 1], exact[0, 1], rtol=2e-3, atol=1e-2 * 1e1)


LOSSES = [starlib.STARLoss(check_values=False), starlib.RegressionLoss(check_values=False)]


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")  # torch's own
@pytest.mark.skipif(not shutil.which("g++"), reason="no compiler")
def test_the_compiler_makes_one_kernel_of_all_sums_and_one_of_the_gradient():
    from torch._inductor.utils import run_and_get_code  # private, so not at the top

    maps, landmarks = torch.rand(3, 4, 16, 16).double() ** 4, torch.rand(3, 4, 2) - 0.5
    torch._dynamo.reset()
    compiled = torch.compile(LOSSES[0], fullgraph=True)

    def gradient():
        leaf = maps.clone().requires_grad_()
        return torch.autograd.grad(compiled(leaf, landmarks).sum(), leaf)[0]

    found, programs = run_and_get_code(gradient)
    assert [program.count("async_compile.cpp_pybinding(") for program in programs] == [1, 1]
    leaf = maps.clone().requires_grad_()
    LOSSES[0](leaf, landmarks).sum().backward()
    torch.testing.assert_close(found, leaf.grad)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_a_cuda_graph_replays_the_loss():
    maps = torch.rand(4, 5, 64, 64, device="cuda", requires_grad=True)
    landmarks = torch.zeros(4, 5, 2, device="cuda")
    stream = torch.cuda.Stream()
    with torch.cuda.stream(stream):
        for _ in range(3):
            torch.autograd.grad(LOSSES[0](maps, landmarks).mean(), maps)
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        value = LOSSES[0](maps, landmarks).mean()
        [gradient] = torch.autograd.grad(value, maps)
    with torch.no_grad():
        maps.uniform_()
    graph.replay()
    expected = LOSSES[0](maps, landmarks).mean()
    torch.testing.assert_close(value, expected)
    torch.testing.assert_close(gradient, torch.autograd.grad(expected, maps)[0])
