"""Your own data: a .yml file with a scheme, and lists of faces in four forms."""

import dataclasses
import json

import numpy as np
import pytest
import torch
from PIL import Image

from starlib.__main__ import main
from starlib.commands.train import _config
from starlib.data import load_dataset
from starlib.data.augment import augment
from starlib.data.errors import DataWarning
from starlib.data.images import image_size, open_image
from starlib.data.own.schemes import scheme_of
from starlib.runs.evaluation import beside
from starlib.runs.finished import load_all, load_run
from starlib.runs.records import verify
from starlib.runs.run import run
from starlib.schemes import SCHEMES
from starlib.training.config import RunConfig, enough_epochs
from tests.conftest import options_of, problems_of, save_picture
from tests.own import (
    RNG,
    SMALL,
    coco,
    describe,
    pts_folder,
    tsv_list,
    write_rows,
    write_symmetric,
)
from tests.starlib.test_runs import with_fake_training


def test_a_scheme_is_read_from_a_yml_file(tmp_path):
    path = describe(tmp_path)
    scheme = scheme_of(path)
    assert scheme == scheme_of(path)
    assert (scheme.name, scheme.points) == ("cats", 9)
    assert scheme.edges == (((0, 1, 2), False), ((3, 4, 5), True))
    assert scheme.flip == (2, 1, 0, 5, 4, 3, 6, 7, 8)
    assert scheme.normaliser == ((3,), (5,))
    assert scheme_of("wflw-68").points == 68


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"colour": "red"}, "'colour': unknown; known are scheme, name, points"),
        ({"normaliser": None}, "normaliser: expected, but it is missing"),
        ({"name": "a/b"}, "name: expected letters, digits, - and _, got 'a/b'"),
        ({"points": "nine"}, "points: expected an integer from 2 to 10000, got 'nine'"),
        ({"points": 10**9}, "points: expected an integer from 2 to 10000, got 1000000000"),
        ({"flip": []}, "flip: expected pairs of points, or none where nothing may be mirrored"),
        ({"scheme": "300w"}, "points: not beside scheme, which has its own"),
        ({"points": True}, "points: expected an integer from 2 to 10000, got True"),
        (
            {"edges": [{"points": [0, 9]}]},
            "edges: expected lists of points from 0 to 8, got [0, 9]",
        ),
        ({"edges": [[0, 1]]}, "edges: expected {points: […], closed: true or false}, got [0, 1]"),
        ({"edges": [{"points": [0, 1], "closed": 1}]}, "edges: closed: expected true or false"),
        ({"edges": [{"points": [2]}]}, "edges: expected two points or more of a curve, got"),
        ({"edges": [{"points": [0, 0]}]}, "edges: expected each point once, got [0, 0]"),
        ({"edges": {"points": [0, 1]}}, "edges: expected a list"),
        ({"flip": [[0, 2], [2, 3]]}, "flip: expected each point in one pair, got [2, 3] besides"),
        ({"flip": [[0, 2, 3]]}, "flip: expected pairs of points from 0 to 8, got [0, 2, 3]"),
        ({"normaliser": [[3]]}, "normaliser: expected two groups of points, got [[3]]"),
        ({"normaliser": [[3], [3]]}, "normaliser: expected two groups of points"),
        ({"normaliser": [[], [3]]}, "normaliser: expected lists of points from 0 to 8, got []"),
    ],
)
def test_wrong_schemes_name_the_file_and_the_key(tmp_path, changes, message):
    path = describe(tmp_path, **changes)
    with pytest.raises(ValueError) as raised:
        scheme_of(path)
    assert str(raised.value).startswith(f"{path}: ") and message in str(raised.value)


def test_files_that_are_no_descriptions_are_named(tmp_path, capsys):
    path = tmp_path / "cats.yml"
    for text in ("a: [", "just words", ""):
        path.write_text(text)
        with pytest.raises(ValueError, match=r"cats\.yml: expected"):
            scheme_of(path)
    assert main(["data", "check", str(tmp_path / "none.yml")]) == 2
    assert "none.yml: expected a readable .yml file" in capsys.readouterr().err


