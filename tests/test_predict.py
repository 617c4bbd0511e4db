import json
import re

import numpy as np
import pytest
import torch
from PIL import Image

from starlib.__main__ import main
from starlib.data import load_dataset
from starlib.inference.detector import detect_faces, load_detector
from starlib.inference.drawing import draw_face, ellipse, reduction
from starlib.schemes import SCHEMES
from tests.released import released_parts, small


@pytest.fixture
def photo(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (60, 80, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


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
