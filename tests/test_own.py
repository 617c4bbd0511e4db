"""Your own data: a .yml file with a scheme, and lists of faces in four forms."""

import json

import numpy as np
import pytest
import yaml
from PIL import Image

from starlib.__main__ import main
from starlib.data import DataError, load_dataset
from starlib.data.own_schemes import read_scheme, scheme_of
from starlib.experiments.runs import run
from starlib.report.effects import face_errors
from starlib.training.config import RunConfig
from tests.conftest import write_pts

CATS = {
    "name": "cats",
    "points": 9,
    "edges": [{"points": [0, 1, 2]}, {"points": [3, 4, 5], "closed": True}],
    "flip": [[0, 2], [3, 5]],
    "normaliser": [[3], [5]],
    "train": "train.csv",
    "test": "test.csv",
}
RNG = np.random.default_rng(0)


def describe(folder, **changes):
    values = {k: v for k, v in (CATS | changes).items() if v is not None}
    path = folder / "cats.yml"
    path.write_text(yaml.safe_dump(values))
    return str(path)


@pytest.fixture
def cats(tmp_path):
    """A folder with four pictures, their landmarks [4, 9, 2], and the same twice as CSV lists."""
    points = RNG.uniform(20, 80, (4, 9, 2)).round(3)
    points[0, 0] = (0, 0)
    header = "image," + ",".join(f"{axis}{i}" for i in range(9) for axis in "xy")
    rows = []
    for index in range(4):
        pixels = RNG.integers(0, 256, (90, 100, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"cat {index}.png")
        rows.append(",".join([f"cat {index}.png", *map(str, points[index].ravel())]))
    (tmp_path / "train.csv").write_text("\n".join([header, *rows]) + "\n")
    (tmp_path / "test.csv").write_text("\n".join(rows) + "\n\n")
    return tmp_path, points


def problems_of(path, split="train"):
    with pytest.raises(DataError) as raised:
        load_dataset(path, split)
    return str(raised.value)


def test_a_scheme_is_read_from_a_yml_file(tmp_path):
    path = describe(tmp_path)
    scheme = read_scheme(path)
    assert scheme == scheme_of(path)
    assert (scheme.name, scheme.points) == ("cats", 9)
    assert scheme.edges == (((0, 1, 2), False), ((3, 4, 5), True))
    assert scheme.flip == (2, 1, 0, 5, 4, 3, 6, 7, 8)
    assert scheme.normaliser == ((3,), (5,))
    assert scheme_of("wflw-68").points == 68


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"colour": "red"}, "colour: unknown; known are name, points"),
        ({"normaliser": None}, "normaliser: expected, but it is missing"),
        ({"name": "a/b"}, "name: expected letters, digits, - and _, got 'a/b'"),
        ({"points": "nine"}, "points: expected an integer >= 2, got 'nine'"),
        ({"points": True}, "points: expected an integer >= 2, got True"),
        (
            {"edges": [{"points": [0, 9]}]},
            "edges: expected lists of points from 0 to 8, got [0, 9]",
        ),
        ({"edges": [[0, 1]]}, "edges: expected {points: […], closed: true or false}, got [0, 1]"),
        ({"edges": [{"points": [0, 1], "closed": 1}]}, "edges: closed: expected true or false"),
        ({"edges": [{"points": [0, 0]}]}, "edges: expected each point once, got [0, 0]"),
        ({"edges": {"points": [0, 1]}}, "edges: expected a list"),
        ({"flip": [[0, 2], [2, 3]]}, "flip: expected each point in one pair, got [2, 3] besides"),
        ({"flip": [[0, 2, 3]]}, "flip: expected lists of 2 of points from 0 to 8, got [0, 2, 3]"),
        ({"normaliser": [[3]]}, "normaliser: expected two groups of points, got [[3]]"),
        ({"normaliser": [[3], [3]]}, "normaliser: expected two groups of points"),
        ({"normaliser": [[], [3]]}, "normaliser: expected lists of points from 0 to 8, got []"),
    ],
)
def test_wrong_schemes_name_the_file_and_the_key(tmp_path, changes, told):
    path = describe(tmp_path, **changes)
    with pytest.raises(ValueError) as raised:
        read_scheme(path)
    assert str(raised.value).startswith(f"{path}: ") and told in str(raised.value)


def test_files_that_are_no_descriptions_are_named(tmp_path, capsys):
    path = tmp_path / "cats.yml"
    for text in ("a: [", "just words", ""):
        path.write_text(text)
        with pytest.raises(ValueError, match=r"cats\.yml: expected"):
            read_scheme(path)
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


def test_coco_key_points_are_read_with_their_flags(cats):
    folder, points = cats
    flags = np.full((4, 9, 1), 2)
    flags[1, 4] = 1
    content = {
        "images": [{"id": 10 + i, "file_name": f"cat {i}.png"} for i in range(4)],
        "annotations": [
            {"image_id": 10 + i, "keypoints": np.append(points[i], flags[i], 1).ravel().tolist()}
            for i in range(4)
        ],
    }
    (folder / "lists").mkdir()
    (folder / "lists/train.json").write_text(json.dumps(content))
    path = describe(folder, train="lists/train.json", images=".")
    faces = load_dataset(path, "train")
    np.testing.assert_allclose(faces.landmarks, points + 0.5, rtol=1e-6)
    assert faces.occluded.sum() == 1 and faces.occluded[1, 4]
    content["annotations"][2]["keypoints"][2] = 0
    content["annotations"][3]["image_id"] = 99
    (folder / "lists/train.json").write_text(json.dumps(content))
    told = problems_of(path)
    assert "train.json, annotation 3: expected every point labelled" in told
    assert "train.json: expected COCO key points" in told and "99" in told


