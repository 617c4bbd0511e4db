import json
import re

import numpy as np
import pytest
import torch
from PIL import Image

from starlib.__main__ import main
from starlib.config import RunConfig
from starlib.data import DataError, load_dataset
from starlib.data.released import metadata_boxes, released_boxes, released_crop
from starlib.detector import detect_faces, load_detector
from starlib.drawing import draw_face, ellipse, reduction
from starlib.runs import run
from starlib.schemes import SCHEMES
from starlib.train import build_model
from tests.conftest import write_pts
from tests.released import released_parts
from tests.test_official import small

CONFIG = RunConfig.at("smoke", "300w", image_size=32, width=8, depth=2, epochs=1, batch_size=2)


@pytest.fixture
def released_file(tmp_path):
    path = tmp_path / "authors.pkl"
    torch.save(released_parts(small("300w"), small("300w", seed=1)), path)
    return path


@pytest.fixture
def run_file(tmp_path):
    """Weights as a run writes them, not trained."""
    model, scheme = build_model(CONFIG, SCHEMES["300w"]), SCHEMES["300w"]
    parts = {"config": CONFIG.to_dict(), "scheme": scheme.to_dict()}
    path = tmp_path / "run.pt"
    torch.save(parts | {"weights": model.state_dict()}, path)
    return path


@pytest.fixture
def photo(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (60, 80, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


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
    np.testing.assert_allclose(released_boxes(box), [[30 - 21, 60 - 21, 42]])


def test_own_weights_agree_with_the_record_of_their_run(tiny_300w, tmp_path, capsys):
    record = run(CONFIG, results=tmp_path / "results", data_root=tiny_300w)
    weights = tmp_path / "results" / "weights" / f"{CONFIG.hash}.pt"
    out = tmp_path / "table.json"
    options = ["--dataset", "300w", "--data-root", str(tiny_300w), "--out", str(out)]
    assert main(["evaluate", "--weights", str(weights), *options, "--batch-size", "1"]) == 0
    found = json.loads(out.read_text())
    for name, value in record.metrics["common"].items():
        assert found["metrics"]["common"][name] == pytest.approx(value, rel=1e-4), name
    printed = capsys.readouterr().out
    assert "300w test: 2 faces of 689, partial" in printed
    row = next(line.split() for line in printed.splitlines() if line.startswith("common"))
    assert row[1] == "2"
    assert float(row[2]) == pytest.approx(100 * record.metrics["common"]["nme"], abs=0.02)


def test_released_weights_are_fed_bgr_and_answer_in_pixels_of_the_image(released_file):
    model, detector = small("300w"), load_detector(released_file, "300w")
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
    tiny_300w, released_file, tmp_path, capsys
):
    face = tiny_300w / "300w" / "ibug" / "7"
    face.parent.mkdir()
    Image.new("RGB", (100, 90)).save(face.with_suffix(".png"))
    write_pts(face.with_suffix(".pts"), np.random.default_rng(2).uniform(20, 70, (68, 2)))
    tables = []
    for extra in ([], ["--ema"]):
        options = ["--dataset", "300w", "--data-root", str(tiny_300w), *extra]
        assert main(["evaluate", "--weights", str(released_file), *options]) == 0
        tables.append(capsys.readouterr().out)
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
    path.write_text(lines[1].replace("\t0.4", "\tlarge"))
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
    with pytest.raises(ValueError, match="device: expected one that is here"):
        load_detector(run_file, device="abacus")
    parts = torch.load(run_file)
    torch.save(parts | {"config": parts["config"] | {"width": 16}}, run_file)
    with pytest.raises(ValueError, match="run.pt: expected the weights of a run"):
        load_detector(run_file)


def test_a_photo_gets_landmarks_covariances_and_a_picture(run_file, photo, tmp_path):
    out = tmp_path / "deep" / "out"
    assert main(["predict", str(photo), "--weights", str(run_file), "--out", str(out)]) == 0
    found = json.loads((out / "photo.json").read_text())
    assert np.shape(found["landmarks"]) == (68, 2) and np.shape(found["covariance"]) == (68, 2, 2)
    assert (np.linalg.eigvalsh(found["covariance"]) > 0).all()
    assert found["box"] == {"left": 0.0, "top": -10.0, "side": 80.0}  # nothing of it is lost
    assert found["scheme"] == "300w" and found["weights"] == "run.pt" and "pixels" in str(found)
    with Image.open(out / "photo.png") as drawn:
        assert drawn.size == (900, 675)
    assert sorted(path.name for path in out.iterdir()) == ["photo.json", "photo.png"]


def test_a_box_says_where_the_face_is(run_file, tiny_300w, photo, tmp_path):
    """The same crop as evaluation cuts around the landmarks."""
    faces = load_dataset("300w", "test", tiny_300w)
    detector = load_detector(run_file)
    expected = detect_faces(detector, faces)[0]
    corners = [*faces.landmarks[0].min(0), *faces.landmarks[0].max(0)]
    image = tiny_300w / "300w" / faces.names[0]
    options = ["--weights", str(run_file), "--out", str(tmp_path), "--box", *map(str, corners)]
    assert main(["predict", str(image), *options]) == 0
    found = json.loads((tmp_path / f"{image.stem}.json").read_text())
    np.testing.assert_allclose(found["landmarks"], expected, atol=0.02)


def test_a_photo_that_lies_on_its_side_is_turned_upright(run_file, photo, tmp_path):
    with Image.open(photo) as upright:
        sideways = upright.transpose(Image.Transpose.ROTATE_90)
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90° clockwise to see it upright
    sideways.save(tmp_path / "sideways.png", exif=exif)
    options = ["--weights", str(run_file), "--out", str(tmp_path / "out")]
    assert main(["predict", str(photo), str(tmp_path / "sideways.png"), *options]) == 0
    one, two = (
        json.loads((tmp_path / "out" / f"{n}.json").read_text()) for n in ("photo", "sideways")
    )
    assert (two["width"], two["height"]) == (80, 60)
    np.testing.assert_allclose(one["landmarks"], two["landmarks"], atol=1e-3)


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        (["--box", "30", "5", "20", "40"], "--box: expected LEFT < RIGHT and TOP < BOTTOM"),
        (["--box", "0", "0", "nan", "40"], "--box: expected LEFT < RIGHT and TOP < BOTTOM"),
        (["--box", "100", "5", "120", "40"], "--box: expected it inside .*photo.png of 80 x 60"),
        (["nothing.jpg"], "photos: expected image files, missing are nothing.jpg"),
        (["{folder}/photo.png"], "photos: expected different names, twice there is photo"),
        (["{folder}/text.jpg"], "text.jpg: expected a readable image"),
        (["--out", "{folder}"], "photo.png would be overwritten"),
        (["--out", "{folder}/text.jpg"], "--out: expected a folder, .* is a file"),
        (["--scheme", "cats"], "scheme: expected one of"),
    ],
)
def test_mistakes_are_named_and_leave_nothing(extra, message, run_file, photo, tmp_path, capsys):
    (tmp_path / "text.jpg").write_text("no image")
    before = photo.read_bytes()
    extra = [word.format(folder=tmp_path) for word in extra]
    paths = [word for word in extra if word.endswith((".jpg", ".png")) and "--out" not in extra]
    options = [word for word in extra if word not in paths]
    out = [] if "--out" in options else ["--out", str(tmp_path / "out")]
    given = ["predict", *paths[::-1], str(photo), "--weights", str(run_file), *out, *options]
    assert main(given) == 2
    assert re.search(message, capsys.readouterr().err)
    assert photo.read_bytes() == before and not (tmp_path / "out").exists()


