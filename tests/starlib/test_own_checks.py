"""Labels of your own data that cannot be right."""

import numpy as np
import pytest
from PIL import Image, ImageColor

from starlib.__main__ import main
from starlib.data.crops import landmark_boxes
from starlib.data.own.checks import axes_doubt
from starlib.data.own.shapes import mean_shape
from starlib.inference.drawing import COLUMNS, TILE
from starlib.schemes import SCHEMES
from starlib.synthface.faces import place_faces
from tests.own import describe, write_rows, write_symmetric


def check(folder, change, capsys, code=0):
    """The output of `data check` for faces changed by `change(index, points [9, 2])`."""
    write_symmetric(folder)
    rows = [line.split(",") for line in (folder / "train.csv").read_text().splitlines()]
    changed = [
        [row[0], *change(i, np.array(row[1:], float).reshape(9, 2)).ravel()]
        for i, row in enumerate(rows)
    ]
    write_rows(folder / "train.csv", changed)
    assert main(["data", "check", describe(folder, test=None, normaliser=[[0], [2]])]) == code
    return capsys.readouterr().out


def in_face_4(change):
    return lambda index, points: change(points) if index == 4 else points


def missing(value):
    def change(index, points):
        points[6] = value if index in (3, 5) else points[6]
        return points

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda _, p: p, "problems: 0\n"),
        (lambda _, p: p / (1, 0.9), "problems: 0\n"),
        (lambda _, p: p / 4, "are they pixels of a thumbnail?"),
        (lambda _, p: p * (1, -1) + (0, 90), "does y run upwards?"),
        (lambda _, p: p[:, ::-1], "are x and y exchanged"),
        (
            lambda _, p: np.where(np.arange(9)[:, None] == 6, -1, p),
            "labelled in some face, in none are: 6",
        ),
        (in_face_4(lambda p: p[::-1]), "unlike the mean: even 4.png (row 5) (its points are in t"),
        (in_face_4(lambda p: p * (-1, 1) + (100, 0)), "4.png (row 5) (left and right are exch"),
        (in_face_4(lambda p: p * (1, -1) + (0, 90)), "4.png (row 5) (its y runs upwards)"),
        (in_face_4(lambda p: p[:, ::-1]), "4.png (row 5) (x and y are exchanged)"),
        (in_face_4(lambda p: p[[8, 1, 2, 3, 4, 5, 6, 7, 0]]), "(row 5) (points 0 and 8 are exc"),
        (in_face_4(lambda p: (100, 90) - p), "1 are turned: even 4.png (row 5) (by "),
        (in_face_4(lambda p: 45 + (p - 45) / 5), "1 are smaller: even 4.png (row 5) ("),
    ],
)
def test_labels_that_cannot_be_right_are_named(cats, capsys, change, message):
    shown = check(cats[0], change, capsys)
    assert message in shown
    if "problems" not in message:
        assert shown.count("warning:") == (2 if "thumbnail" in message else 1)


EXCHANGED = "expected point 60 left of point 72, as in wflw; in most faces it is right of it"


@pytest.mark.parametrize(
    ("train", "test", "expected"),
    [
        (False, False, []),
        (True, True, [f"train: {EXCHANGED}", f"test: {EXCHANGED}"]),
        (False, True, [f"test: {EXCHANGED}", "test: expected faces as in train, their mean is un"]),
    ],
)
def test_a_list_that_is_mirrored_as_a_whole_is_said_once(tmp_path, called, train, test, expected):
    """Left and right exchanged in the points alone, as when only the pictures were mirrored."""
    faces = place_faces(2 * 8, 3).clean.numpy()
    for name, mirrored, some in (("train", train, faces[:8]), ("test", test, faces[8:])):
        points = (some * ((-1, 1) if mirrored else (1, 1)) + 1) * 50
        rows = [[f"{name}{i}.png", *face.ravel()] for i, face in enumerate(points)]
        write_rows(tmp_path / f"{name}.csv", rows)
        for i, row in enumerate(rows):
            Image.new("RGB", (100, 100), (i, 0, 9 * (name == "test"))).save(tmp_path / row[0])
    (tmp_path / "own.yml").write_text("scheme: wflw\ntrain: train.csv\ntest: test.csv\n")
    shown = called("data", "check", str(tmp_path / "own.yml"))
    said = [line for line in shown.splitlines() if "warning: " in line]
    assert len(said) == len(expected)
    assert all(text in line for text, line in zip(expected, said, strict=True))


