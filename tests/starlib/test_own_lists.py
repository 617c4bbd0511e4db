"""Lists of your own data as other hands write them: headers, tools, encodings, copies."""

import codecs
import json
import shutil

import numpy as np
import pytest
from PIL import Image

from starlib.__main__ import main
from starlib.data import check_dataset, load_dataset
from tests.conftest import problems_of, write_pts
from tests.own import (
    FORMS,
    coco,
    cvat,
    describe,
    imglab,
    label_studio,
    labelme,
    write_rows,
)

RNG = np.random.default_rng(1)
XY = [f"{axis}{i}" for i in range(9) for axis in "xy"]


def listed(folder, header, cells, **changes):
    """The landmarks of a list with this header, and for face i the row `cells(i)`."""
    write_rows(folder / "train.csv", [header, *(cells(i) for i in range(4))])
    return load_dataset(describe(folder, **changes), "train").landmarks


def test_columns_of_a_list_are_taken_by_their_names(cats):
    folder, points = cats
    shuffled = RNG.permutation(9)
    flat = points.reshape(4, 18)
    cases = [
        ([f"x{i}" for i in range(9)] + [f"y{i}" for i in range(9)], lambda p: p.T.ravel()),
        ([f"{a}_{i + 1}" for i in range(9) for a in "yx"], lambda p: p[:, ::-1].ravel()),
        ([f"{i}_{a.upper()}" for i in shuffled for a in "xy"], lambda p: p[shuffled].ravel()),
        ([f"{w}-{a}" for w in "abcdefghi" for a in "xy"], lambda p: p.ravel()),
        ([f"pt{i}" for i in range(18)], lambda p: p.ravel()),  # says nothing of x and y
    ]
    for names, order in cases:
        found = listed(
            folder, ["image", *names], lambda i, o=order: [f"cat {i}.png", *o(points[i])]
        )
        np.testing.assert_allclose(found, points + 0.5, rtol=1e-6)
    found = listed(
        folder,
        ["person", *XY, "first_pixel", "file_name"],
        lambda i: ["ann", *flat[i], 1, f"cat {i}.png"],
    )
    np.testing.assert_allclose(found, points - 0.5, rtol=1e-5)


def test_words_are_in_the_order_of_the_training_list_or_of_names(cats):
    folder, points = cats
    names = list("abcdefghi")

    def write(split, order, kind):
        header = ["image", *(f"{names[i]}_{axis}" for i in order for axis in "xy")]
        rows = [[f"{kind} {i}.png", *points[i][order].ravel()] for i in range(4)]
        write_rows(folder / f"{split}.csv", [header, *rows])

    write("train", np.arange(9), "cat")
    write("test", RNG.permutation(9), "test")
    found = load_dataset(describe(folder), "test").landmarks
    np.testing.assert_allclose(found, points + 0.5, rtol=1e-6)
    found = load_dataset(describe(folder, names=names[::-1]), "test").landmarks
    np.testing.assert_allclose(found[:, ::-1], points + 0.5, rtol=1e-6)
    names[0] = "ear"
    write("test", np.arange(9), "test")
    message = problems_of(describe(folder), "test")
    assert "test.csv, row 2: expected points a, b, c, d, e, …; found 'ear'" in message


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (["image", *XY[:-1], "z8"], "row 1: expected x and y of each point, '8' has one"),
        (["image", *XY[:-2], "x0", "y0"], "row 1: expected 'x0' once, it is there twice"),
        (["image", *XY[:-2], "x9", "y9"], "expected points 0 to 8 or 1 to 9, found [0, 1, 2"),
        (["image", "who", *XY[:-2]], "row 1: expected 18 numbers (9 points), found 16"),
        (["image", *XY, "who"], "row 2: expected 20 cells as in row 1, found 19"),
        (["image", *(f"{a}{i}" for i in range(9) for a in ("row", "col"))], "found row0, col0"),
        (["image", *(f"p{a}{i}" for a in "xy" for i in range(9))], "found px0, px1, px2"),
        (["image", *(f"p{i}" for i in range(17, -1, -1))], "found p17, p16, p15"),
    ],
)
def test_headers_that_cannot_be_followed_are_refused(cats, header, message):
    folder, points = cats
    write_rows(folder / "train.csv", [header, ["cat 0.png", *points[0].ravel()]])
    assert message in problems_of(describe(folder))


def test_columns_beside_the_points_are_said_to_be_unread(cats, capsys):
    folder, points = cats
    for box in (["x_min", "y_min", "x_max", "y_max"], ["x", "y", "w", "h"]):
        cells = [[f"cat {i}.png", 1, 2, 3, 4, *points[i].ravel()] for i in range(4)]
        found = listed(folder, ["image", *box, *XY], cells.__getitem__)
        np.testing.assert_allclose(found, points + 0.5, rtol=1e-6)
        assert main(["data", "check", describe(folder, test=None)]) == 0
        assert f"train: columns that are not read: {', '.join(box)}" in capsys.readouterr().out