def test_drawing_shows_points_and_the_ellipse_of_one_standard_deviation():
    matrix = np.array([[9.0, 4.0], [4.0, 4.0]])
    apart = ellipse(np.array([5.0, 7.0]), matrix) - (5, 7)
    distance = np.einsum("ki,ij,kj->k", apart, np.linalg.inv(matrix), apart)
    np.testing.assert_allclose(distance, 1)
    image, points = Image.new("RGB", (1000, 900)), np.full((68, 2), 500.0)
    matrix = np.diag([9.0, 4.0])
    wide = np.tile(matrix * 100, (68, 1, 1))
    drawn = np.asarray(draw_face(image, points, wide, SCHEMES["300w"], 1000))
    assert drawn.shape == (900, 1000, 3)
    assert drawn[500, 500].min() > 200  # the points
    assert drawn[500, 530, 0] > 50 or drawn[500, 529, 0] > 50  # the ellipse, 30 pixels away
    assert drawn[500, 560].max() == 0
    small = np.asarray(draw_face(image, points, wide * 16, SCHEMES["300w"], 1000))
    assert reduction(wide * 16, 1000) == 0.25 and reduction(wide, 1000) == 1
    assert (small[450:550] == drawn[450:550]).all()  # only the caption differs
    assert (small[850:] != drawn[850:]).any()


def test_export_agrees_with_pytorch_for_any_batch_and_takes_rgb(tmp_path, capsys, monkeypatch):
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    from starlib.commands import export

    model = small("300w", stacks=1)
    torch.save(released_parts(model), tmp_path / "w.pkl")
    out = tmp_path / "model.onnx"
    given = ["export", "--weights", str(tmp_path / "w.pkl"), "--out", str(out)]
    assert main(given) == 0
    assert "largest difference from PyTorch" in capsys.readouterr().out
    session = onnxruntime.InferenceSession(str(out), providers=["CPUExecutionProvider"])
    images = torch.rand(2, 3, 256, 256) * 2 - 1
    landmarks, covariance, heatmaps = session.run(None, {"images": images.numpy()})
    with torch.no_grad():
        expected = model(images.flip(1))[-1]
    np.testing.assert_allclose(landmarks, expected.landmarks, atol=1e-4)
    np.testing.assert_allclose(heatmaps, expected.heatmaps, atol=1e-3)
    assert covariance.shape == (2, 68, 2, 2)
    about = session.get_modelmeta().custom_metadata_map
    assert json.loads(about["starlib.scheme"])["name"] == "300w"
    assert about["starlib.image_size"] == "256" and "RGB" in about["starlib.images"]

    out.unlink()
    monkeypatch.setattr(export, "_onnx_program", lambda _: _Saved())
    monkeypatch.setattr(export, "_difference", lambda *_: 2e-4)
    assert main(given) == 2
    assert "they differ by 0.0002" in capsys.readouterr().err
    assert not out.exists() and not list(tmp_path.glob("partial-*"))
    assert main([*given[:-1], str(tmp_path / "nowhere" / "m.onnx")]) == 2
    assert "--out: expected an .onnx file in a folder" in capsys.readouterr().err


class _Saved:
    """Stands for an exported program."""

    def __init__(self):
        self.model = self
        self.metadata_props = {}

    def save(self, path, external_data):
        path.write_text("onnx")
