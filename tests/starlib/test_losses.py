import copy
import itertools
import pickle

import numpy as np
import pytest
import torch

import starlib
from starlib.distances import DISTANCES, smooth_l1, wing
from starlib.losses import CONVENTIONS, RESTRICTIONS
from tests import oracle

MEANS = [(31.5, 31.5), (10.3, 40.8), (3.0, 60.0), (62.4, 1.2)]
SIGMAS = [0.5, 1.0, 4.0, 20.0]


def anisotropic(sigma):
    """Covariance with standard deviations sigma and 1.6 sigma, 25 degrees off the axes."""
    angle = np.radians(25)
    axes = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return (axes @ np.diag([(1.6 * sigma) ** 2, sigma**2]) @ axes.T).tolist()


def value_and_gradient(loss, heatmaps, landmarks):
    heatmaps = heatmaps.clone().requires_grad_()
    value = loss(heatmaps, landmarks)
    value.sum().backward()
    return value.detach(), heatmaps.grad


@pytest.mark.parametrize("distance", DISTANCES)
@pytest.mark.parametrize("restriction", RESTRICTIONS)
def test_star_agrees_with_a_literal_transcription_in_float64(distance, restriction):
    for mean, sigma in itertools.product(MEANS, SIGMAS):
        heatmaps = oracle.gaussian(mean, anisotropic(sigma))
        landmarks = torch.tensor([[[0.31, -0.12]]], dtype=torch.float64)

        def reference(h, y):
            return oracle.star(h, y, distance, restriction)

        expected, expected_gradient = value_and_gradient(reference, heatmaps, landmarks)
        ours, gradient = value_and_gradient(
            starlib.STARLoss(distance, restriction), heatmaps.float(), landmarks.float()
        )
        assert (ours - expected).abs() <= 1e-5 * expected.abs(), (mean, sigma)
        worst = (gradient - expected_gradient).abs().max()
        assert worst <= 1e-4 * expected_gradient.abs().max(), (mean, sigma)


def test_a_map_on_one_cell_counts_as_spread_evenly_over_it():
    heatmaps = torch.zeros(1, 1, 8, 8)
    heatmaps[0, 0, 3, 5] = 1.0  # at (0.375, -0.125); a cell is 0.25 wide
    loss = starlib.STARLoss("l1", "none")(heatmaps, torch.tensor([[[0.575, 0.275]]]))
    assert loss.item() == pytest.approx((0.2 + 0.4) / (0.25 / 12**0.5), rel=1e-5)


def test_detach_keeps_the_value_and_cuts_the_gradient_through_the_covariance():
    heatmaps = oracle.gaussian((20.0, 30.0), anisotropic(3.0))
    landmarks = torch.tensor([[[0.31, -0.12]]], dtype=torch.float64)
    free, free_gradient = value_and_gradient(
        starlib.STARLoss(restriction="none"), heatmaps, landmarks
    )
    cut, cut_gradient = value_and_gradient(
        starlib.STARLoss(restriction="detach"), heatmaps, landmarks
    )
    assert torch.equal(free, cut)
    assert not torch.allclose(free_gradient, cut_gradient)


def test_value_restriction_adds_half_the_trace():
    heatmaps = torch.rand(2, 3, 16, 16)
    landmarks = torch.rand(2, 3, 2) - 0.5
    _, covariance = starlib.heatmap_moments(heatmaps)
    trace = covariance.diagonal(dim1=-2, dim2=-1).sum(-1)
    plain = starlib.STARLoss(restriction="none")(heatmaps, landmarks)
    for weight in (0.0, 1.0, 5.0):
        restricted = starlib.STARLoss(weight=weight)(heatmaps, landmarks)
        torch.testing.assert_close(restricted - plain, weight * trace / 2)


def test_star_is_smaller_when_the_error_lies_along_the_ambiguous_direction():
    heatmaps = oracle.gaussian((31.5, 31.5), [[36.0, 0.0], [0.0, 4.0]]).float()
    loss = starlib.STARLoss()
    along = loss(heatmaps, torch.tensor([[[0.1, 0.0]]]))
    across = loss(heatmaps, torch.tensor([[[0.0, 0.1]]]))
    assert along < 0.5 * across


