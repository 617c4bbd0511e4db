"""Every loss, regulariser and backbone that a config can name: it builds, and it learns."""

import dataclasses

import pytest
import torch

from starlib.comparisons.aam import edge_targets, point_targets
from starlib.schemes import SCHEMES
from starlib.training.config import RunConfig
from starlib.training.objective import Objective
from starlib.training.state import build_model

SCHEME = SCHEMES["wflw"]
SIZE = 32


def config(**fields):
    sizes = {"image_size": SIZE, "width": 32, "depth": 2, "epochs": 14, "batch_size": 8}
    rates = {"learning_rate": 4e-3, "ema_half_life": 200, "precision": "float32"}
    return RunConfig.at("smoke", "synthface", **{**sizes, **rates, **fields})


pytestmark = pytest.mark.usefixtures("one_thread")


def test_hrnet_has_the_size_that_the_paper_prints_for_it():
    model = build_model(config(backbone="hrnet_w18"), SCHEME)
    size = sum(p.numel() for p in model.parameters())
    assert size == pytest.approx(9.7e6, rel=0.02)


def test_stacks_weigh_an_eighth_to_one():
    chosen = config(stacks=4, loss="regression")
    outputs = build_model(chosen, SCHEME)(torch.rand(2, 3, SIZE, SIZE))
    landmarks = torch.rand(2, 98, 2) - 0.5
    objective = Objective(chosen, SCHEME)
    each = [objective([output], landmarks) for output in outputs]
    expected = sum(w * loss for w, loss in zip((1 / 8, 1 / 4, 1 / 2, 1), each, strict=True))
    torch.testing.assert_close(objective(outputs, landmarks), expected)


def test_aam_weighs_its_maps_ten_times_and_star_acts_on_the_fused_maps():
    chosen = config(aam=True)
    output = build_model(chosen, SCHEME)(torch.rand(2, 3, SIZE, SIZE))[-1]
    landmarks = torch.rand(2, 98, 2) - 0.5
    objective = Objective(chosen, SCHEME)
    alone = objective.landmark_loss(output, landmarks).mean()
    bare = output._replace(point_maps=None, edge_maps=None)
    torch.testing.assert_close(objective([bare], landmarks), alone)
    size = output.point_maps.shape[-1]
    points, edges = point_targets(landmarks, size), edge_targets(landmarks, objective.scheme, size)
    perfect = output._replace(point_maps=points, edge_maps=edges)
    torch.testing.assert_close(objective([perfect], landmarks), alone)
    worse = perfect._replace(point_maps=1 - points)
    assert objective([worse], landmarks) > alone + 10


def test_a_config_without_tricks_has_the_network_that_it_had():
    plain = config()
    names = set(build_model(plain, SCHEME).state_dict())
    richer = dataclasses.replace(plain, loss="gaussian_nll", covariance="cholesky")
    extra = set(build_model(richer, SCHEME).state_dict()) - names
    assert extra == {"stacks.0.scale.weight", "stacks.0.scale.bias"}
