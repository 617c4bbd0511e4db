import math

import numpy as np
import pytest
import torch

import starlib
from starlib.comparisons.aam import edge_targets, point_targets
from starlib.comparisons.awing import awing
from starlib.comparisons.dr import distribution_regularisation, gaussian_maps
from starlib.models.heads import StackOutput, output_moments, peak_positions
from starlib.schemes import SCHEMES, Scheme

LINE = Scheme("line", (((0, 1, 2), False),), (2, 1, 0), ((0,), (2,)))
RING = Scheme("ring", (((0, 1, 2, 3, 4, 5, 6, 7), True),), tuple(range(8)), ((0,), (4,)))


def test_gaussian_maps_are_one_at_the_landmark_and_have_their_sigma():
    cell = torch.tensor([[[(2 * 20 + 1) / 64 - 1, (2 * 11 + 1) / 64 - 1]]])  # column 20, row 11
    maps = gaussian_maps(cell, 64, 2.0)
    assert maps[0, 0, 11, 20] == 1
    assert maps[0, 0, 11, 22] == pytest.approx(math.exp(-0.5))
    assert maps[0, 0, 14, 20] == pytest.approx(math.exp(-9 / 8))
    mean, covariance = starlib.heatmap_moments(maps, biased=True)
    torch.testing.assert_close(mean, cell, atol=1e-5, rtol=0)
    expected = torch.eye(2) * (2.0 * 2 / 64) ** 2
    torch.testing.assert_close(covariance[0, 0], expected, atol=1e-5, rtol=1e-3)


def test_point_targets_are_a_gaussian_at_input_resolution_scaled_to_a_quarter():
    landmarks = torch.rand(2, 5, 2, generator=torch.Generator().manual_seed(0)) * 1.6 - 0.8
    found = point_targets(landmarks, 16)
    full = gaussian_maps(landmarks, 64, 1.5)
    expected = torch.nn.functional.interpolate(full, scale_factor=0.25, mode="bilinear")
    torch.testing.assert_close(found, expected)


def test_an_edge_is_a_line_one_input_pixel_wide():
    for y in (-0.62, -0.047, 0.39):  # within the inner pixels of a row of cells
        landmarks = torch.tensor([[[-0.9, y], [0.0, y], [0.9, y]]])
        maps = edge_targets(landmarks, LINE, 64)
        assert maps.shape == (1, 1, 64, 64)
        assert maps.min() >= 0 and maps.max() <= 1
        drawn = maps[0, 0].nonzero()[:, 0]
        row = (y + 1) * 32 - 0.5
        assert ((drawn - row).abs() < 1).all()  # of four input pixels
        inside = maps[0, 0, :, 6:58].amax(0)
        assert torch.allclose(inside, inside[:1], atol=0.05)  # without gaps


def test_edges_run_through_their_landmarks_and_closed_ones_close():
    angles = torch.arange(8) * math.pi / 4
    ring = 0.6 * torch.stack((angles.cos(), angles.sin()), dim=-1)[None]
    rows, columns = edge_targets(ring, RING, 64)[0, 0].nonzero().T
    points = (torch.stack((columns, rows), dim=-1) * 2 + 1) / 64 - 1
    radii = points.norm(dim=-1)
    assert radii.min() > 0.55 and radii.max() < 0.64
    found = torch.atan2(points[:, 1], points[:, 0]).sort().values
    assert found.diff().max() < 0.15  # all around
    opened = Scheme("arc", ((RING.edges[0][0], False),), RING.flip, RING.normaliser)
    assert edge_targets(ring, opened, 64).sum() < 0.95 * edge_targets(ring, RING, 64).sum()


def test_edges_outside_the_picture_are_left_out():
    landmarks = torch.tensor([[[-1.5, -1.2], [0.0, -1.5], [1.5, -1.2]]])
    assert edge_targets(landmarks, LINE, 32).sum() == 0
    crossing = torch.tensor([[[0.0, 0.03], [1.2, 0.03], [2.5, 0.03]]])
    assert edge_targets(crossing, LINE, 32)[0, 0, :, :16].sum() == 0
    assert edge_targets(crossing, LINE, 32).sum() > 0


