import json

import numpy as np
import pytest
import torch
from PIL import Image

from starlib.__main__ import main
from starlib.data import DataError, load_dataset
from starlib.data.crops import view_boxes
from starlib.data.released import metadata_boxes, released_crop
from starlib.inference.detector import load_detector
from starlib.runs.run import run
from starlib.schemes import SCHEMES
from tests.conftest import SMALL_RUN, write_pts
from tests.released import released_parts, small


def test_released_crop_puts_the_square_on_the_whole_crop_and_is_black_outside():
    ramp = np.tile(np.arange(100, dtype=np.uint8) * 2, (100, 1))
    image = Image.fromarray(np.stack((ramp, ramp.T, ramp * 0 + 255), -1))
    found = released_crop(image, np.array([20.0, 10.0, 64.0]), 256).astype(float)
    centres = (np.arange(256) + 0.5) / 4  # of the crop's pixels, in the square's
    # Pixel j of the ramp has its centre at j + 0.5 and the value 2 j.
    assert np.abs(found[0, 128] - 2 * (20 + centres - 0.5)).max() <= 1
    assert np.abs(found[1, :, 128] - 2 * (10 + centres - 0.5)).max() <= 1
    outside = released_crop(image, np.array([-50.0, 0.0, 100.0]), 64)
    assert (outside[2, :, :30] == 0).all() and (outside[2, 1:-1, 34:] == 255).all()


def test_released_box_is_the_rule_of_the_authors():
    box = np.array([[[10.0, 20.0], [50.0, 100.0]]])  # 40 wide, 80 high
    np.testing.assert_allclose(view_boxes(box, "released"), [[30 - 21, 60 - 21, 42]])


def test_own_weights_agree_with_the_record_of_their_run(tiny_300w, tmp_path, called, capsys):
    record = run(SMALL_RUN, results=tmp_path / "results", data_root=tiny_300w)
    weights = tmp_path / "results" / "weights" / f"{record.name}.pt"
    out = tmp_path / "table.json"
    options = ["--dataset", "300w", "--data-root", str(tiny_300w), "--out", str(out)]
    printed = called("evaluate", "--weights", str(weights), *options, "--batch-size", "1")
    found = json.loads(out.read_text())
    (tmp_path / "photo.jpg").write_bytes(b"a photo")
    for wrong in (str(tmp_path / "photo.jpg"), str(tmp_path), str(tmp_path / "none/a.json")):
        assert main(["evaluate", "--weights", str(weights), *options, "--out", wrong]) == 2
        assert "--out: expected a .json file in a folder" in capsys.readouterr().err
    assert (tmp_path / "photo.jpg").read_bytes() == b"a photo"
    for name, value in record.metrics["common"].items():
        assert found["metrics"]["common"][name] == pytest.approx(value, rel=1e-4), name
    assert "300w test: 2 faces of 689, partial" in printed
    row = next(line.split() for line in printed.splitlines() if line.startswith("common"))
    assert row[1] == "2"
    assert float(row[2]) == pytest.approx(100 * record.metrics["common"]["nme"], abs=0.02)


def test_released_weights_are_fed_bgr_and_answer_in_pixels_of_the_image(released_file):
    model, detector = small(stacks=1), load_detector(released_file, "300w")
    image = Image.fromarray(np.random.default_rng(1).integers(0, 256, (90, 100, 3), dtype=np.uint8))
    box = np.array([12.0, -4.0, 70.0])
    landmarks, covariance = detector.detect(detector.cut(image, box)[None], box[None])
    pixels = released_crop(image, box, 256)[::-1].copy()
    with torch.no_grad():
        [*_, output] = model(torch.from_numpy(pixels)[None].float() / 127.5 - 1)
    expected = (output.landmarks[0].numpy() + 1) * 35 + (12, -4)
    np.testing.assert_allclose(landmarks[0], expected, atol=1e-3)
    weight = output.heatmaps[0, 5].double() / output.heatmaps[0, 5].double().sum()
    x = torch.linspace(-1, 1, 64).double() * 35 + 12 + 35
    mean = (weight.sum(0) * x).sum()
    variance = (weight.sum(0) * (x - mean) ** 2).sum() / (1 - (weight**2).sum())
    assert covariance[0, 5, 0, 0] == pytest.approx(float(variance), rel=1e-3)


