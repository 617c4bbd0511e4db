import math

import numpy as np
import pytest
import torch

import starlib
from starlib.comparisons.adl import adl, edge_normals
from starlib.comparisons.likelihoods import cholesky_nll, heatmap_nll
from starlib.comparisons.rle import ResidualLikelihood
from starlib.comparisons.star_variants import star_inside, star_isotropic, star_random
from starlib.schemes import SCHEMES, Scheme
from tests import oracle

COVARIANCE = [[30.0, 8.0], [8.0, 12.0]]  # cells
UNIT = (2 / 64) ** 2  # of a cell's variance in [-1, 1]


def map_and_label():
    maps = oracle.gaussian((31.5, 31.5), COVARIANCE)
    return maps, torch.tensor([[[0.11, -0.07]]], dtype=torch.float64)


def moments():
    maps, label = map_and_label()
    mean, covariance = starlib.heatmap_moments(maps)
    return maps, label, (label - mean)[0, 0], covariance[0, 0]


def test_mahalanobis_is_the_error_in_units_of_the_covariance():
    maps, label, error, covariance = moments()
    found = star_inside(maps, label, "l2", "none", 1.0)
    expected = error @ torch.linalg.solve(covariance, error)
    torch.testing.assert_close(found[0, 0], expected)


def test_scale_inside_and_outside_agree_for_l1_alone():
    maps, label, *_ = moments()
    for distance, same in (("l1", True), ("smooth_l1", False)):
        outside = starlib.STARLoss(distance)(maps, label)
        inside = star_inside(maps, label, distance, "value", 1.0)
        assert torch.allclose(outside, inside) == same


def test_isotropic_control_divides_both_errors_by_the_mean_deviation():
    maps, label, error, covariance = moments()
    found = star_isotropic(maps, label, "l2", "none", 1.0)
    torch.testing.assert_close(found[0, 0], error.square().sum() / (covariance.trace() / 2).sqrt())


def test_random_control_turns_the_axes_and_only_them():
    maps, label, error, covariance = moments()
    eigenvalues = torch.linalg.eigvalsh(covariance)
    found = star_random(maps, label, "l2", "none", 1.0)[0, 0]
    squared = error.square().sum()
    assert squared / eigenvalues[1].sqrt() <= found <= squared / eigenvalues[0].sqrt()
    assert torch.equal(found, star_random(maps, label, "l2", "none", 1.0)[0, 0])
    labels = torch.rand(1, 400, 2, generator=torch.Generator().manual_seed(0)).double() * 0.2
    many = star_random(maps.expand(1, 400, -1, -1), labels, "l2", "none", 1.0)[0]
    scaled = many / (labels[0] - starlib.soft_argmax(maps)[0]).square().sum(-1)
    low, high = eigenvalues.rsqrt()[1], eigenvalues.rsqrt()[0]
    share = (scaled - low) / (high - low)  # sin² of the angle between error and axis
    assert share.mean() == pytest.approx(0.5, abs=0.06)
    assert share.var() == pytest.approx(1 / 8, abs=0.03)  # of sin² of a uniform angle


@pytest.mark.parametrize("function", [star_inside, star_isotropic, star_random])
def test_variants_share_the_restrictions_of_star(function):
    maps, label = (t.float() for t in map_and_label())
    plain = function(maps, label, "l1", "none", 1.0)
    _, covariance = starlib.heatmap_moments(maps)
    half = covariance.diagonal(dim1=-2, dim2=-1).sum(-1) / 2
    torch.testing.assert_close(function(maps, label, "l1", "value", 5.0) - plain, 5 * half)
    torch.testing.assert_close(function(maps, label, "l1", "detach", 1.0), plain)


CORNER = Scheme("corner", (((0, 1, 2), False),), (2, 1, 0, 3), ((0,), (2,)))


def test_normals_bisect_the_edge_and_stand_across_its_ends():
    landmarks = torch.tensor([[[-0.5, 0.0], [0.0, 0.5], [0.5, 0.0], [0.9, 0.9]]])
    normals, on_edge = edge_normals(landmarks, CORNER)
    diagonal = math.sqrt(0.5)
    expected = torch.tensor([[-diagonal, diagonal], [0.0, -1.0], [diagonal, diagonal]])
    torch.testing.assert_close(normals[0, :3].abs(), expected.abs())
    assert (normals[0, :3] * expected).sum(-1).abs().min() > 0.999
    assert on_edge[0].tolist() == [True, True, True, False]
    straight = torch.tensor([[[-0.5, 0.0], [0.0, 0.0], [0.5, 0.0], [0.9, 0.9]]])
    assert edge_normals(straight, CORNER)[0][0, :3].abs()[:, 1].tolist() == [1, 1, 1]