def test_lists_of_the_released_code_are_read(cats):
    folder, points = cats
    rows = ["image_path\tlandmarks_5pts\tlandmarks_gt\tscale\tcenter_w\tcenter_h"]
    for index, prefix in enumerate(("", "./rawImages/", "..\\x\\rawImages\\", "")):
        numbers = ",".join(map(str, points[index].ravel()))
        rows.append(f"{prefix}cat {index}.png\t{'1.0,' * 9}1.0\t{numbers}\t1.2\t50.0\t45.0\t0,1")
    (folder / "train.tsv").write_text("\n".join(rows))
    faces = load_dataset(describe(folder, train="train.tsv"), "train")
    np.testing.assert_allclose(faces.landmarks, points + 0.5, rtol=1e-6)
    (folder / "train.tsv").write_text("\n".join([*rows, "cat 0.png\t1,2", "cat 0.png\t1\t1,x"]))
    told = problems_of(describe(folder, train="train.tsv"))
    assert "train.tsv, row 6: expected 18 numbers (9 points), found 0" in told
    assert "train.tsv, row 7: expected 18 numbers (9 points), found 2" in told


def test_folders_with_pts_files_are_read(cats):
    folder, points = cats
    for index in range(4):
        write_pts(folder / f"cat {index}.pts", points[index] + 1)
    faces = load_dataset(describe(folder, train=".", first_pixel=1), "train")
    np.testing.assert_allclose(faces.landmarks, points + 0.5, rtol=1e-4)
    (folder / "cat 2.pts").unlink()
    assert "cat 2.pts: expected the landmarks of cat 2.png" in problems_of(
        describe(folder, train=".", first_pixel=1)
    )


def test_every_wrong_row_is_named_at_once(cats):
    folder, points = cats
    numbers = points[1].ravel().tolist()
    rows = [
        ["cat 0.png", *numbers[:-1]],
        ["cat 9.png", *numbers],
        ["cat 1.png", "left", *numbers[1:]],
        ["cat 2.png", 2000, *numbers[1:]],
        ["cat 3.png", *["nan"] * 18],
    ]
    (folder / "train.csv").write_text("\n".join(",".join(map(str, row)) for row in rows))
    told = problems_of(describe(folder))
    assert "train.csv, row 1: expected 18 numbers (9 points), found 17" in told
    assert "train.csv, row 2: expected the image" in told and "cat 9.png, there is none" in told
    assert "train.csv, row 3: expected numbers after the image" in told
    assert "train.csv, row 4: expected points inside the image of 100 x 90 pixels" in told
    assert "train.csv, row 5: expected finite coordinates" in told


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"train": "train.mat"}, "train: expected .csv, .tsv, .json or a folder, got 'train.mat'"),
        ({"train": "none.csv"}, "none.csv: expected a readable list of faces"),
        ({"train": None}, "train: expected a list or a folder of faces, got none"),
        ({"train": 3}, "train: expected a path, got 3"),
        ({"first_pixel": 2}, "first_pixel: expected 0, 0.5 or 1, got 2"),
    ],
)
def test_wrong_places_name_the_file_and_the_key(cats, changes, told):
    with pytest.raises(ValueError) as raised:
        load_dataset(describe(cats[0], **changes), "train")
    assert told in str(raised.value)


def test_data_check_counts_your_own_faces(cats, capsys):
    path = describe(cats[0])
    assert main(["data", "check", path]) == 0
    told = capsys.readouterr().out
    assert "train                 4 faces" in told and "problems: 0" in told
    picture = cats[0] / "cat 1.png"
    picture.write_bytes(picture.read_bytes()[:2000])  # header whole, pixels not
    assert main(["data", "check", path]) == 1
    assert "cat 1.png: expected a readable image" in capsys.readouterr().out


def test_a_model_is_trained_on_your_own_data(cats, tmp_path, capsys):
    path = describe(cats[0])
    small = {"image_size": 32, "width": 8, "depth": 2, "epochs": 1, "batch_size": 2}
    config = RunConfig.at("smoke", path, **small)
    found = run(config, results=tmp_path / "results")
    assert found.metrics["test"]["faces"] == 4
    assert face_errors(found).mean() == pytest.approx(found.metrics["test"]["nme"], rel=1e-6)


def test_replaced_pictures_are_cut_out_anew(cats, tmp_path):
    from starlib.data import crop_store

    path = describe(cats[0])
    first = crop_store(load_dataset(path, "train"), 32, tmp_path / "crops")
    Image.new("RGB", (100, 90), "red").save(cats[0] / "cat 1.png")
    again = crop_store(load_dataset(path, "train"), 32, tmp_path / "crops")
    assert first.fingerprint != again.fingerprint