@pytest.mark.parametrize("name", [name for name, scheme in SCHEMES.items() if scheme.edges])
def test_every_scheme_with_edges_can_be_drawn(name):
    scheme = SCHEMES[name]
    landmarks = torch.rand(2, scheme.points, 2) - 0.5
    maps = edge_targets(landmarks, scheme, 24)
    assert maps.shape == (2, len(scheme.edges), 24, 24)
    assert (maps.amax((-1, -2)) > 0).all()


def test_awing_agrees_with_the_released_code(golden):
    numbers = np.load(golden / "official_loss.npz")
    predicted, target = (torch.from_numpy(numbers[f"awing_{n}"]) for n in ("pred", "target"))
    found = float(awing(predicted, target).mean())
    assert found == pytest.approx(float(numbers["awing_value"]), rel=1e-5)


def test_awing_and_its_gradient_are_continuous_and_finite():
    for y in (0.0, 0.3, 1.0):
        target = torch.full((1, 1, 1, 5), y, dtype=torch.float64)
        error = torch.tensor([0.0, 0.5 - 1e-7, 0.5 + 1e-7, 0.9, 1e-9], dtype=torch.float64)
        predicted = (target - error).clone().requires_grad_()
        values = [awing(predicted[..., i : i + 1], target[..., :1], False) for i in range(5)]
        assert values[0] == 0
        assert abs(float((values[2] - values[1]).detach())) < 1e-4
        torch.stack(values).sum().backward()
        gradient = predicted.grad.flatten()
        assert torch.isfinite(gradient).all()
        torch.testing.assert_close(gradient[1], gradient[2], rtol=1e-4, atol=1e-4)


def test_regularisation_is_zero_for_the_gaussian_itself_and_ln_2_without_overlap():
    landmarks = torch.tensor([[[0.1, -0.3]]])
    same = gaussian_maps(landmarks, 64, 1.0)
    assert distribution_regularisation(3 * same, landmarks) == pytest.approx(0, abs=1e-6)
    apart = gaussian_maps(landmarks + 0.6, 64, 1.0)
    assert distribution_regularisation(apart, landmarks) == pytest.approx(math.log(2), rel=1e-5)
    empty = torch.zeros_like(same)
    half = distribution_regularisation(empty, landmarks)
    assert half == pytest.approx(math.log(2) / 2, rel=1e-5)
    wide = gaussian_maps(landmarks, 64, 2.0)
    assert 0 < distribution_regularisation(wide, landmarks) < math.log(2)


def test_peaks_are_found_over_a_bright_background():
    landmarks = torch.tensor([[[0.31, -0.52], [-0.97, 0.98]]])
    maps = 0.02 + gaussian_maps(landmarks, 64, 1.5)
    found = peak_positions(maps)
    assert (found - landmarks)[:, 0].abs().max() < 0.3 * 2 / 64
    assert (found - landmarks)[:, 1].abs().max() < 1.5 * 2 / 64  # cut off by the border
    assert starlib.soft_argmax(maps)[0, 0].norm() < 0.3  # which is why


def test_the_covariance_of_a_sigmoid_map_is_that_of_its_peak():
    landmarks = torch.tensor([[[0.31, -0.52], [-0.2, 0.1]]])
    maps = 0.02 + 0.98 * gaussian_maps(landmarks, 64, 1.5)
    output = StackOutput(peak_positions(maps), maps)
    mean, covariance = output_moments(output, peaks=True)
    assert torch.equal(mean, output.landmarks)
    deviations = covariance.diagonal(dim1=-2, dim2=-1).sqrt()
    torch.testing.assert_close(deviations, torch.full((1, 2, 2), 1.5 * 2 / 64), rtol=0.1, atol=0)
    whole = output_moments(output)[1].diagonal(dim1=-2, dim2=-1).sqrt()
    assert (whole > 0.4).all()  # which is why


def test_a_predicted_covariance_comes_before_the_heatmaps():
    maps = torch.rand(2, 3, 16, 16)
    tril = torch.tensor([[0.1, 0.0], [0.05, 0.2]]).expand(2, 3, 2, 2)
    output = StackOutput(starlib.soft_argmax(maps), maps, scale_tril=tril)
    torch.testing.assert_close(output_moments(output)[1], tril @ tril.mT)
    heatmaps = output._replace(scale_tril=None)
    corner = output_moments(heatmaps, "corners")[1]
    assert torch.equal(corner, starlib.heatmap_moments(maps, "corners")[1])
    assert output_moments(heatmaps._replace(heatmaps=None))[1] is None
