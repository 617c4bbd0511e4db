"""300-W's test sets by the names of its folders."""

import numpy as np
import pytest

from starlib.data import load_dataset, w300
from tests.conftest import save_picture, write_pts


def add_face(root, name):
    path = root / "300w" / name
    save_picture(path.with_suffix(".png"))
    write_pts(path.with_suffix(".pts"), np.random.default_rng(1).uniform(20, 70, (68, 2)))


@pytest.fixture
def whole(tiny_300w):
    """Two common faces, one of the challenge subset, three of the private test set."""
    for name in (
        "ibug/7",
        "01_Indoor/indoor_001",
        "01_Indoor/indoor_002",
        "02_Outdoor/outdoor_001",
    ):
        add_face(tiny_300w, name)
    return tiny_300w


def test_challenge_folders_are_the_private_test_set_and_no_part_of_the_full_one(whole):
    test = load_dataset("300w", "test", whole)
    private = test.subsets["private"]
    names = [name for name, inside in zip(test.names, private, strict=True) if inside]
    assert names == [
        "01_Indoor/indoor_001.png", "01_Indoor/indoor_002.png", "02_Outdoor/outdoor_001.png",
    ]  # fmt: skip
    assert {name: int(mask.sum()) for name, mask in test.subsets.items()} == {
        "common": 2, "challenge": 1, "private": 3, "full": 3,
    }  # fmt: skip
    assert not (test.subsets["full"] & private).any()
    assert (test.official, test.partial) == (689 + 600, True)


def test_private_faces_alone_make_no_full_test_set(tmp_path):
    add_face(tmp_path, "02_Outdoor/outdoor_001")
    assert set(load_dataset("300w", "test", tmp_path).subsets) == {"private"}


def test_data_check_says_when_a_folder_has_more_than_the_official_number(
    whole, monkeypatch, called
):
    monkeypatch.setitem(w300.FOLDERS, "01_Indoor", ("test", "private", 1))
    message = called("data", "check", "300w", "--data-root", str(whole))
    assert "01_Indoor             2 of      1 faces  1 more than the official number" in message
    assert "02_Outdoor            1 of    300 faces  partial" in message
    assert "private               3 of    301 faces  partial" in message


def test_hidden_files_and_copies_are_no_faces_and_repeated_ones_are_named(tiny_300w, called):
    folder = tiny_300w / "300w/helen/testset"
    whole = len(load_dataset("300w", "test", tiny_300w))
    add_face(tiny_300w, "helen/testset/x")
    for end in ("png", "pts"):
        content = (folder / f"x.{end}").read_bytes()
        for name in ("x_mirror", "x (1)", "same"):
            (folder / f"{name}.{end}").write_bytes(content)
        (folder / f"._x.{end}").write_bytes(b"Mac")
    assert len(load_dataset("300w", "test", tiny_300w)) == whole + 2
    shown = called("data", "check", "300w", "--data-root", str(tiny_300w))
    assert "2 copies are left out: x (1).png, x_mirror.png" in shown
    assert "helen/testset/same.png = helen/testset/x.png" in shown