def test_csv_lists_are_read_with_and_without_header(cats):
    folder, points = cats
    path = describe(folder)
    for split in ("train", "test"):
        faces = load_dataset(path, split)
        np.testing.assert_allclose(faces.landmarks, points + 0.5, rtol=1e-6)
        assert (faces.dataset, faces.official, faces.partial) == ("cats", None, False)
        assert faces.read(3).size == (100, 90)
    centred = load_dataset(describe(folder, first_pixel=1), "train").landmarks
    np.testing.assert_allclose(centred, points - 0.5, rtol=1e-5)


def test_every_wrong_face_of_the_other_forms_is_named(cats):
    folder, points = cats
    flags = np.full((4, 9), 2)
    flags[1, 4], flags[2, 0] = 1, 3
    content = coco(points, flags)
    content["annotations"][3]["image_id"] = 99
    (folder / "lists").mkdir()
    (folder / "lists/train.json").write_text(json.dumps(content))
    message = problems_of(describe(folder, train="lists/train.json", images="."))
    assert message.count("\n") == 1  # one point of face 2 is hidden
    assert "train.json, annotation 3: expected flags 0, 1 or 2 after x and y" in message
    assert "train.json, annotation 4: expected COCO key points of an image" in message
    assert "99" in message
    path = folder / tsv_list(folder, points)
    path.write_text(path.read_text() + "\ncat 0.png\t1,2\ncat 0.png\t1\t1,x")
    message = problems_of(describe(folder, train="train.tsv"))
    assert "train.tsv, row 6: expected 18 numbers (9 points), found 0" in message
    assert "train.tsv, row 7: expected 18 numbers (9 points), found 2" in message
    path = describe(folder, train=pts_folder(folder, points))
    (folder / "faces/cat 2.pts").unlink()
    assert "cat 2.pts: expected the landmarks of cat 2.png" in problems_of(path)


def test_every_wrong_row_is_named_at_once(cats):
    folder, points = cats
    numbers = points[1].ravel().tolist()
    rows = [
        ["cat 0.png", *numbers[:-1]],
        ["cat 9.png", *numbers],
        ["cat 1.png", "left", *numbers[1:]],
        ["cat 2.png", 2000, *numbers[1:]],
        ["cat 3.png", *["nan"] * 18],
        ["cat 3.png", "inf", *numbers[1:]],
        ["cat 3.png", *["nan"] * 16, 30, 30],
    ]
    (folder / "train.csv").write_text("\n".join(",".join(map(str, row)) for row in rows))
    message = problems_of(describe(folder))
    assert "train.csv, row 1: expected 18 numbers (9 points), found 17" in message
    assert (
        "train.csv, row 2: expected the image" in message and "cat 9.png, there is none" in message
    )
    assert "train.csv, row 3: expected numbers after the image" in message
    assert "train.csv, row 4: expected points inside the image of 100 x 90 pixels" in message
    assert "train.csv, row 5: expected labelled points, there are none" in message
    assert "train.csv, row 6: expected finite coordinates, point 0 is not" in message
    assert "train.csv, row 7: expected points of a face, all of them are the same" in message


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"train": "train.mat"}, "train.mat: expected .csv, .tsv, .json, .xml or a folder"),
        ({"train": "none.csv"}, "none.csv: expected a readable list of faces"),
        ({"train": None}, "train: expected a list or a folder of faces, got none"),
        ({"train": 3}, "train: expected a path, got 3"),
        ({"first_pixel": 2}, "first_pixel: expected 0, 0.5 or 1, got 2"),
        ({"missing": "none"}, "missing: expected a number or a list of numbers, got 'none'"),
        ({"missing": [0, True]}, "missing: expected a number or a list of numbers, got [0, True]"),
        ({"missing": float("nan")}, "missing: expected a number or a list of numbers, got nan"),
    ],
)
def test_wrong_places_name_the_file_and_the_key(cats, changes, message):
    with pytest.raises(ValueError) as raised:
        load_dataset(describe(cats[0], **changes), "train")
    assert message in str(raised.value)