@pytest.mark.parametrize("distance", ["l1", "l2", "smooth_l1"])
def test_released_convention_agrees_with_the_released_code(golden, distance):
    numbers = np.load(golden / "official_loss.npz")
    heatmaps, targets = (torch.from_numpy(numbers[n]) for n in ("heatmaps", "targets"))
    prefix = f"star_{distance.replace('_', '')}"
    for weight in (0, 1, 5):
        loss = starlib.STARLoss(distance, weight=weight, convention="released")
        value, gradient = value_and_gradient(lambda h, y: loss(h, y).mean(), heatmaps, targets)  # noqa: B023
        expected = float(numbers[f"{prefix}_w{weight}_value"])
        assert abs(float(value) - expected) <= 1e-5 * abs(expected)
        if weight == 1:
            expected_gradient = torch.from_numpy(numbers[f"{prefix}_w1_grad"])
            worst = (gradient - expected_gradient).abs().max()
            assert worst <= 1e-3 * expected_gradient.abs().max()


def test_released_regression_agrees_with_the_released_code(golden):
    numbers = np.load(golden / "official_loss.npz")
    error = torch.full((2, 8, 2), -0.03)
    heatmaps = torch.zeros(2, 8, 65, 65)
    heatmaps[:, :, 32, 32] = 1.0  # mean at the origin
    for name, key in (("smooth_l1", "smoothl1_mean"), ("wing", "wing_mean")):
        value = starlib.RegressionLoss(name, convention="released")(heatmaps, error).mean()
        torch.testing.assert_close(float(value), float(numbers[key]), rtol=1e-5, atol=0)


def degenerate_maps():
    maps = {name: torch.zeros(64, 64) for name in ("empty", "block", "one cell", "line", "two")}
    maps["block"][10:13, 20:23] = 1
    maps["one cell"][5, 7] = 3
    maps["line"][5, 10:20] = 1
    maps["two"][[4, 50], [9, 60]] = 1
    maps["uniform"] = torch.ones(64, 64)
    maps["isotropic"] = oracle.gaussian((31.5, 31.5), [[9.0, 0.0], [0.0, 9.0]])[0, 0].float()
    maps["isotropic, off the centre"] = oracle.gaussian((20.2, 31.5), [[9.0, 0], [0, 9.0]])[0, 0]
    maps["diagonal"] = torch.eye(64)
    maps["huge"] = torch.full((64, 64), 3e38)
    maps["tiny"] = torch.full((64, 64), 1e-44)
    maps["one cell and a trace"] = maps["one cell"] + 1e-9
    return maps


@pytest.mark.parametrize("name", degenerate_maps())
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_value_and_gradient_are_finite_on_degenerate_maps(name, dtype):
    heatmaps = degenerate_maps()[name][None, None].to(dtype)
    if not torch.isfinite(heatmaps).all():
        pytest.skip("not finite in this dtype")
    choices = itertools.product(DISTANCES, RESTRICTIONS, CONVENTIONS)
    losses = [starlib.STARLoss(d, r, convention=c) for d, r, c in choices]
    losses += [starlib.RegressionLoss(d, c) for d, c in itertools.product(DISTANCES, CONVENTIONS)]
    for landmark in ([0.3, -0.2], [0.0, 0.0], [-0.765625, -0.828125]):
        for loss in losses:
            value, gradient = value_and_gradient(loss, heatmaps, torch.tensor([[landmark]]))
            assert torch.isfinite(value).all() and torch.isfinite(gradient).all(), loss.__dict__


def test_regression_is_star_with_unit_eigenvalues():
    heatmaps = torch.rand(2, 3, 16, 16)
    landmarks = torch.rand(2, 3, 2) - 0.5
    error = landmarks - starlib.soft_argmax(heatmaps)
    for name, distance in DISTANCES.items():
        expected = distance(error).sum(-1)
        torch.testing.assert_close(starlib.RegressionLoss(name)(heatmaps, landmarks), expected)


def test_distances_are_continuous_where_their_pieces_meet():
    for distance in (smooth_l1, wing):
        below, above = distance(torch.tensor([0.01 - 1e-6, 0.01 + 1e-6], dtype=torch.float64))
        assert 0 < above - below < 1e-5
    assert smooth_l1(torch.tensor(0.005)) == pytest.approx(0.00125)  # 0.5 e² / s
    assert smooth_l1(torch.tensor(-0.03)) == pytest.approx(0.025)


