"""Checkpoints: damage is seen, put aside and survived; a full disk leaves nothing half-written."""

import dataclasses
import os

import numpy as np
import pytest
import torch

from starlib.training import checkpoints
from starlib.training.checkpoints import last_checkpoint, read_checkpoint, write_checkpoint
from starlib.training.loop import StoppedError, train
from tests.starlib.test_train import CONFIG, SCHEME, crops, weights

pytestmark = pytest.mark.usefixtures("one_thread")


def test_a_flipped_bit_anywhere_is_seen(tmp_path):
    path = tmp_path / "run.pt"
    write_checkpoint(path, {"weights": torch.arange(30.0), "curves": {"loss": [1.0]}})
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    for place in [0, 40, len(whole) - 1, *rng.integers(0, len(whole), 50)]:
        damaged = bytearray(whole)
        damaged[place] ^= 1 << int(rng.integers(8))
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match=r"run\.pt: expected a checkpoint"):
            read_checkpoint(path)
    for content in (b"", whole[:-1], whole[:70], whole + b"\0", b"nonsense"):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"run\.pt: expected a checkpoint"):
            read_checkpoint(path)


def test_the_last_good_checkpoint_is_taken_and_damaged_ones_are_put_aside(tmp_path):
    path = tmp_path / "run.pt"
    assert last_checkpoint(path) is None
    for epoch in (1, 2):
        write_checkpoint(path, {"epoch": epoch})
    assert last_checkpoint(path) == {"epoch": 2}
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.warns(UserWarning, match=r"run\.pt: expected a checkpoint .* run\.pt\.damaged"):
        assert last_checkpoint(path) == {"epoch": 1}
    path.with_suffix(".previous").write_bytes(b"")
    with pytest.warns(UserWarning, match=r"run\.previous: expected a checkpoint"):
        assert last_checkpoint(path) is None
    assert sorted(os.listdir(tmp_path)) == ["run.previous.damaged", "run.pt.damaged"]


@pytest.fixture(scope="module")
def whole():
    """The weights of a training that nothing disturbs, and its config."""
    config = dataclasses.replace(CONFIG, precision="float32")
    return weights(train(config, crops(), SCHEME).model), config


@pytest.mark.parametrize("both", [False, True])
def test_training_with_damaged_checkpoints_ends_in_the_same_weights(
    tmp_path, both, monkeypatch, whole
):
    monkeypatch.setattr(checkpoints, "EVERY", 0)
    expected, config = whole
    path = tmp_path / "run.pt"
    answers = iter([False, True])
    with pytest.raises(StoppedError, match="after epoch 2"):
        train(config, crops(), SCHEME, checkpoint=path, stop=lambda: next(answers))
    for file in (path, path.with_suffix(".previous"))[: 1 + both]:
        content = bytearray(file.read_bytes())
        content[len(content) // 2] ^= 16
        file.write_bytes(content)
    epochs = []
    with pytest.warns(UserWarning, match="is now run"):
        found = train(
            config, crops(), SCHEME, checkpoint=path, report=lambda epoch, _: epochs.append(epoch)
        )
    assert epochs == ([1, 2, 3, 4] if both else [2, 3, 4])
    assert torch.equal(weights(found.model), expected)


def test_a_full_disk_is_one_sentence_and_leaves_what_was_there(tmp_path, file_limit):
    path = tmp_path / "run.pt"
    write_checkpoint(path, {"epoch": 1})
    file_limit(100_000)
    with pytest.raises(OSError, match=rf"{path}: cannot be written: File too large"):
        write_checkpoint(path, {"weights": torch.zeros(100_000)})
    file_limit(-1)
    assert os.listdir(tmp_path) == ["run.pt"] and last_checkpoint(path) == {"epoch": 1}


def test_checkpoints_are_written_by_time_and_the_last_one_in_any_case(tmp_path, monkeypatch):
    path = tmp_path / "run.pt"
    monkeypatch.setattr(checkpoints, "EVERY", 180)
    now = iter([0.0, 100.0, 181.0, 181.0, 200.0, 200.0])
    monkeypatch.setattr(checkpoints.time, "monotonic", lambda: next(now))
    with checkpoints.Checkpoints(path) as written:
        written.offer(lambda: {"epoch": 1})
        written.offer(lambda: {"epoch": 2})
        written.offer(lambda: {"epoch": 3}, now=True)
    assert read_checkpoint(path) == {"epoch": 3}
    assert read_checkpoint(path.with_suffix(".previous")) == {"epoch": 2}


def test_a_checkpoint_that_cannot_be_written_stops_the_training(tmp_path):
    blocked = tmp_path / "file"
    blocked.touch()
    named = pytest.raises(OSError, match=r"run\.pt: cannot be written: ")
    with named, checkpoints.Checkpoints(blocked / "run.pt") as written:
        written.offer(lambda: {"epoch": 1}, now=True)