def test_data_check_counts_your_own_faces(cats, called):
    path = describe(cats[0])
    message = called("data", "check", path)
    assert "train                 4 faces" in message and "problems: 0" in message
    picture = cats[0] / "cat 1.png"
    picture.write_bytes(picture.read_bytes()[:2000])  # header whole, pixels not
    assert "cat 1.png: expected a readable image" in called("data", "check", path, code=1)


@pytest.mark.parametrize(
    ("first", "message"),
    [
        (["cat 0.png", *["?"] * 18], "expected numbers after the image"),
        (["image", "x0", "y0"], "expected 18 numbers (9 points), found 2"),
        (["image", *["x"] * 17, 3.5], "expected numbers after the image"),
        (["cat 0.png"], "expected 18 numbers (9 points), found 0"),
    ],
)
def test_a_malformed_first_row_is_no_header(cats, first, message):
    folder, points = cats
    write_rows(folder / "train.csv", [first, ["cat 1.png", *points[1].ravel()]])
    assert f"train.csv, row 1: {message}" in problems_of(describe(folder))


def test_a_known_scheme_is_referred_to_by_its_name(cats):
    folder, _ = cats
    own = dict.fromkeys(("name", "points", "edges", "flip", "normaliser"))
    points = RNG.uniform(20, 80, (68, 2)).round(3)
    write_rows(folder / "train.csv", [["cat 0.png", *points.ravel()]])
    faces = load_dataset(describe(folder, scheme="300w", **own), "train")
    assert (faces.scheme, faces.dataset) == (SCHEMES["300w"], "cats")
    with pytest.raises(ValueError, match=r"cats.yml: scheme: expected one of 300w, .*got '68'"):
        load_dataset(describe(folder, scheme="68", **own), "train")


def test_a_description_may_have_test_faces_alone(cats, called, capsys):
    path = describe(cats[0], train=None)
    assert len(load_dataset(path, "test")) == 4
    assert "problems: 0" in called("data", "check", path)
    assert main(["data", "check", describe(cats[0], train=None, test=None)]) == 1
    assert "expected train, test or both, got neither" in capsys.readouterr().out


def test_flip_is_checked_against_the_mirrored_mean_shape(cats, called):
    folder, _ = cats
    write_symmetric(folder)
    load_dataset(describe(folder), "train")  # no warning
    load_dataset(describe(folder, flip="none"), "train")
    wrong = describe(folder, flip=[[0, 3], [2, 5]])
    message = r"flip: expected pairs of mirror images.*2 look wrong: 0 with 3 \(nearer: 2\), "
    with pytest.warns(DataWarning, match=message):
        load_dataset(wrong, "train")
    with pytest.warns(DataWarning, match=r"2 look wrong: 3 with 3 \(nearer: 5\)"):
        load_dataset(describe(folder, flip=[[0, 2]]), "train")
    assert "warning: " in called("data", "check", wrong)


def test_nothing_is_mirrored_without_mirror_images(cats):
    folder, _ = cats
    images = torch.zeros(64, 3, 40, 40, dtype=torch.uint8)
    scheme = scheme_of(describe(folder, flip="none"))
    batch = torch.tensor([[0.5, 0.0]] * 9, dtype=torch.float32).expand(64, 9, 2)
    generator = torch.Generator().manual_seed(0)
    _, moved = augment(images, batch, scheme, 32, generator)
    assert (moved[..., 0] > 0).all()