@pytest.mark.parametrize("delimiter", ["\t", ";", "|"])
def test_beside_other_separators_a_comma_is_the_decimal_sign(cats, delimiter):
    folder, points = cats
    cells = [[str(v).replace(".", ",") for v in face.ravel()] for face in points]
    rows = [[f"cat {i}.png", *face] for i, face in enumerate(cells)]
    write_rows(folder / "train.csv", [[], ["image", *XY], *rows], delimiter)  # a blank line first
    found = load_dataset(describe(folder), "train").landmarks
    np.testing.assert_allclose(found, points + 0.5, rtol=1e-6)


def test_separators_that_are_not_known_are_asked_for(cats):
    folder, points = cats
    write_rows(folder / "train.csv", [["cat 0.png", *points[0].ravel()]], " ")
    assert "found 0 between commas, semicolons, tabs or |" in problems_of(describe(folder))


def test_what_a_list_says_of_its_first_pixel_agrees_with_the_description(cats):
    folder, points = cats
    header = ["image", *XY, "first_pixel"]
    write_rows(folder / "train.csv", [header, ["cat 0.png", *points[0].ravel(), 0.5]])
    found = load_dataset(describe(folder, first_pixel=0.5), "train").landmarks
    np.testing.assert_allclose(found[0], points[0], rtol=1e-6)
    message = problems_of(describe(folder, first_pixel=1))
    assert "train.csv, row 2: first_pixel: expected 1, got 0.5" in message


def test_pts_files_of_a_folder_count_from_1_and_copies_are_left_out(cats, called):
    folder, points = cats
    (folder / "faces").mkdir()
    for index in range(4):
        (folder / f"cat {index}.png").rename(folder / f"faces/cat {index}.PNG")
        write_pts(folder / f"faces/cat {index}.PTS", points[index] + 1)
    for end in ("PNG", "PTS"):
        (folder / f"faces/._cat 0.{end}").write_bytes(b"\0\5\x16\7Mac OS X")
        for copy in ("cat 1_mirror", "cat 1 (1)"):
            shutil.copy(folder / f"faces/cat 1.{end}", folder / f"faces/{copy}.{end}")
    write_pts(folder / "faces/cat 2 (1).PTS", points[2] + 2)
    Image.new("RGB", (100, 90)).save(folder / "faces/cat 2 (1).PNG")  # another picture
    path = describe(folder, train="faces")
    faces = load_dataset(path, "train")
    assert faces.names == ("cat 0.PNG", "cat 1.PNG", "cat 2 (1).PNG", "cat 2.PNG", "cat 3.PNG")
    np.testing.assert_allclose(faces.landmarks[[0, 1, 3, 4]], points + 0.5, rtol=1e-4)
    shown = called("data", "check", path)
    assert "train: 2 copies are left out: cat 1 (1).PNG, cat 1_mirror.PNG" in shown
    assert "train: the first pixel's centre is at 1" in shown


def test_faces_that_are_there_twice_are_named(cats, capsys):
    folder, points = cats
    shutil.copy(folder / "cat 0.png", folder / "other.png")
    with (folder / "train.csv").open("a") as file:
        file.write(",".join(["other.png", *map(str, points[0].ravel())]) + "\n")
    assert main(["data", "check", describe(folder, test=None)]) == 0
    message = "expected each face once, 1 are copies: cat 0.png (row 2) = other.png (row 6)"
    assert message in capsys.readouterr().out
    rows = (folder / "train.csv").read_text().splitlines()
    (folder / "train.csv").write_text("\n".join([*rows[:-1], rows[1]]))  # one row twice
    assert main(["data", "check", describe(folder, test=None)]) == 0
    message = "expected each face once, 1 are copies: cat 0.png (row 2) = cat 0.png (row 6)"
    assert message in capsys.readouterr().out


@pytest.mark.parametrize("end", ["\r\n", "\r"])
def test_lists_have_the_line_ends_of_any_system(cats, end):
    folder, _ = cats
    lines = (folder / "train.csv").read_text().splitlines()
    (folder / "train.csv").write_bytes(end.join(lines).encode())
    assert len(load_dataset(describe(folder), "train")) == len(lines) - 1


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_every_list_may_begin_with_a_mark_of_its_encoding(cats, encoding):
    folder, points = cats
    text = (folder / "train.csv").read_text()
    (folder / "train.CSV").write_text(text.replace("cat 1.png", ".\\cat 1.PNG"), encoding=encoding)
    found = load_dataset(describe(folder, train="train.CSV"), "train").landmarks
    np.testing.assert_allclose(found, points + 0.5, rtol=1e-6)
    content = coco(points[:1])
    content["images"][0]["file_name"] = "cat 0.PNG"
    content["annotations"].append({"image_id": 0, "bbox": []})
    (folder / "train.json").write_text(json.dumps(content), encoding=encoding)
    description = describe(folder, train="train.json")
    with open(description, "rb+") as file:
        whole = codecs.BOM_UTF8 + file.read()
        file.seek(0)
        file.write(whole)
    message = problems_of(description)
    assert message.endswith("annotation 2: expected COCO key points with 'keypoints', it has none")


