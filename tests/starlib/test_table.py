"""The table of losses: its options are the config's, and every loss checks what it is given."""

import copy
import pickle

import pytest
import torch

import starlib
from starlib.checks import one_of
from starlib.comparisons import table
from starlib.comparisons.adl import adl
from starlib.comparisons.awing import awing
from starlib.comparisons.likelihoods import cholesky_nll, heatmap_nll
from starlib.comparisons.rle import ResidualLikelihood
from starlib.comparisons.star_variants import star_inside
from starlib.models.heads import StackOutput
from starlib.training.config import LOSSES, STAR_LOSSES, RunConfig, config_fields
from starlib.training.objective import Objective
from tests.losses import SCHEME, default_losses, prediction
from tests.starlib.test_losses import degenerate_maps

N = SCHEME.points
KINDS = default_losses(check_values=True)
pytestmark = pytest.mark.usefixtures("one_thread")


def maps_and_landmarks(*batch):
    generator = torch.Generator().manual_seed(0)
    maps = torch.rand(*(batch or (2,)), N, 16, 16, generator=generator) ** 4
    return maps, torch.rand(*maps.shape[:-2], 2, generator=generator) - 0.5


def test_a_config_has_the_losses_of_the_table():
    assert tuple(table.LOSSES) == LOSSES
    assert set(STAR_LOSSES) == {
        "star", "star_inside", "star_isotropic", "star_random", "restricted_regression",
    }  # fmt: skip
    for name, entries in table.LOSSES.items():
        assert len({entry.head for entry in entries}) == len(entries), name
        for entry in entries:
            assert set(entry.takes) <= set(StackOutput._fields)
    with pytest.raises(ValueError, match="^loss: expected one of regression, star, "):
        RunConfig("300w", loss="stars")


def test_a_new_loss_needs_a_line_in_the_table_alone(monkeypatch):
    def mine(heatmaps, landmarks, distance, check_values):
        assert distance == "l2" and not check_values
        return 0 * starlib.soft_argmax(heatmaps).sum(-1) + 7

    monkeypatch.setitem(table.LOSSES, "mine", (table.Loss(mine, options=("distance",)),))
    monkeypatch.setitem(config_fields(), "loss", (str, "", one_of(table.LOSSES)))
    config = RunConfig.at("smoke", "300w", loss="mine", distance="l2")
    maps, landmarks = maps_and_landmarks()
    output = StackOutput(starlib.soft_argmax(maps), maps)
    assert Objective(config, SCHEME)([output], landmarks) == 7


@pytest.mark.parametrize("kind", KINDS)
def test_bad_maps_and_landmarks_raise_an_error_naming_the_argument(kind):
    takes, loss = KINDS[kind]
    maps, landmarks = maps_and_landmarks()
    good = prediction(maps, takes)
    assert loss(*good, landmarks).shape == (2, N)
    for wrong in (landmarks[:, :5], landmarks[..., :1], landmarks[0], landmarks.long(), None):
        with pytest.raises(ValueError, match="^landmarks: expected"):
            loss(*good, wrong)
    for value in (float("inf"), -float("inf"), 1e30):
        with pytest.raises(ValueError, match="^landmarks: expected finite"):
            loss(*good, torch.full_like(landmarks, value))
    for place, name in enumerate(takes):
        for wrong in (good[place][0], good[place][:, :5]):  # of another shape than the landmarks
            inputs = [*good[:place], wrong, *good[place + 1 :]]
            with pytest.raises(ValueError, match="^(landmarks|heatmaps|mean|predicted|scale_tril)"):
                loss(*inputs, landmarks)
        names = {"landmarks": "mean|predicted", "scale_tril": "scale_tril"}.get(name, name)
        for bad in (torch.nan, torch.inf, *(() if name == "landmarks" else (-1.0,))):
            inputs = list(good)
            inputs[place] = torch.full_like(inputs[place], bad)
            with pytest.raises(ValueError, match=f"^({names}): expected"):
                loss(*inputs, landmarks)
        inputs[place] = good[place].detach().long()
        with pytest.raises(ValueError, match=f"^({names}): expected a floating dtype"):
            loss(*inputs, landmarks)


