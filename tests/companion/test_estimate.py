"""Time of a training step from counted operations."""

import dataclasses
import json

import pytest
import torch
import torch.nn.functional as F

from companion.__main__ import main
from companion.bench.summary import PARTS
from companion.experiments import estimate
from companion.experiments.estimate import _Count, gpu_minutes, operations, seconds, step
from starlib.training.config import RunConfig

SMALL = RunConfig("300w", image_size=32, stacks=1, width=8, depth=1, epochs=2, batch_size=4)


def test_a_convolution_counts_its_products_and_its_bytes_and_a_view_nothing():
    image, weight = torch.empty(2, 3, 8, 8, device="meta"), torch.empty(5, 3, 3, 3, device="meta")
    with _Count() as counted:
        F.conv2d(image, weight, padding=1).view(-1)
    [(flops, size)] = counted.operations
    assert flops == 2 * (2 * 5 * 8 * 8) * (3 * 3 * 3)  # a product and a sum each
    assert size == 4 * (image.numel() + weight.numel() + 2 * 5 * 8 * 8)


def test_an_operation_takes_the_longest_of_arithmetic_memory_and_launch(monkeypatch):
    for name, value in {"FLOPS": 10.0, "BANDWIDTH": 100.0, "LAUNCH": 0.5}.items():
        monkeypatch.setattr(estimate, name, value)
    assert seconds(((20, 0), (0, 300), (1, 1))) == pytest.approx(2 + 3 + 0.5)


def test_the_network_of_the_paper_takes_35_gflop_a_picture():
    config = RunConfig.at("full", "wflw", aam=True, batch_size=2)
    assert operations(config, 1) / config.epochs / 3e9 == pytest.approx(34.7, rel=0.02)


def test_work_grows_with_faces_epochs_and_pixels_and_not_with_seed_or_loss():
    work = operations(SMALL, 10)
    assert operations(SMALL, 20) == 2 * work
    assert operations(dataclasses.replace(SMALL, epochs=4), 10) == 2 * work
    assert operations(dataclasses.replace(SMALL, seed=3, loss="awing"), 10) == work
    assert operations(dataclasses.replace(SMALL, image_size=64), 10) > 3.5 * work
    # All but the first layer's gradient by the picture, which nobody needs.
    assert 0.7 < sum(flops for flops, _ in step(SMALL)) / SMALL.batch_size / (work / 20) <= 1


def test_minutes_on_a_gpu_are_those_of_whole_batches():
    one = seconds(step(SMALL))
    assert gpu_minutes(SMALL, 11) * 60 == pytest.approx(2 * 2 * one)
    assert gpu_minutes(SMALL, 3) * 60 == pytest.approx(2 * 1 * one)


def test_hours_on_a_gpu_are_computed_or_follow_its_own_benchmark(tmp_path, capsys):
    times = {"step with star": {"median": 3 * seconds(step(SMALL))}}
    record = {part: {} for part in PARTS} | {
        "quick": False,
        "machine": {"device": "cuda", "device_name": "Own GPU"},
        "step": {"config": SMALL.to_dict(), "seconds": times},
    }
    asked = ["runs", "--experiment", "stability", "--device", "cuda", "--scale", "smoke"]
    asked += ["--results", str(tmp_path)]

    def hours():
        assert main(asked) == 0
        total = capsys.readouterr().out.splitlines()[-1]
        return total, float(total.split(" hours on an ")[0].split()[-1])

    total, bound = hours()
    assert "hours on an NVIDIA H200, computed and not measured" in total
    (tmp_path / "bench").mkdir()
    (tmp_path / "bench" / "own.json").write_text(json.dumps(record), encoding="utf-8")
    total, own = hours()
    assert "on an Own GPU, from its benchmark" in total
    assert own == pytest.approx(3 * bound, rel=0.2)
