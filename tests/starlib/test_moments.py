import pytest
import torch

import starlib
from starlib.moments import grid_positions
from tests.oracle import gaussian, moments


def test_cell_centres_and_corners_are_where_the_convention_puts_them():
    assert grid_positions(4).tolist() == [-0.75, -0.25, 0.25, 0.75]
    assert grid_positions(3, "corners").tolist() == [-1, 0, 1]
    with pytest.raises(ValueError, match="grid"):
        grid_positions(4, "middle")


def test_one_cell_has_its_centre_as_mean_and_no_covariance():
    heatmaps = torch.zeros(1, 1, 4, 8)
    heatmaps[0, 0, 1, 6] = 7.0
    mean, covariance = starlib.heatmap_moments(heatmaps)
    assert mean.flatten().tolist() == [0.625, -0.25]
    assert covariance.abs().max() == 0
    corner = starlib.soft_argmax(heatmaps, grid="corners")
    torch.testing.assert_close(corner, torch.tensor([[[12 / 7 - 1, 2 / 3 - 1]]]))


def test_two_equal_cells_have_the_unbiased_variance_of_two_samples():
    heatmaps = torch.zeros(1, 1, 4, 4)
    heatmaps[0, 0, 2, [0, 2]] = 1.0
    _, covariance = starlib.heatmap_moments(heatmaps)
    _, biased = starlib.heatmap_moments(heatmaps, biased=True)
    assert covariance[0, 0].tolist() == [[0.5, 0], [0, 0]]  # samples at -0.75 and 0.25
    assert biased[0, 0].tolist() == [[0.25, 0], [0, 0]]


@pytest.mark.parametrize("share", [0.1, 1e-3, 1e-5])
def test_two_cells_have_half_their_squared_distance_as_variance_whatever_their_shares(share):
    heatmaps = torch.zeros(1, 1, 4, 4, dtype=torch.float64)
    heatmaps[0, 0, 2, 0], heatmaps[0, 0, 2, 2] = share, 1 - share  # one apart
    _, covariance = starlib.heatmap_moments(heatmaps)
    expected = torch.tensor([[0.5, 0], [0, 0]], dtype=torch.float64)
    torch.testing.assert_close(covariance[0, 0], expected)


def test_moments_do_not_depend_on_the_scale_of_a_map():
    heatmaps = torch.rand(2, 3, 16, 16)
    mean, covariance = starlib.heatmap_moments(heatmaps)
    for factor in (1e-12, 1e30):
        scaled_mean, scaled_covariance = starlib.heatmap_moments(heatmaps * factor)
        torch.testing.assert_close(scaled_mean, mean)
        torch.testing.assert_close(scaled_covariance, covariance)


@pytest.mark.parametrize("sigma", [0.5, 2.0, 20.0])
@pytest.mark.parametrize("at", [(31.5, 31.5), (3.2, 60.7), (63.0, 0.0)])
def test_moments_agree_with_a_literal_transcription_in_float64(sigma, at):
    heatmaps = gaussian(at, [[sigma**2, 0.3 * sigma**2], [0.3 * sigma**2, 0.6 * sigma**2]])
    mean, covariance = moments(heatmaps)
    ours, our_covariance = starlib.heatmap_moments(heatmaps.float())
    torch.testing.assert_close(ours.double(), mean, rtol=0, atol=1e-6)
    assert (our_covariance - covariance).abs().max() < 1e-5 * covariance.abs().max()


def test_moments_are_float32_for_half_maps_under_autocast():
    heatmaps = torch.rand(1, 2, 8, 8, dtype=torch.bfloat16)
    with torch.autocast("cpu", torch.bfloat16):
        mean, covariance = starlib.heatmap_moments(heatmaps)
    assert mean.dtype == covariance.dtype == torch.float32
    expected, _ = starlib.heatmap_moments(heatmaps.float())
    torch.testing.assert_close(mean, expected)


def test_principal_components_agree_with_the_eigen_solver():
    roots = torch.randn(500, 2, 2, dtype=torch.float64)
    matrices = roots @ roots.mT
    eigenvalues, eigenvectors = starlib.principal_components(matrices)
    expected = torch.linalg.eigvalsh(matrices).flip(-1)
    torch.testing.assert_close(eigenvalues, expected)
    rebuilt = eigenvectors @ torch.diag_embed(eigenvalues) @ eigenvectors.mT
    torch.testing.assert_close(rebuilt, matrices)
    identity = torch.eye(2, dtype=torch.float64).expand(500, 2, 2)
    torch.testing.assert_close(eigenvectors.mT @ eigenvectors, identity)


def test_gradient_of_principal_components_agrees_with_finite_differences():
    matrices = torch.tensor([[[2.0, 0.3], [0.3, 1.0]], [[1.0, -0.4], [-0.4, 3.0]]]).double()

    def parts(upper):
        a, b, c = upper.unbind(-1)
        both = torch.stack((a, b, b, c), dim=-1).unflatten(-1, (2, 2))
        return starlib.principal_components(both)

    upper = torch.stack((matrices[:, 0, 0], matrices[:, 0, 1], matrices[:, 1, 1]), dim=-1)
    assert torch.autograd.gradcheck(parts, upper.requires_grad_())


@pytest.mark.parametrize("matrix", [[[1.0, 0.0], [0.0, 1.0]], [[0.0, 0.0], [0.0, 0.0]]])
def test_isotropic_matrices_have_finite_gradients(matrix):
    covariance = torch.tensor(matrix, requires_grad=True)
    eigenvalues, eigenvectors = starlib.principal_components(covariance)
    (eigenvalues.sum() + eigenvectors.sum()).backward()
    assert torch.isfinite(covariance.grad).all()
    assert eigenvectors.tolist() == [[1, 0], [0, 1]]


def test_wrong_shapes_and_types_are_named():
    with pytest.raises(ValueError, match="heatmaps: expected shape"):
        starlib.heatmap_moments(torch.rand(3, 8, 8))
    with pytest.raises(ValueError, match="heatmaps: expected a floating dtype"):
        starlib.soft_argmax(torch.ones(1, 1, 8, 8, dtype=torch.long))
    with pytest.raises(ValueError, match="covariance"):
        starlib.principal_components(torch.ones(2, 3))
    with pytest.raises(
        ValueError, match="covariance: expected float32 .*, got torch.float16, whose"
    ):
        starlib.principal_components(torch.eye(2, dtype=torch.float16))
    with pytest.raises(ValueError, match="covariance: expected a floating dtype"):
        starlib.principal_components(torch.eye(2, dtype=torch.long))


def test_components_of_bfloat16_are_those_of_float32():
    covariance = torch.tensor([[2.0, 0.5], [0.5, 1.0]])
    for ours, expected in zip(
        starlib.principal_components(covariance.bfloat16()),
        starlib.principal_components(covariance),
        strict=True,
    ):
        assert torch.equal(ours, expected)