def test_normals_are_unit_vectors_even_where_points_coincide():
    for scheme in SCHEMES.values():
        for landmarks in (torch.zeros(1, scheme.points, 2), torch.randn(3, scheme.points, 2)):
            normals, _ = edge_normals(landmarks, scheme)
            torch.testing.assert_close(normals.norm(dim=-1), torch.ones(normals.shape[:2]))


def shifted(dx, dy):
    """Maps at the landmarks of a horizontal edge, moved by (dx, dy)."""
    places = [(16.0, 32.0), (32.0, 32.0), (48.0, 32.0), (10.0, 10.0)]
    maps = torch.cat(
        [oracle.gaussian((x + dx, y + dy), [[9.0, 0], [0, 4.0]]) for x, y in places], 1
    )
    labels = torch.cat(
        [starlib.soft_argmax(oracle.gaussian(p, [[9.0, 0], [0, 4]])) for p in places]
    )
    return maps, labels.reshape(1, 4, 2)


def test_adl_weighs_errors_across_the_edge_more_and_nothing_off_edges():
    along = adl(*shifted(2.0, 0.0), CORNER, "l2", ratio=3.0)[0]
    across = adl(*shifted(0.0, 2.0), CORNER, "l2", ratio=3.0)[0]
    torch.testing.assert_close(
        across[:3] / along[:3], torch.full((3,), 3.0).double(), rtol=1e-3, atol=0
    )
    torch.testing.assert_close((across + along)[:3] / 2, across[3:].expand(3), rtol=5e-3, atol=0)
    torch.testing.assert_close(across[3], along[3], rtol=5e-3, atol=0)


def test_adl_takes_its_ratio_from_the_heatmap():
    along = adl(*shifted(2.0, 0.0), CORNER, "l2")[0]
    across = adl(*shifted(0.0, 2.0), CORNER, "l2")[0]
    expected = torch.full((3,), 9 / 4).double()
    torch.testing.assert_close(across[:3] / along[:3], expected, rtol=1e-2, atol=0)
    with pytest.raises(ValueError, match="^ratio: expected a finite number >= 1"):
        adl(*shifted(0.0, 0.0), CORNER, ratio=0.5)


def test_likelihoods_are_those_of_torch_distributions():
    maps, label, error, covariance = moments()
    gaussian = torch.distributions.MultivariateNormal(torch.zeros(2).double(), covariance)
    expected = -gaussian.log_prob(error) - math.log(2 * math.pi)
    torch.testing.assert_close(heatmap_nll(maps, label, "gaussian")[0, 0], expected)
    squared = error @ torch.linalg.solve(covariance, error)
    expected = torch.logdet(covariance) / 2 + (3 * squared).sqrt()
    torch.testing.assert_close(heatmap_nll(maps, label, "laplace")[0, 0], expected)


@pytest.mark.parametrize("family", ["gaussian", "laplace"])
def test_a_predicted_covariance_gives_the_same_likelihood(family):
    maps, label, _, covariance = moments()
    mean = starlib.soft_argmax(maps)
    tril = torch.linalg.cholesky(covariance)[None, None]
    found = cholesky_nll(mean, tril, label, family)
    torch.testing.assert_close(found.double(), heatmap_nll(maps, label, family), rtol=1e-5, atol=0)


def test_the_flow_is_a_density():
    flow = ResidualLikelihood()
    for seed, parameter in enumerate(flow.parameters()):  # away from the identity
        generator = torch.Generator().manual_seed(seed)
        torch.nn.init.normal_(parameter, std=0.1, generator=generator)
    axis = torch.linspace(-20, 20, 401)
    grid = torch.stack(torch.meshgrid(axis, axis, indexing="xy"), dim=-1)
    with torch.no_grad():
        total = flow.log_density(grid).exp().sum() * 0.1**2
    assert float(total) == pytest.approx(1, abs=0.01)


def test_residual_likelihood_learns_the_scale_of_the_residuals():
    rng = np.random.default_rng(0)
    labels = torch.from_numpy(rng.normal(0, 0.05, (64, 3, 2))).float()
    flow = ResidualLikelihood()
    losses = [
        float(
            flow(torch.zeros(64, 3, 2), s * torch.eye(2).expand(64, 3, 2, 2), labels)
            .mean()
            .detach()
        )
        for s in (0.001, 0.05, 3.0)
    ]
    assert losses[1] < losses[0] and losses[1] < losses[2]