def test_bad_landmarks_and_settings_raise_an_error_naming_the_argument():
    heatmaps = torch.rand(1, 2, 8, 8)
    for dtype in (torch.float16, torch.bfloat16, torch.float32):
        with pytest.raises(ValueError, match="^landmarks: expected finite .*got inf"):
            starlib.STARLoss()(heatmaps, torch.full((1, 2, 2), torch.inf, dtype=dtype))
    with pytest.raises(ValueError, match="^landmarks: expected a floating"):
        starlib.STARLoss()(heatmaps, torch.zeros(1, 2, 2, dtype=torch.long))
    for argument, value in (
        ("distance", "l3"),
        ("restriction", "both"),
        ("convention", "mine"),
        ("weight", -1.0),
        ("weight", float("nan")),
        ("weight", "x"),
        ("weight", None),
        ("weight", torch.ones(())),
        ("weight", True),
        ("distance", []),
        ("distance", None),
        ("restriction", []),
        ("convention", torch.ones(2)),
        ("check_values", torch.ones(2)),
        ("check_values", None),
        ("reduction", "max"),
        ("grid", "kornia"),
        ("landmark_limit", 0),
        ("landmark_limit", 1e7),
    ):
        with pytest.raises(ValueError, match=f"^{argument}: expected"):
            starlib.STARLoss(**{argument: value})
        if argument not in ("restriction", "weight"):
            with pytest.raises(ValueError, match=f"^{argument}: expected"):
                starlib.RegressionLoss(**{argument: value})


def test_tensors_that_a_loss_cannot_take_are_named():
    heatmaps, landmarks = torch.rand(1, 2, 8, 8), torch.zeros(1, 2, 2)
    for loss in (starlib.STARLoss(), starlib.RegressionLoss()):
        with pytest.raises(ValueError, match="^heatmaps: expected a dense tensor"):
            loss(heatmaps.to_sparse(), landmarks)
        with pytest.raises(ValueError, match="^landmarks: expected on cpu, they are on meta"):
            loss(heatmaps, landmarks.to("meta"))


@pytest.mark.parametrize("loss", [starlib.STARLoss, starlib.RegressionLoss])
def test_a_batch_without_faces_has_no_losses_and_a_gradient(loss):
    heatmaps = torch.rand(0, 2, 8, 8, requires_grad=True)
    value = loss()(heatmaps, torch.zeros(0, 2, 2))
    assert value.shape == (0, 2)
    value.sum().backward()
    assert heatmaps.grad.shape == heatmaps.shape
    assert loss(reduction="mean")(heatmaps, torch.zeros(0, 2, 2)).isnan()  # as torch's own


@pytest.mark.parametrize("kind", [starlib.STARLoss, starlib.RegressionLoss])
def test_landmarks_far_out_are_refused_unless_they_are_asked_for(kind):
    heatmaps = torch.rand(1, 2, 8, 8)
    for far in (2.1, 256.0, 1e30, -3e38):
        with pytest.raises(ValueError, match="^landmarks: expected finite values .* at most 2 in"):
            kind()(heatmaps, torch.full((1, 2, 2), far))
    assert torch.isfinite(kind()(heatmaps, torch.full((1, 2, 2), -2.0))).all()
    meant = kind(landmark_limit=1e6)
    assert torch.isfinite(meant(heatmaps, torch.full((1, 2, 2), -1e6))).all()
    with pytest.raises(ValueError, match="at most 1e[+]06 in size"):
        meant(heatmaps, torch.full((1, 2, 2), 2e6))


WRONG = {
    "logits": (torch.randn(2, 5, 8, 8), torch.zeros(2, 5, 2) + 0.1, "heatmaps: expected finite"),
    "pixels": (torch.rand(2, 5, 8, 8), 256 * torch.rand(2, 5, 2), "landmarks: expected finite"),
}
NOT_IN_UNITS = {
    "shares": (torch.rand(2, 5, 2) * 0.98 + 0.01, "all lie in [[]0, 1[]]"),
    "none as -1": (torch.rand(2, 5, 2).sub(0.5).index_fill(0, torch.tensor([1]), -1), "5 of 10"),
    "none as 0": (torch.rand(2, 5, 2).sub(0.5).index_fill(0, torch.tensor([1]), 0), "5 of 10"),
}


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("kind", [starlib.STARLoss, starlib.RegressionLoss])
def test_the_first_call_is_checked_though_checks_are_off(kind, compiled):
    torch._dynamo.reset()
    loss = kind(check_values=False)
    call = torch.compile(loss, backend="aot_eager", fullgraph=True) if compiled else loss
    for heatmaps, landmarks, message in WRONG.values():
        with pytest.raises(ValueError, match=f"^{message}"):  # until a call was good
            call(heatmaps, landmarks)
    call(torch.rand(2, 5, 8, 8), torch.rand(2, 5, 2) - 0.5)
    for heatmaps, landmarks, _ in WRONG.values():
        assert call(heatmaps, landmarks).shape == (2, 5)


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("name", NOT_IN_UNITS)
def test_labels_in_other_units_are_warned_of_once(name, compiled, recwarn):
    torch._dynamo.reset()
    landmarks, message = NOT_IN_UNITS[name]
    loss = starlib.STARLoss(check_values=not compiled)
    call = torch.compile(loss, backend="aot_eager", fullgraph=True) if compiled else loss
    with pytest.warns(UserWarning, match=f"^landmarks: .*{message}"):
        call(torch.rand(2, 5, 8, 8), landmarks)
    recwarn.clear()
    call(torch.rand(2, 5, 8, 8), landmarks)
    assert not [w for w in recwarn if "landmarks" in str(w.message)]