@pytest.mark.filterwarnings("default::starlib.data.errors.DataWarning")
def test_test_faces_that_are_training_faces_are_named_and_counted(cats, capsys):
    folder, _ = cats
    (folder / "test 1.png").write_bytes((folder / "cat 3.png").read_bytes())
    path = describe(folder)
    message = r"1 of 4 test faces are in training pictures too: test 1.png"
    with pytest.warns(DataWarning, match=message):
        load_dataset(path, "test")
    small = options_of(SMALL)
    results = ["--results", str(folder / "results")]
    assert main(["train", "--dataset", path, *small, *results]) == 0
    shown = capsys.readouterr()
    assert "warning: " in shown.err and "1 of 4 test faces" in shown.err
    assert "mean training shape" in shown.out


def test_pictures_are_turned_upright_as_their_exif_entry_says(cats):
    folder, _ = cats
    upright = Image.fromarray(save_picture(folder / "upright.png", (100, 60)))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter, clockwise
    upright.transpose(Image.Transpose.ROTATE_90).save(folder / "lying.png", exif=exif)
    assert image_size(folder / "lying.png") == (100, 60)
    np.testing.assert_array_equal(open_image(folder / "lying.png"), upright)
    numbers = RNG.uniform((60, 5), (99, 55), (9, 2))  # outside the picture as it is stored
    write_rows(folder / "train.csv", [["lying.png", *numbers.ravel()]])
    assert load_dataset(describe(folder), "train").read(0).size == (100, 60)


@pytest.mark.parametrize(
    ("faces", "batch", "epochs"), [(90, 8, 410), (86, 8, 450), (2012, 8, 18), (3, 8, 1000)]
)
def test_a_small_data_set_gets_the_steps_that_it_needs(faces, batch, epochs):
    assert enough_epochs(faces, batch) == epochs


def test_epochs_and_scale_that_are_given_win(cats):
    path = describe(cats[0])
    assert _config(path, None, {}) == RunConfig.at("reduced", path, epochs=1000)
    assert _config(path, None, {"epochs": 3}) == RunConfig.at("reduced", path, epochs=3)
    assert _config(path, "reduced", {}) == RunConfig.at("reduced", path)
    assert _config("300w", None, {}) == RunConfig.at("smoke", "300w")


def test_a_run_worse_than_the_mean_shape_says_so():
    good = {"test": {"nme": 0.02}, "mean_shape": {"nme": 0.05}}
    assert beside(good) == "; mean training shape 5.000 %"
    assert "WORSE than the mean training shape, 5.000 %" in beside(good | {"test": {"nme": 0.6}})
    assert beside({"test": {"nme": 0.6}}) == ""  # a record made before there was the baseline


def test_own_data_are_known_by_their_faces_and_not_by_their_path(cats, monkeypatch):
    with_fake_training(monkeypatch, points=9)
    describe(cats[0])
    monkeypatch.chdir(cats[0])
    config = RunConfig.at("smoke", "cats.yml", **SMALL | {"epochs": 2})
    first = run(config)
    assert first.path == cats[0] / f"results/runs/{first.name}.json"
    verify(first)
    again = dataclasses.replace(config, dataset="./cats.yml")
    assert run(again).path == first.path and load_run(again).path == first.path
    assert len(load_all()) == 1
    describe(cats[0], normaliser=[[3], [0]])
    assert run(config).name != first.name  # its errors are others
    assert len(load_all()) == 2


def test_replaced_pictures_are_cut_out_anew(cats, tmp_path):
    from starlib.data import crop_store

    path = describe(cats[0])
    first = crop_store(load_dataset(path, "train"), 32, tmp_path / "crops")
    Image.new("RGB", (100, 90), "red").save(cats[0] / "cat 1.png")
    again = crop_store(load_dataset(path, "train"), 32, tmp_path / "crops")
    assert first.fingerprint != again.fingerprint


def write_people(path, by="person"):
    """A list of 30 faces of ten people, with a column that says who it is."""
    rows = [["image", by, "x0", "y0"]]
    rows += [[f"{i}.png", f"p{i % 10}", i + 0.5, 2 * i] for i in range(30)]
    write_rows(path, rows)
    return rows