def test_key_points_are_taken_by_the_names_of_their_category(cats):
    folder, points = cats
    order, names = RNG.permutation(9), [f"p{i}" for i in range(9)]
    content = coco(points[:1, order], category_id=7)
    content["categories"] = [{"id": 7, "keypoints": [names[i] for i in order]}]
    (folder / "train.json").write_text(json.dumps(content))
    faces = load_dataset(describe(folder, train="train.json", names=names), "train")
    np.testing.assert_allclose(faces.landmarks[0], points[0] + 0.5, rtol=1e-6)


@pytest.mark.parametrize("write", FORMS.values(), ids=FORMS)
def test_every_form_of_a_list_has_the_same_points(cats, write):
    folder, points = cats
    named = write in (labelme, cvat, imglab, label_studio)
    names = [f"p{i}" for i in range(9)] if named else None
    path = describe(folder, train=write(folder, points), names=names)
    found = load_dataset(path, "train").landmarks
    np.testing.assert_allclose(found, points, rtol=1e-5, atol=1e-4)
    if names is not None:
        message = problems_of(describe(folder, names=[*names[:-1], "q"], train=write(*cats)))
        assert "expected points p0, p1, p2, p3, p4, …; found 'p8'" in message


def test_a_shape_of_cvat_may_hold_all_points_of_a_face(cats):
    folder, points = cats
    shapes = [";".join(f"{x},{y}" for x, y in face) for face in points.tolist()]
    images = [
        f'<image name="cat {i}.png"><points label="face" points="{shape}"/></image>'
        for i, shape in enumerate(shapes)
    ]
    (folder / "train.xml").write_text(f"<annotations>{''.join(images)}</annotations>")
    found = load_dataset(describe(folder, train="train.xml"), "train").landmarks
    np.testing.assert_allclose(found, points, rtol=1e-6)


def test_copies_and_pictures_without_points_of_a_labelled_folder_are_named(cats, called):
    folder, points = cats
    made = folder / labelme(folder, points)
    for copy in ("cat 1_mirror", "cat 1_flip", "cat 1 (1)"):
        for end in ("json", "png"):
            shutil.copy(made / f"cat 1.{end}", made / f"{copy}.{end}")
        text = (made / "cat 1.json").read_text().replace("cat 1.png", f"{copy}.png")
        (made / f"{copy}.json").write_text(text)
    Image.new("RGB", (9, 9)).save(made / "new.png")
    path = describe(folder, train=made.name, test=None)
    assert len(load_dataset(path, "train")) == 4
    shown = called("data", "check", path)
    assert "3 copies are left out: cat 1 (1).png, cat 1_flip.png, cat 1_mirror.png" in shown
    assert "1 pictures have no landmarks: new.png" in shown


def test_an_annotation_that_was_cancelled_is_left_out(cats):
    folder, points = cats
    path = folder / label_studio(folder, points)
    tasks = json.loads(path.read_text())
    tasks[1]["annotations"].append(tasks[1]["annotations"][0] | {"was_cancelled": True})
    path.write_text(json.dumps(tasks))
    assert len(load_dataset(describe(folder, train=path.name), "train")) == 4


def test_points_that_a_tool_does_not_have_are_unlabelled(cats):
    folder, points = cats
    names = [f"p{i}" for i in range(9)]
    text = (folder / cvat(folder, points)).read_text()
    place = text.index('<points label="p4"')
    (folder / "cvat.xml").write_text(text[:place] + text[text.index("/>", place) + 2 :])
    found = load_dataset(describe(folder, train="cvat.xml", names=names), "train").landmarks
    assert np.argwhere(np.isnan(found).any(-1)).tolist() == [[0, 4]]
    message = problems_of(describe(folder, train="cvat.xml"))
    assert "cat 0.png face 1: expected 9 points, found 8 names; `names` in the .yml" in message


@pytest.mark.parametrize("text", ["<a/>", "<a", "{}", "[1]", "[{}]", '[{"annotations": [{}]}]'])
def test_files_of_tools_that_do_not_read_are_named(cats, text):
    folder, _ = cats
    name = "train.xml" if text.startswith("<") else "train.json"
    (folder / name).write_text(text)
    assert name in problems_of(describe(folder, train=name))


def test_predictions_are_a_list_of_your_own_data(cats, run_file, monkeypatch):
    folder, _ = cats
    monkeypatch.chdir(folder)
    given = ["predict", "cat 0.png", "--weights", str(run_file), "--box", "10", "10", "80", "80"]
    assert main([*given, "--format", "csv", "json", "--out", "out"]) == 0
    (folder / "again.yml").write_text("scheme: 300w\ntrain: out/predictions.csv\n")
    faces = load_dataset("again.yml", "train")
    record = json.loads((folder / "out/cat 0.json").read_text())
    np.testing.assert_allclose(faces.landmarks[0], record["faces"][0]["landmarks"], rtol=1e-6)
    assert check_dataset("again.yml").problems == []