def test_a_copy_of_a_loss_has_a_first_call_of_its_own():
    loss = starlib.STARLoss(check_values=False)
    loss(torch.rand(1, 2, 8, 8), torch.zeros(1, 2, 2))
    for copied in (copy.deepcopy(loss), pickle.loads(pickle.dumps(loss))):
        with pytest.raises(ValueError, match="^heatmaps"):
            copied(-torch.rand(1, 2, 8, 8), torch.zeros(1, 2, 2))
    assert loss(-torch.rand(1, 2, 8, 8), torch.zeros(1, 2, 2)).shape == (1, 2)


@pytest.mark.parametrize("kind", [starlib.STARLoss, starlib.RegressionLoss])
def test_reductions_are_over_the_labelled_landmarks(kind):
    heatmaps, landmarks = torch.rand(2, 3, 8, 8), torch.rand(2, 3, 2) - 0.5
    landmarks[0, 1] = torch.nan
    each = kind()(heatmaps, landmarks)
    torch.testing.assert_close(kind(reduction="sum")(heatmaps, landmarks), each.sum())
    torch.testing.assert_close(kind(reduction="mean")(heatmaps, landmarks), each.sum() / 5)


def test_beta_is_that_of_torch():
    heatmaps, landmarks = torch.rand(2, 3, 8, 8), torch.rand(2, 3, 2) - 0.5
    for beta in (0.05, 1.0):
        expected = torch.nn.functional.smooth_l1_loss(
            starlib.soft_argmax(heatmaps), landmarks, beta=beta, reduction="none"
        )
        found = starlib.RegressionLoss(beta=beta)(heatmaps, landmarks)
        torch.testing.assert_close(found, expected.sum(-1))
    for distance, beta in (("l2", 1.0), ("smooth_l1", 0.0), ("smooth_l1", "x")):
        with pytest.raises(ValueError, match="^beta: expected"):
            starlib.STARLoss(distance, beta=beta)


def test_the_grid_of_corners_is_that_of_aligned_corners():
    """A map that is turned to a larger grid with `align_corners=True` keeps its mean and loss."""
    for name in ("corners", "centers"):
        maps = torch.zeros(1, 1, 9, 9)
        maps[..., 0, 8] = 1  # the upper right corner
        edge = torch.tensor([[[1.0, -1.0]]]) * (1 if name == "corners" else 8 / 9)
        assert starlib.RegressionLoss(grid=name)(maps, edge) <= 1e-6
    with pytest.raises(ValueError, match="^grid: expected"):
        starlib.STARLoss(convention="released", grid="corner")
    heatmaps = oracle.gaussian((20.0, 30.0), anisotropic(3.0))
    found = starlib.STARLoss(grid="corners")(heatmaps, torch.tensor([[[0.3, -0.1]]]).double())
    mean, covariance = starlib.heatmap_moments(heatmaps, "corners")
    values, vectors = torch.linalg.eigh(covariance)
    error = torch.tensor([[[0.3, -0.1]]]).double() - mean
    projected = (vectors.mT @ error[..., None])[..., 0]
    expected = (smooth_l1(projected) / values.sqrt()).sum(-1) + values.sum(-1) / 2
    torch.testing.assert_close(found, expected)


def test_a_loss_prints_its_settings():
    shown = repr(starlib.STARLoss(weight=5.0, beta=0.1))
    assert "weight=5.0" in shown and "beta=0.1" in shown
