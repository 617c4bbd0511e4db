"""Random maps and landmarks: value and gradient of every loss are finite, or they are refused."""

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import starlib
from tests.fuzz import SCALE, times
from tests.losses import SCHEME, every_loss, prediction

N = SCHEME.points
ALL = list(zip(every_loss(), every_loss(False), strict=True))
EXAMPLES = times(10)
DTYPES = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
SIZES = ((8, 8), (16, 16), (32, 32), (1, 1), (1, 8), (8, 1), (2, 3))
KINDS = ("random", "steep", "one cell", "two cells", "uniform", "Gaussian", "trace", "empty")
SCALES = (1, 1e-3, 1e3, 1e-10, 1e10, 1e-20, 1e30, "largest", "smallest", "denormal")
PLACES = ("random", "zero", "mean", "almost the mean", "cell", "outside", "far", "unlabelled")

pytestmark = pytest.mark.usefixtures("one_thread")


def drawn_maps(kind, size, scale, dtype, generator):
    """Maps [1, N, H, W] of a kind, of a scale, in a dtype."""
    height, width = size
    random = torch.rand(1, N, height, width, generator=generator, dtype=torch.float64)
    maps = torch.zeros_like(random)
    if kind == "random":
        maps = random
    elif kind == "steep":
        maps = random**80
    elif kind in ("one cell", "two cells"):
        place = torch.randint(height * width, (1, N, 2), generator=generator)
        values = torch.rand(1, N, 2, generator=generator, dtype=torch.float64) + 0.01
        last = 1 if kind == "one cell" else 2
        maps.flatten(2).scatter_(2, place[..., :last], values[..., :last])
    elif kind == "uniform":
        maps += 1
    elif kind == "Gaussian":
        y, x = (torch.arange(n, dtype=torch.float64) for n in size)
        at = torch.rand(N, 2, generator=generator, dtype=torch.float64)
        if at[0, 0] > 0.5:  # on cells, so that the maps are isotropic
            at = (at * torch.tensor([width - 1, height - 1])).round() / max(width - 1, 1)
        dx, dy = x - at[:, :1] * (width - 1), y - at[:, 1:] * (height - 1)
        variance = (0.2 + 5 * torch.rand(N, 1, 1, generator=generator, dtype=torch.float64)) ** 2
        maps[0] = torch.exp(-(dx[:, None].square() + dy[..., None].square()) / 2 / variance)
    elif kind == "trace":
        maps = random * 1e-6
        maps[..., 0, 0] = 1
    info = torch.finfo(dtype)
    if scale == "largest":
        maps = maps / maps.amax((-2, -1), keepdim=True).clamp_min(1e-300) * info.max * 0.99
    elif scale in ("smallest", "denormal"):
        maps = maps * info.tiny * (1 if scale == "smallest" else 0.1)
    else:
        maps = maps * scale
    return maps.clamp_max(info.max).to(dtype)


def drawn_landmarks(place, maps, distance, generator):
    random = torch.rand(1, N, 2, generator=generator) * 2 - 1
    mean = starlib.soft_argmax(maps).float()
    return {
        "random": random,
        "zero": 0 * random,
        "mean": mean,
        "almost the mean": mean + 10**-distance * random,
        "cell": ((random * 4).round() * 2 + 1) / 8,
        "outside": 10 ** (distance / 6) * random,
        "unlabelled": torch.where(random > 0, random, torch.nan),
        "far": (10**distance * random).clamp(-3e38, 3e38),
    }[place]


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=SCALE <= 1,
    database=None,
    suppress_health_check=list(HealthCheck),
)
@given(
    kind=st.sampled_from(KINDS),
    size=st.sampled_from(SIZES),
    scale=st.sampled_from(SCALES),
    dtype=st.sampled_from(DTYPES),
    place=st.sampled_from(PLACES),
    distance=st.floats(0, 38),
    seed=st.integers(0, 2**31),
)
def test_value_and_gradient_of_every_loss_are_finite_or_the_input_is_refused(
    kind, size, scale, dtype, place, distance, seed
):
    generator = torch.Generator().manual_seed(seed)
    maps = drawn_maps(kind, size, scale, dtype, generator)
    landmarks = drawn_landmarks(place, maps, distance, generator)
    largest = float(landmarks.nan_to_num().abs().max())
    for (label, takes, loss), (_, _, unchecked) in ALL:
        inputs = prediction(maps, takes)
        far = largest > (1e6 if label.startswith("star heatmaps") else 2)
        if far and largest <= 1e6 and not label.startswith("RegressionLoss"):
            loss = unchecked  # what is not refused is finite
            far = False
        try:
            value = loss(*inputs, landmarks)
        except ValueError as error:
            refused = far, size[0] != size[1], float(maps.max()) > 1
            names = "landmarks", "heatmaps: expected square maps", "heatmaps: expected values in"
            assert any(r and n in str(error) for r, n in zip(refused, names, strict=True)), label
            continue
        assert not far, label
        value.sum().backward()
        assert torch.isfinite(value).all(), label
        assert all(torch.isfinite(leaf.grad).all() for leaf in inputs), label


MATRICES = st.lists(st.floats(-(2.0**124), 2.0**124, width=32), min_size=3, max_size=3)


@settings(max_examples=20 * EXAMPLES, deadline=None, database=None)
@given(upper=MATRICES, dtype=st.sampled_from(DTYPES[1:]), weights=st.tuples(*[st.booleans()] * 2))
def test_principal_components_of_any_matrix_are_finite_with_their_gradient(upper, dtype, weights):
    a, b, c = upper
    covariance = torch.tensor([[a, b], [b, c]]).to(dtype).requires_grad_()
    eigenvalues, eigenvectors = starlib.principal_components(covariance)
    (weights[0] * eigenvalues.sum() + weights[1] * eigenvectors.sum()).backward()
    assert eigenvalues[0] >= eigenvalues[1]
    assert torch.isfinite(eigenvalues).all() and torch.isfinite(eigenvectors).all()
    assert torch.isfinite(covariance.grad).all()
    torch.testing.assert_close(eigenvectors.norm(dim=0), torch.ones(2, dtype=eigenvectors.dtype))