def test_a_list_is_split_with_nobody_in_both(tmp_path, called):
    rows = write_people(tmp_path / "faces.csv")
    who = {row[0]: row[1] for row in rows[1:]}
    command = ["data", "split", str(tmp_path / "faces.csv"), "--by", "person"]
    assert "train.csv: 24 faces" in called(*command, "--test", "0.2", "--seed", "0")
    parts = {s: (tmp_path / f"{s}.csv").read_text().splitlines() for s in ("train", "test")}
    assert all(lines.pop(0) == "image,person,x0,y0" for lines in parts.values())
    assert sorted(parts["train"] + parts["test"]) == sorted(
        f"{image},{person},{x},{y}" for image, person, x, y in rows[1:]
    )
    people = {s: {who[line.split(",")[0]] for line in lines} for s, lines in parts.items()}
    assert not people["train"] & people["test"] and len(people["test"]) == 2
    assert "not overwritten" in called(*command, code=2)
    for name in ("train.csv", "test.csv"):
        (tmp_path / name).unlink()
    assert main([*command, "--seed", "1"]) == 0
    assert (tmp_path / "test.csv").read_text().splitlines()[1:] != parts["test"]


def test_faces_of_one_picture_stay_together_when_a_list_is_split(tmp_path):
    write_rows(tmp_path / "faces.csv", [[f"{i // 2}.png", i, i + 1] for i in range(20)])
    assert main(["data", "split", str(tmp_path / "faces.csv"), "--test", "0.5"]) == 0
    first, second = (
        {line.split(",")[0] for line in (tmp_path / f"{s}.csv").read_text().splitlines()}
        for s in ("train", "test")
    )
    assert len(first) == len(second) == 5 and not first & second


def test_the_picture_of_a_face_is_looked_up_by_its_column(tmp_path, called):
    rows = [["id", "image", "x0", "y0"], *([i, f" {i // 2}.png", i, i + 1] for i in range(20))]
    write_rows(tmp_path / "faces.csv", rows)
    assert main(["data", "split", str(tmp_path / "faces.csv"), "--test", "0.5"]) == 0
    first, second = (
        {line.split(",")[1] for line in (tmp_path / f"{s}.csv").read_text().splitlines()[1:]}
        for s in ("train", "test")
    )
    assert len(first) == len(second) == 5 and not first & second
    path = tmp_path / "other" / "coco.json"
    path.parent.mkdir()
    path.write_text("[\n1,\n2\n]")
    assert "coco.json: expected a .csv list" in called("data", "split", str(path), code=2)


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        (lambda r: r, ["--by", "image"], "expected a column beside the image's"),
        (lambda r: r, ["--by", "name"], "expected a column 'name' in the first row, found image"),
        (lambda r: r[1:], ["--by", "person"], "found no header"),
        (lambda r: [["x0", "image", "y0"], [1, "a.png", 2], [7]], [], "row 3: expected an image"),
        (
            lambda r: [["image", "person", "subject", "x0", "y0"], ["a.png", 1, 2, 3, 4]],
            ["--by", "subject"],
            "expected one column of identities, 'subject' is a second",
        ),
        (lambda r: [r[0], [*r[1], 3], *r[2:]], ["--by", "person"], "row 2: expected 4 cells"),
        (lambda r: [*r, ["a.png", " ", 1, 2]], ["--by", "person"], "and one in 'person'"),
        (lambda r: [r[0], r[1], r[11]], ["--by", "person"], "expected two identities at least"),
        (lambda r: r, ["--by", "person", "--test", "1"], "--test: expected a share between 0"),
        (lambda r: r, ["--by", "person", "--url", "x"], "--url, --sha256: belong to data fetch"),
    ],
)
def test_lists_that_cannot_be_split_are_named_and_nothing_is_written(
    tmp_path, called, change, options, message
):
    rows = write_people(tmp_path / "faces.csv")
    write_rows(tmp_path / "faces.csv", change(rows))
    assert message in called("data", "split", str(tmp_path / "faces.csv"), *options, code=2)
    assert [p.name for p in tmp_path.iterdir()] == ["faces.csv"]