def test_evaluation_reports_every_subset_and_averaged_weights_differ(
    tiny_300w, released_file, tmp_path, called
):
    face = tiny_300w / "300w" / "ibug" / "7"
    face.parent.mkdir()
    Image.new("RGB", (100, 90)).save(face.with_suffix(".png"))
    write_pts(face.with_suffix(".pts"), np.random.default_rng(2).uniform(20, 70, (68, 2)))
    tables = []
    for extra in ([], ["--ema"]):
        options = ["--dataset", "300w", "--data-root", str(tiny_300w), *extra]
        tables.append(called("evaluate", "--weights", str(released_file), *options))
        rows = [line.split() for line in tables[-1].splitlines()[2:]]
        assert [row[:2] for row in rows] == [["common", "2"], ["challenge", "1"], ["full", "3"]]
    assert tables[0] != tables[1]


def test_weights_for_other_points_are_an_error_before_an_image_is_read(
    tiny_300w, tmp_path, monkeypatch, capsys
):
    torch.save(released_parts(small("wflw")), tmp_path / "w.pkl")
    monkeypatch.setattr("starlib.commands.evaluate.load_dataset", None)  # a call would fail
    options = ["--dataset", "300w", "--data-root", str(tiny_300w)]
    assert main(["evaluate", "--weights", str(tmp_path / "w.pkl"), *options]) == 2
    assert "w.pkl: expected the 68 points of scheme 300w, found 98" in capsys.readouterr().err


def test_boxes_of_the_authors_table_are_found_by_landmarks(tiny_300w, tmp_path):
    faces = load_dataset("300w", "test", tiny_300w)
    lines = ["image\tfive\tpoints\tscale\tx\ty"]
    for name, points, (x, y) in zip(
        faces.names, faces.landmarks, ((40, 50), (30, 20)), strict=True
    ):
        numbers = ",".join(f"{value - 0.5:.3f}" for value in points.ravel())  # pixel indices
        lines.append(f"./rawImages/{name}\t0,0\t{numbers}\t0.4\t{x}\t{y}")
    path = tmp_path / "test.tsv"
    path.write_text("\n".join([lines[0], *lines[:0:-1]]))  # in another order
    boxes = metadata_boxes(path, faces.landmarks)
    np.testing.assert_allclose(boxes, [[0.5, 10.5, 80], [-9.5, -19.5, 80]], atol=0.01)
    path.write_text(lines[1])
    with pytest.raises(DataError, match=r"expected a line for every face, 1 have none: \[1\]"):
        metadata_boxes(path, faces.landmarks)
    for scale in ("large", "0", "-0.4", "nan"):
        path.write_text(lines[1].replace("\t0.4", f"\t{scale}"))
        with pytest.raises(DataError, match=r"test.tsv, line 1: expected an image, five points"):
            metadata_boxes(path, faces.landmarks)


def test_files_of_weights_are_told_apart_by_what_they_hold(run_file, released_file, tmp_path):
    renamed = tmp_path / "run.pkl"
    renamed.write_bytes(run_file.read_bytes())
    assert not load_detector(renamed).released
    found = load_detector(released_file)  # the scheme from the number of points
    assert found.released and found.scheme == SCHEMES["300w"]
    torch.save({"run": {}, "model": {}}, tmp_path / "checkpoint.pt")
    with pytest.raises(ValueError, match="checkpoint.pt: expected weights of a run .* found run"):
        load_detector(tmp_path / "checkpoint.pt")
    with pytest.raises(ValueError, match="98 points of scheme wflw, they are for 68"):
        load_detector(run_file, "wflw")
    with pytest.raises(ValueError, match="--ema is for released weights"):
        load_detector(run_file, ema=True)
    with pytest.raises(ValueError, match="device: expected one available on this machine"):
        load_detector(run_file, device="abacus")
    parts = torch.load(run_file)
    torch.save(parts | {"config": parts["config"] | {"width": 16}}, run_file)
    with pytest.raises(ValueError, match="run.pt: expected the weights of a run"):
        load_detector(run_file)
