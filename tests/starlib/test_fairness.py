"""Two arms are comparable: they see the same batches, and the weights that are kept are judged."""

import dataclasses

import numpy as np
import pytest
import torch

from starlib.data import crop_store, load_dataset
from starlib.runs.run import run
from starlib.training.loop import predict, train
from starlib.training.state import State
from tests.conftest import SMALL_RUN

CONFIG = dataclasses.replace(SMALL_RUN, epochs=3, ema_half_life=4, learning_rate=0.05)
ARMS = [
    {"loss": "regression"},
    {"loss": "star", "weight": 4.0},
    {"loss": "star", "distance": "l2"},
    {"loss": "star", "restriction": "detach", "dr": True},
    {"loss": "star", "aam": True},
    {"loss": "adl"},
    {"loss": "laplace_nll", "covariance": "cholesky"},
    {"loss": "awing"},
]

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def faces(tiny_300w):
    return load_dataset("300w", "train", tiny_300w)


def batches_of(config, faces, folder, monkeypatch):
    """Images and targets of every step of a training."""
    seen, step = [], State.step

    def noting(self, batch, targets):
        seen.append((batch.clone(), targets.clone()))
        return step(self, batch, targets)

    monkeypatch.setattr(State, "step", noting)
    train(config, crop_store(faces, config.image_size, folder), faces.scheme)
    monkeypatch.undo()
    return seen


def test_every_arm_of_a_seed_sees_the_same_batches(faces, tmp_path, monkeypatch):
    plain = batches_of(dataclasses.replace(CONFIG, loss="regression"), faces, tmp_path, monkeypatch)
    assert len(plain) == 6
    assert not torch.equal(plain[0][0], plain[2][0])  # each epoch draws anew
    for arm in ARMS:
        config = dataclasses.replace(CONFIG, **arm)
        seen = batches_of(config, faces, tmp_path, monkeypatch)
        for (images, targets), (others, theirs) in zip(plain, seen, strict=True):
            assert torch.equal(images, others) and torch.equal(targets, theirs), arm
    other = batches_of(dataclasses.replace(CONFIG, seed=1), faces, tmp_path, monkeypatch)
    assert not torch.equal(plain[0][0], other[0][0])


def test_a_run_keeps_and_judges_the_network_that_training_returned(faces, tmp_path, tiny_300w):
    crops = crop_store(faces, CONFIG.image_size, tmp_path)
    model = train(CONFIG, crops, faces.scheme).model
    found = run(CONFIG, results=tmp_path / "results", data_root=tiny_300w)
    [weights] = (tmp_path / "results" / "weights").glob("*.pt")
    kept = torch.load(weights, weights_only=True)["weights"]
    for name, value in model.state_dict().items():
        assert torch.equal(value, kept[name]), name
    test = load_dataset("300w", "test", tiny_300w)
    crops = crop_store(test, CONFIG.image_size, tmp_path)
    expected, _ = predict(model, crops.images, CONFIG)
    np.testing.assert_allclose(found.landmarks()["predicted"], expected, atol=1e-4)
