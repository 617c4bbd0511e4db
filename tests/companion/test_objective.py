"""Every loss, regulariser and backbone that a config can name: it builds, and it learns."""

import numpy as np
import pytest
import torch
from PIL import Image

from companion.experiments.paper import EXPERIMENTS
from starlib.data import FaceSet, crop_store
from starlib.distances import wing
from starlib.metrics import nme
from starlib.synthface.faces import render_faces
from starlib.training.config import LOSSES
from starlib.training.loop import predict, train
from starlib.training.objective import Objective
from starlib.training.state import build_model
from tests.starlib.test_objective import SCHEME, SIZE, config

# Every loss, the other heads, the two regularisers and small networks of both kinds of backbone.
ARMS = {
    **{loss: {"loss": loss} for loss in LOSSES},
    # The first steps of these go into the scale of the errors.
    "rle": {"loss": "rle", "epochs": 32},
    "Gaussian NLL, Cholesky head": {"loss": "gaussian_nll", "covariance": "cholesky", "epochs": 32},
    "AAM": {"aam": True, "image_size": 64, "epochs": 32},  # less does not learn anything
    "DR": {"dr": True},
    "HRNet, STAR": {"backbone": "hrnet_w18_small", "epochs": 8},
    "ResNet coordinates, Wing": {
        "backbone": "resnet18", "output": "coordinates", "loss": "regression", "distance": "wing",
    },
}  # fmt: skip


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    """Image size -> crop stores of 128 training and 40 test faces."""
    root = tmp_path_factory.mktemp("crops")
    made = {}
    for split, (count, seed) in {"train": (128, 0), "test": (40, 1)}.items():
        drawn = render_faces(count, seed, 64, 1.0)
        pictures = [Image.fromarray(p.permute(1, 2, 0).numpy()) for p in drawn.images]
        faces = FaceSet(
            dataset="synthface",
            split=split,
            scheme=SCHEME,
            names=tuple(str(i) for i in range(count)),
            landmarks=((drawn.landmarks + 1) * 32).numpy(),
            read=pictures.__getitem__,
        )
        for size in (SIZE, 64):
            made[split, size] = crop_store(faces, size, root)
    return made


@pytest.mark.parametrize("arm", ARMS)
def test_a_tiny_run_beats_the_mean_face(arm, stores):
    chosen = config(**ARMS[arm])
    training, test = (stores[split, chosen.image_size] for split in ("train", "test"))
    trained = train(chosen, training, SCHEME)
    predicted, _ = predict(trained.model, test.images, chosen)
    found = nme(predicted, test.landmarks, SCHEME).mean()
    mean_face = np.broadcast_to(training.landmarks.mean(0), test.landmarks.shape)
    assert found < nme(mean_face, test.landmarks, SCHEME).mean()
    assert trained.curves["loss"][-1] < trained.curves["loss"][0]


@pytest.mark.parametrize("arm", EXPERIMENTS["backbones"].arms.values(), ids=lambda arm: arm.name)
def test_the_backbones_of_the_experiments_take_a_step(arm):
    chosen = config(**arm.changes)
    model, objective = build_model(chosen, SCHEME), Objective(chosen, SCHEME)
    outputs = model(torch.rand(2, 3, 64, 64) * 2 - 1)
    objective(outputs, torch.rand(2, 98, 2) - 0.5).backward()
    gradients = [p.grad for p in [*model.parameters(), *objective.parameters()]]
    assert all(g is not None and torch.isfinite(g).all() for g in gradients)
    if chosen.output == "heatmaps":
        assert outputs[-1].heatmaps.shape == (2, 98, 16, 16)


def test_coordinates_take_wing_in_pixels():
    chosen = config(**ARMS["ResNet coordinates, Wing"])
    output = build_model(chosen, SCHEME).eval()(torch.zeros(1, 3, SIZE, SIZE))[-1]
    found = Objective(chosen, SCHEME)([output], output.landmarks + 2 * 3 / SIZE)  # three pixels
    expected = 2 * wing(torch.tensor(3.0), width=10, curvature=2) * 2 / SIZE  # x and y
    torch.testing.assert_close(found, expected)