def test_labels_in_shares_of_the_picture_are_refused(cats, capsys):
    shown = check(cats[0], lambda _, p: p / (100, 90), capsys, code=1)
    assert "train.csv, row 1: expected points in pixels, they reach over 0." in shown
    assert "are they shares of the picture's size?" in shown


def test_labels_in_percent_are_told_from_a_thumbnails(cats, capsys, monkeypatch):
    monkeypatch.setattr("starlib.data.own.checks.image_size", lambda _: (400, 300))
    shown = check(cats[0], lambda _, p: p, capsys)
    assert "are they percent of the picture's size?" in shown


def test_points_that_are_those_of_another_picture_are_named(cats, capsys):
    folder, _ = cats
    write_symmetric(folder)
    rows = (folder / "train.csv").read_text().splitlines()
    first, second = (row.split(",", 1) for row in rows[2:4])
    rows[3] = f"{second[0]},{first[1]}"
    (folder / "train.csv").write_text("\n".join(rows))
    assert main(["data", "check", describe(folder, test=None, normaliser=[[0], [2]])]) == 0
    message = "expected points of its own in each picture, 1 have another's"
    assert f"{message}: {first[0]} (row 3) = {second[0]} (row 4)" in capsys.readouterr().out


@pytest.mark.parametrize("value", [-999, -2, -1, 0])
def test_a_whole_number_that_two_points_have_is_a_mark(cats, capsys, value):
    shown = check(cats[0], missing(value), capsys)
    assert f"2 points at ({value}, {value}) are taken for unlabelled" in shown
    assert "2 of " in shown and "points are unlabelled, in 2 of" in shown


def test_one_point_at_the_origin_is_said(cats, capsys):
    folder, _ = cats
    rows = [line.split(",") for line in (folder / "train.csv").read_text().splitlines()]
    rows[1][1:3] = "0", "0"
    write_rows(folder / "train.csv", rows)
    main(["data", "check", describe(folder, test=None)])
    shown = capsys.readouterr().out
    assert "1 points at (0, 0) are taken as they are; `missing: 0` takes them for" in shown


def test_a_contact_sheet_shows_the_oddest_faces_first_with_their_points(cats, capsys):
    shown = check(cats[0], in_face_4(lambda p: p[::-1]), capsys)
    path = cats[0] / "cats-check/train.png"
    assert f"train: look at {path}" in shown
    sheet = Image.open(path).convert("RGB")
    assert sheet.size == (COLUMNS * TILE, 4 * (TILE + 20))
    [line] = (cats[0] / "train.csv").read_text().splitlines()[4:5]
    landmarks = np.array(line.split(",")[1:], np.float32).reshape(1, 9, 2) + 0.5
    box = landmark_boxes(landmarks)[0]
    for number, (x, y) in enumerate((landmarks[0] - box[:2]) / box[2] * TILE):
        colour = "#ffd23f" if number == 0 else "#ffffff"
        assert sheet.getpixel((round(x), round(y))) == ImageColor.getrgb(colour)


def test_an_empty_list_of_missing_values_takes_every_point_as_it_is(cats, capsys):
    write_symmetric(cats[0])
    main(["data", "check", describe(cats[0], test=None, missing=[])])
    assert "taken for unlabelled" not in capsys.readouterr().out


@pytest.mark.parametrize("name", ["300w", "wflw", "scut-fbp5500"])
def test_real_faces_are_upright_and_near_their_mean(name, real_data):
    from starlib.data import load_dataset
    from starlib.data.own.checks import APART, TURNED

    faces = load_dataset(name, "test", real_data)
    shapes = mean_shape(faces.landmarks)
    assert axes_doubt(shapes, SCHEMES[name]) is None
    assert shapes.apart.max() < APART
    assert np.abs(np.degrees(np.angle(shapes.factor))).max() < TURNED