def test_bad_options_raise_an_error_naming_the_argument():
    maps, landmarks = given = maps_and_landmarks()
    tril = torch.eye(2).expand(2, N, 2, 2)
    for function, arguments, options in (
        (star_inside, given, ("weight", "distance", "restriction", "check_values")),
        (adl, (*given, SCHEME), ("distance", "ratio", "check_values")),
        (heatmap_nll, given, ("family", "check_values")),
        (cholesky_nll, (landmarks, tril, landmarks), ("family",)),
        (ResidualLikelihood, (), ("check_values",)),
    ):
        for option in options:
            nothing = () if option == "ratio" else (None,)
            for value in ("x", [], {}, torch.ones(2), -1.0, float("nan"), float("inf"), *nothing):
                with pytest.raises(ValueError, match=f"^{option}: expected"):
                    function(*arguments, **{option: value})
    with pytest.raises(ValueError, match="^ratio: expected a finite number >= 1"):
        adl(maps, landmarks, SCHEME, ratio=0.5)
    with pytest.raises(ValueError, match="^heatmaps: expected the 29 points of scheme cofw, got 5"):
        adl(maps[:, :5], landmarks[:, :5], SCHEME)


def test_maps_outside_zero_to_one_and_of_other_shapes_are_refused_by_awing():
    maps, _ = maps_and_landmarks()
    with pytest.raises(ValueError, match=r"^predicted: expected values in \[0, 1\], got 2"):
        awing(maps * 0 + 2, maps)
    with pytest.raises(ValueError, match=r"^target: expected values in \[0, 1\], got 2"):
        awing(maps, maps * 0 + 2)
    with pytest.raises(ValueError, match="^target: expected shape"):
        awing(maps, maps[:, :5])


@pytest.mark.parametrize("name", degenerate_maps())
def test_value_and_gradient_are_finite_on_degenerate_maps(name):
    maps = degenerate_maps()[name].float().expand(1, N, 64, 64)
    labels = torch.rand(1, N, 2, generator=torch.Generator().manual_seed(0)) - 0.5
    for kind, (takes, loss) in default_losses().items():
        if kind.startswith("awing"):
            continue  # its maps are in [0, 1]
        for targets in (labels, starlib.soft_argmax(maps)):  # and without any error
            inputs = prediction(maps, takes)
            value = loss(*inputs, targets)
            value.sum().backward()
            assert value.shape == (1, N) and torch.isfinite(value).all(), kind
            assert all(torch.isfinite(leaf.grad).all() for leaf in inputs), kind


def test_deviations_too_small_to_divide_by_are_refused():
    _, landmarks = maps_and_landmarks()
    for loss in (cholesky_nll, ResidualLikelihood()):
        with pytest.raises(
            ValueError, match="^scale_tril: expected a diagonal >= 1e-06, got 1e-20"
        ):
            loss(landmarks, 1e-20 * torch.eye(2).expand(2, N, 2, 2), landmarks)


@pytest.mark.parametrize("kind", KINDS)
def test_losses_are_copied_and_pickled(kind):
    takes, loss = KINDS[kind]
    if kind.startswith("DR"):
        loss = pickle.loads(pickle.dumps(starlib.STARLoss("wing", "detach", 1.0, "released")))
        takes = ("heatmaps",)
    maps, landmarks = maps_and_landmarks()
    inputs = prediction(maps, takes)
    for other in (copy.deepcopy(loss), pickle.loads(pickle.dumps(loss))):
        assert torch.equal(other(*inputs, landmarks), loss(*inputs, landmarks))


def test_regression_of_decoded_landmarks_is_regression_of_heatmaps():
    maps, landmarks = maps_and_landmarks()
    config = RunConfig.at("smoke", "300w", loss="regression")
    gradients = []
    for function in (
        lambda h: Objective(config, SCHEME)([StackOutput(starlib.soft_argmax(h), h)], landmarks),
        lambda h: starlib.RegressionLoss()(h, landmarks).mean(),
    ):
        leaf = maps.clone().requires_grad_()
        gradients.append(torch.autograd.grad(function(leaf), leaf)[0])
    assert torch.equal(*gradients)


@pytest.mark.parametrize("loss", ["regression", "awing", "gaussian_nll"])
def test_heatmaps_are_not_decoded_again_by_losses_that_need_no_mean_of_theirs(loss, monkeypatch):
    covariance = "cholesky" if loss == "gaussian_nll" else "heatmap"
    config = RunConfig.at("smoke", "300w", loss=loss, covariance=covariance)
    maps, landmarks = maps_and_landmarks()
    tril = torch.eye(2).expand(2, N, 2, 2)
    outputs = [StackOutput(starlib.soft_argmax(maps), maps, scale_tril=tril)] * 4
    calls = []
    for name in ("first_moment", "second_moments"):
        monkeypatch.setattr(f"starlib.moments.{name}", lambda *_: calls.append(1))
    Objective(config, SCHEME)(outputs, landmarks)
    assert not calls
