import pickle
import re

import pytest
import torch

import starlib
from starlib.inference.detector import load_detector
from starlib.models.weights import read_tensors
from starlib.schemes import SCHEMES
from tests.conftest import Trap
from tests.released import released_names, released_parts, small


def same_outputs(one, two):
    images = torch.rand(2, 3, 32, 32) * 2 - 1
    with torch.no_grad():
        for a, b in zip(one(images), two(images), strict=True):
            assert torch.equal(a.landmarks, b.landmarks) and torch.equal(a.heatmaps, b.heatmaps)


@pytest.mark.parametrize(
    ("scheme", "aam"),
    [(name, aam) for name in SCHEMES for aam in (True, False) if SCHEMES[name].edges or not aam],
)
def test_heads_of_every_scheme_are_read_with_and_without_aam(scheme, aam, tmp_path):
    model = small(scheme, aam)
    torch.save(released_parts(model), tmp_path / "weights.pkl")
    read = starlib.load_released(tmp_path / "weights.pkl", scheme)
    assert not read.training and read.grid == "corners"
    same_outputs(model, read)


def test_raw_and_averaged_weights_are_told_apart(tmp_path):
    raw, averaged = small(seed=1), small(seed=2)
    path = tmp_path / "weights.pkl"
    torch.save(released_parts(raw, averaged), path)
    same_outputs(raw, starlib.load_released(str(path), SCHEMES["300w"]))
    same_outputs(averaged, starlib.load_released(path, "300w", ema=True))
    with pytest.raises(ValueError, match="expected the weights 'net_ema', found net, optimizer"):
        starlib.load_released(released_parts(raw), "300w", ema=True)


@pytest.mark.parametrize("stacks", [1, 3])
def test_tensors_alone_are_read_and_the_prefix_of_several_devices_is_dropped(stacks):
    model = small(stacks=stacks)
    tensors = {f"module.{name}": value for name, value in released_names(model).items()}
    same_outputs(model, starlib.load_released(tensors, "300w"))


def test_edges_in_another_order_are_brought_into_the_order_of_the_scheme():
    model, scheme = small(), SCHEMES["300w"]
    tensors, order = released_names(model), torch.arange(len(scheme.edges)).flip(0)
    for name, value in tensors.items():
        if name.startswith("out_edgemaps"):
            tensors[name] = value[order]
        if name == "e2h_transform.weight" or re.match(r"merge_edgemaps.*weight", name):
            tensors[name] = value[:, order]
    images = torch.rand(1, 3, 32, 32)
    with torch.no_grad():
        expected, found = model(images), starlib.load_released(tensors, "300w")(images)
    torch.testing.assert_close(found[-1].landmarks, expected[-1].landmarks)


def test_weights_of_another_scheme_are_an_error(tmp_path):
    path = tmp_path / "w.pkl"
    torch.save(released_parts(small("wflw")), path)
    with pytest.raises(ValueError, match="w.pkl: expected the 68 points of scheme 300w, found 98"):
        starlib.load_released(path, "300w")
    tensors = released_names(small("wflw"))
    tensors["e2h_transform.weight"][96, 5] = 1  # a pupil on the eye's edge
    tensors["e2h_transform.bias"][96] = 0
    with pytest.raises(ValueError, match="the file belongs to another scheme"):
        starlib.load_released(tensors, "wflw")


def test_missing_unknown_and_misshapen_tensors_are_named():
    whole = released_names(small())
    without = {n: v for n, v in whole.items() if n != "hgs.0.up1.bn2.bias"}
    with pytest.raises(ValueError, match=r"Missing key.* \"stacks\.0\.hourglass\.up\.bn2\.bias\""):
        starlib.load_released(without, "300w")
    with pytest.raises(ValueError, match='Unexpected key.* "another.weight"'):
        starlib.load_released(whole | {"another.weight": torch.zeros(1)}, "300w")
    with pytest.raises(ValueError, match=r"size mismatch for stem_conv.bias"):
        starlib.load_released(whole | {"pre.0.conv.bias": torch.zeros(7)}, "300w")
    with pytest.raises(ValueError, match="expected released weights"):
        starlib.load_released({"net": {"a": torch.zeros(1)}}, "300w")
    with pytest.raises(ValueError, match="expected tensors by name"):
        starlib.load_released({"net": {"a": 1}}, "300w")


@pytest.mark.parametrize("protocol", [None, 0, 2, 4])
def test_a_pickle_that_would_run_code_is_refused_and_the_code_does_not_run(protocol, tmp_path):
    path, sprung = tmp_path / "w.pkl", tmp_path / "sprung"
    parts = released_parts(small()) | {"epoch": Trap(sprung)}
    if protocol is None:
        torch.save(parts, path)
    else:
        path.write_bytes(pickle.dumps({"net": {}, "epoch": Trap(sprung)}, protocol))
    message = "w.pkl: expected a checkpoint of tensors only; "
    if protocol is None:  # torch.save's own form
        message += r"it would run code when read \(.*mkdir"
    for read in (lambda: starlib.load_released(path, "300w"), lambda: load_detector(path)):
        with pytest.raises(ValueError, match=message):
            read()
    assert not sprung.exists()
    torch.load(path, weights_only=False) if protocol is None else pickle.loads(path.read_bytes())
    assert sprung.exists()  # the trap was a real one


def test_what_is_no_checkpoint_is_named(tmp_path):
    path = tmp_path / "w.pkl"
    with pytest.raises(ValueError, match="w.pkl: expected a file of weights, there is none"):
        read_tensors(path)
    torch.save(released_parts(small()), path)
    whole = path.read_bytes()
    for content in (b"", b"hello there\n", b"<html>not found</html>", whole[: len(whole) // 2]):
        path.write_bytes(content)
        with pytest.raises(ValueError, match="w.pkl: expected a checkpoint .*; it is none"):
            read_tensors(path)
