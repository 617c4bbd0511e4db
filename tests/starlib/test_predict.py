import json
import re

import numpy as np
import pytest
from PIL import Image

from starlib.__main__ import main
from starlib.data import load_dataset
from starlib.inference import faces as located
from starlib.inference.detector import load_detector
from starlib.inference.drawing import draw_faces, ellipse, reduction
from starlib.inference.faces import Face
from starlib.inference.locate import detect_faces
from starlib.schemes import SCHEMES
from tests.conftest import noise


@pytest.fixture
def photo(tmp_path):
    noise().save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


BOX = ["--box", "20", "10", "60", "50"]


def test_a_photo_gets_landmarks_covariances_and_a_picture(run_file, photo, tmp_path):
    out = tmp_path / "deep" / "out"
    options = ["--weights", str(run_file), "--out", str(out), "--passes", "1"]
    assert main(["predict", str(photo), *options, *BOX]) == 0
    found = json.loads((out / "photo.json").read_text())
    [face] = found["faces"]
    assert np.shape(face["landmarks"]) == (68, 2) and np.shape(face["covariance"]) == (68, 2, 2)
    assert (np.linalg.eigvalsh(face["covariance"]) > 0).all()
    assert face["face"] == [20, 10, 60, 50] and face["confidence"] is None
    assert face["box"] == {"left": 16.0, "top": 6.0, "side": 48.0}
    assert found["scheme"] == "300w" and found["weights"] == "run.pt"
    assert found["calibration"] is None and "not calibrated" in found["units"]["covariance"]
    assert "brows to chin" in found["units"]["face"]
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
    assert main(["predict", str(image), *options, "--passes", "1"]) == 0
    [found] = json.loads((tmp_path / f"{image.stem}.json").read_text())["faces"]
    np.testing.assert_allclose(found["landmarks"], expected, atol=0.02)


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        (["--box", "30", "5", "20", "40"], "--box: expected left < right and top < bottom"),
        (["--box", "0", "0", "nan", "40"], "--box: expected left < right and top < bottom"),
        (["--box", "0", "0", "12000", "12000"], "box: expected a face's, its crop has 18000 pix"),
        (["--box", "100", "5", "120", "40"], "--box: expected each inside the picture of 80 x 60"),
        ([""], "photos: expected image files, missing are ''"),
        (["nothing.jpg"], "photos: expected image files, missing are nothing.jpg"),
        (["{folder}/text.jpg"], "text.jpg: expected a readable image"),
        (["no*.jpg"], r"photos: expected image files, missing are no\*.jpg"),
        (["{folder}/empty"], "photos: expected pictures or videos in .*empty, there are none"),
        (
            ["--weights", "cats"],
            "expected 300w, synthface or a file of weights, got 'cats'",
        ),
        (["--passes", "0"], "--passes: expected an integer >= 1"),
        (["--every", "0"], "--every: expected an integer >= 1"),
        (["--conf", "2"], "--conf: expected a number from 0 to 1, got 2.0"),
        (["--conf", "nan"], "--conf: expected a number from 0 to 1, got nan"),
        (["--largest", *BOX], "--conf, --largest: not beside --box"),
        (["--format", "mp4"], "--format: mp4 draws videos, none is given"),
        (["--out", "{folder}/a.mp4"], "--out: a.mp4 is for one video and no other --format"),
        ([], "photo.png: expected a face, none was found in it; --box says where"),
        (["--out", "{folder}"], "photo.png would be overwritten"),
        (["--out", "{folder}/empty"], "photo.json is no record of predict and would be"),
        (["--out", "{folder}/text.jpg"], "--out: expected a folder, .* is a file"),
        (["--scheme", "cats"], "scheme: expected one of"),
    ],
)
def test_mistakes_are_named_and_leave_nothing(
    extra, message, run_file, photo, tmp_path, called, monkeypatch
):
    monkeypatch.setattr(located, "face_boxes", lambda *_: (np.empty((0, 4)), np.empty(0)))
    (tmp_path / "text.jpg").write_text("no image")
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "photo.json").write_text('{"shapes": []}')  # labelme's
    before = photo.read_bytes()
    extra = [word.format(folder=tmp_path) for word in extra]
    ends = (".jpg", ".png", "empty")
    paths = [w for w in extra if (not w or w.endswith(ends)) and "--out" not in extra]
    options = [word for word in extra if word not in paths]
    out = [] if "--out" in options else ["--out", str(tmp_path / "out")]
    given = ["predict", *paths[::-1], str(photo), "--weights", str(run_file), *out, *options]
    assert re.search(message, called(*given, code=2))
    assert photo.read_bytes() == before and not (tmp_path / "out").exists()


def test_drawing_shows_points_and_the_ellipse_of_one_standard_deviation():
    matrix = np.array([[9.0, 4.0], [4.0, 4.0]])
    apart = ellipse(np.array([5.0, 7.0]), matrix) - (5, 7)
    distance = np.einsum("ki,ij,kj->k", apart, np.linalg.inv(matrix), apart)
    np.testing.assert_allclose(distance, 1)
    image, points = Image.new("RGB", (1000, 900)), np.full((68, 2), 500.0)
    matrix = np.diag([9.0, 4.0])
    wide = np.tile(matrix * 100, (68, 1, 1))

    def draw(covariance):
        face = Face(points, covariance, (0, 0, 1000, 900), 0.9, (0, 0, 1000))
        return np.asarray(draw_faces(image, [face], SCHEMES["300w"]))

    drawn = draw(wide)
    assert drawn.shape == (900, 1000, 3)
    assert drawn[500, 500].min() > 200  # the points
    assert drawn[500, 530, 0] > 50 or drawn[500, 529, 0] > 50  # the ellipse, 30 pixels away
    assert drawn[500, 560].max() == 0
    small = draw(wide * 16)
    assert reduction(wide * 16, 1000) == 0.25 and reduction(wide, 1000) == 1
    assert (small[450:550] == drawn[450:550]).all()  # only the caption differs
    assert (small[850:] != drawn[850:]).any()


def test_drawing_numbers_the_faces_by_their_boxes():
    image, points = Image.new("RGB", (1000, 900)), np.full((68, 2), 500.0)
    boxes = [(100, 200, 300, 400), (600, 200, 800, 400)]
    faces = [Face(points, None, box, None, (0, 0, 90)) for box in boxes]
    drawn = np.asarray(draw_faces(image, faces, SCHEMES["300w"]))
    for left, top, right, bottom in boxes:
        for x, y in ((left, 300), (right, 300), (left + 100, top), (left + 100, bottom)):
            around = np.s_[y - 2 : y + 2, x - 2 : x + 2, 1]
            assert drawn[around].max() > 150
    corners = [drawn[205:225, x : x + 20].astype(int) for x in (105, 605)]  # their numbers
    assert min(corner.max() for corner in corners) > 150 and (corners[0] != corners[1]).any()
    nobody = draw_faces(image, [], SCHEMES["300w"])
    assert nobody.size == (1000, 900) and not np.asarray(nobody).any()
