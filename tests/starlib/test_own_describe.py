"""A description proposed from a list, and `starlib.predict`."""

import itertools

import numpy as np
import pytest
import yaml

import starlib
from starlib.__main__ import main
from starlib.data.own.describe import curves, mirror_pairs
from starlib.data.own.schemes import scheme_of
from starlib.data.own.shapes import mean_shape
from starlib.inference import faces as inference
from starlib.schemes import SCHEMES
from tests.conftest import noise
from tests.own import write_rows, write_symmetric


def test_a_description_is_proposed_that_reads_the_list(cats, called, capsys):
    folder, _ = cats
    write_symmetric(folder)
    assert main(["data", "describe", str(folder / "train.csv")]) == 0
    assert f"written to {folder / 'train.yml'}" in capsys.readouterr().out
    values = yaml.safe_load((folder / "train.yml").read_text())
    assert (values["train"], values["test"]) == ("train.csv", "test.csv")
    scheme = scheme_of(str(folder / "train.yml"))
    assert scheme.flip == (2, 1, 0, 5, 4, 3, 6, 7, 8)
    assert scheme.normaliser in (((0,), (2,)), ((3,), (5,)))
    assert main(["data", "check", str(folder / "train.yml")]) == 0
    assert "not overwritten" in called("data", "describe", str(folder / "train.csv"), code=2)


def test_names_are_kept_in_a_proposed_description(cats):
    folder, points = cats
    header = ["image", *(f"{name}_{axis}" for name in "abcdefghi" for axis in "xy")]
    write_rows(
        folder / "train.csv", [header, *([f"cat {i}.png", *points[i].ravel()] for i in (0, 1))]
    )
    assert main(["data", "describe", str(folder / "train.csv")]) == 0
    values = yaml.safe_load((folder / "train.yml").read_text())
    assert values["names"] == list("abcdefghi") and values["flip"] == "none"


@pytest.mark.parametrize("name", ["2024-05-01", "2024", "no", "faces #2", "it's"])
def test_a_proposed_description_reads_its_list_whatever_the_name(cats, name):
    (cats[0] / "train.csv").rename(cats[0] / f"{name}.csv")
    assert main(["data", "describe", str(cats[0] / f"{name}.csv")]) == 0
    values = yaml.safe_load((cats[0] / f"{name}.yml").read_text())
    assert values["train"] == f"{name}.csv" and isinstance(values["name"], str)
    assert main(["data", "check", str(cats[0] / f"{name}.yml")]) == 0


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ([5] * 18, "train.csv, row 1: expected labelled points in two places"),
        ([5, 6], "train.csv: expected two points or more, found 1"),
    ],
)
def test_what_cannot_be_described_is_named(cats, called, cells, message):
    write_rows(cats[0] / "train.csv", [["cat 0.png", *cells], ["cat 1.png", *cells]])
    shown = called("data", "describe", str(cats[0] / "train.csv"), code=2)
    assert message in shown and "Warning" not in shown


def test_a_list_in_place_of_its_description_is_told_apart(cats, called, capsys):
    assert main(["data", "check", str(cats[0] / "train.csv")]) == 2
    assert "train.csv` writes one for it" in capsys.readouterr().err
    assert "did you mean wflw?" in called("data", "check", "wlfw", code=2)


@pytest.mark.parametrize("name", ["300w", "wflw", "scut-fbp5500"])
def test_mirror_pairs_of_known_schemes_are_found(name, real_data):
    faces = starlib.load_dataset(name, "test", real_data)
    pairs = mirror_pairs(mean_shape(faces.landmarks).mean)
    assert pairs == sorted(
        {tuple(sorted(p)) for p in enumerate(SCHEMES[name].flip) if p[0] != p[1]}
    )


def test_a_shape_without_mirror_images_has_no_pairs():
    assert mirror_pairs(np.array([0, 1, 2 + 1j, 3 + 3j, 1 + 4j]) - (1.2 + 1.6j)) == []


def test_curves_end_where_a_step_is_long():
    ring = 0.2 * np.exp(2j * np.pi * np.arange(6) / 6)
    line = np.linspace(-1, 1, 7) + 1j
    found = curves(np.concatenate((ring, line)))
    assert [(list(curve), closed) for curve, closed in found] == [
        (list(range(6)), True),
        (list(range(6, 13)), False),
    ]


def test_predict_gives_the_faces_of_a_picture(run_file, tmp_path, monkeypatch):
    image = noise()
    image.save(tmp_path / "a.png")
    boxes = np.array([[10.0, 5, 50, 45], [45, 20, 75, 50]]), np.array([0.9, 0.8])
    monkeypatch.setattr(inference, "face_boxes", lambda *_: boxes)
    found = starlib.predict(image, weights=run_file)
    assert [face.confidence for face in found] == [0.9, 0.8]
    for other in (np.asarray(image), tmp_path / "a.png", str(tmp_path / "a.png")):
        for one, two in itertools.zip_longest(found, starlib.predict(other, weights=run_file)):
            np.testing.assert_array_equal(one.landmarks, two.landmarks)
    [given] = starlib.predict(image, weights=run_file, faces=[[10, 5, 50, 45]])
    close = {"atol": 0.1}  # pixels, of an untrained network
    np.testing.assert_allclose(given.landmarks, found[0].landmarks, **close)
    assert given.confidence is None and given.landmarks.shape == (68, 2)
    assert starlib.predict(image, weights=run_file, faces=[]) == []


def test_a_file_that_is_no_list_is_not_described(tmp_path, capsys):
    (tmp_path / "faces.txt").write_text("a.png 1 2")
    assert main(["data", "describe", str(tmp_path / "faces.txt")]) == 2
    assert "expected .csv, .tsv, .json, .xml or a folder" in capsys.readouterr().err
