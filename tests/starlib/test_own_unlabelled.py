"""Your own data with points that nobody labelled: lists, checks, training and evaluation."""

import json

import numpy as np
import pytest

from starlib.__main__ import main
from starlib.data import load_dataset
from starlib.data.crops import landmark_boxes
from starlib.data.errors import DataWarning
from starlib.data.own.checks import flip_doubt
from starlib.runs.finished import load_run
from starlib.runs.records import verify
from starlib.runs.run import run
from starlib.training.config import RunConfig
from tests.conftest import problems_of, write_pts
from tests.own import SMALL, coco, describe, write_rows

MISSING = np.zeros((4, 9), bool)
MISSING[0, [1, 3]] = MISSING[2, 8] = MISSING[3, :7] = True


def unlabelled(faces):
    return np.isnan(faces.landmarks).any(-1)


def check(faces, points):
    """The points of MISSING are unlabelled and the others as they were."""
    assert np.isnan(faces.landmarks[MISSING]).all()
    np.testing.assert_allclose(faces.landmarks[~MISSING], points[~MISSING] + 0.5, rtol=1e-6)


@pytest.mark.parametrize(
    "written",
    [("", ""), ("nan", "NA"), ("n/a", "null"), ("None", "NaN"), (" ", "30.5"), ("31", "nan")],
)
def test_cells_without_a_number_are_unlabelled_points(cats, written):
    folder, points = cats
    rows = [
        [
            f"cat {i}.png",
            *(c for p in range(9) for c in (written if MISSING[i, p] else points[i, p])),
        ]
        for i in range(4)
    ]
    for delimiter in ",;\t":
        write_rows(folder / "train.csv", rows, delimiter)
        check(load_dataset(describe(folder), "train"), points)
    lines = [f"{row[0]}\t1,2\t{','.join(map(str, row[1:]))}\t1\t50\t45" for row in rows]
    (folder / "train.tsv").write_text("\n".join(lines))
    check(load_dataset(describe(folder, train="train.tsv"), "train"), points)


def test_coco_key_points_of_flag_0_are_unlabelled(cats):
    folder, points = cats
    given = np.where(MISSING[..., None], 0, points)
    content = coco(given, np.where(MISSING, 0, 2))
    content["annotations"][2]["keypoints"][24:26] = [None, None]
    (folder / "train.json").write_text(json.dumps(content))
    check(load_dataset(describe(folder, train="train.json"), "train"), points)


def test_what_marks_unlabelled_points_in_one_list_marks_them_in_the_other(cats):
    folder, points = cats
    given = np.where(MISSING[..., None], 0, points)
    write_rows(folder / "train.csv", [[f"cat {i}.png", *given[i].ravel()] for i in range(4)])
    rows = [[f"cat {i}.png", *given[i].ravel()] for i in (1, 2)]  # with a single (0, 0)
    write_rows(folder / "test.csv", rows)
    with pytest.warns(DataWarning, match="pictures that are not in train"):
        faces = load_dataset(describe(folder), "test")
    assert unlabelled(faces).sum() == MISSING[2].sum() == 1


@pytest.mark.parametrize(("missing", "values"), [(-1, [-1]), ([-1, 999.9], [999.9, -1])])
def test_points_whose_x_and_y_have_the_value_of_missing_are_unlabelled(cats, missing, values):
    folder, points = cats
    given = points.copy()
    given[MISSING] = np.resize(values, MISSING.sum())[:, None]
    given[1, 0, 0] = points[1, 0, 0] = -1  # of x alone
    write_rows(folder / "train.csv", [[f"cat {i}.png", *given[i].ravel()] for i in range(4)])
    check(load_dataset(describe(folder, missing=missing), "train"), points)
    if 999.9 in values:
        message = problems_of(describe(folder, missing=-1))
        assert "train.csv, row 1: expected points inside the image" in message
    (folder / "faces").mkdir()
    for index in range(4):
        (folder / f"cat {index}.png").rename(folder / f"faces/{index}.png")
        write_pts(folder / f"faces/{index}.pts", given[index])
    faces = load_dataset(describe(folder, train="faces", missing=missing), "train")
    assert (unlabelled(faces) == MISSING).all()


def test_crops_are_cut_around_labelled_points(cats):
    _, points = cats
    changed = np.where(MISSING[..., None], np.nan, points)
    boxes = landmark_boxes(changed)
    for index in range(4):
        expected = landmark_boxes(points[index][~MISSING[index]][None])
        np.testing.assert_array_equal(boxes[index], expected[0])


def with_missing(folder, points, split):
    """A list in which the points of MISSING are empty."""
    kind = "cat" if split == "train" else "test"
    rows = []
    for index in range(4):
        pairs = [("", "") if m else p for m, p in zip(MISSING[index], points[index], strict=True)]
        rows.append([f"{kind} {index}.png", *(cell for pair in pairs for cell in pair)])
    write_rows(folder / f"{split}.csv", rows)


def test_data_check_counts_unlabelled_points_and_names_test_faces_that_cannot_be_scored(
    cats, called, capsys
):
    folder, points = cats
    with_missing(folder, points, "train")
    assert main(["data", "check", describe(folder)]) == 0
    assert "train: 10 of 36 points are unlabelled, in 3 of 4 faces" in capsys.readouterr().out
    with_missing(folder, points, "test")
    found = called("data", "check", describe(folder), code=1)
    assert "test: 10 of 36 points are unlabelled" in found
    for row, wrong in enumerate((True, False, False, True), 1):
        message = f"test.csv, test {row - 1}.png (row {row}): expected labelled points of the norm"
        assert (message in found) == wrong
    load_dataset(describe(folder, normaliser=[[7], [8, 1]]), "test")  # one of a group is enough
    assert "row 1" in problems_of(describe(folder, normaliser=[[7], [1]]), "test")


def test_a_network_is_trained_and_tested_on_labelled_points_alone(cats, called, capsys):
    folder, points = cats
    with_missing(folder, points, "train")
    with_missing(folder, points, "test")
    path = describe(folder, normaliser=[[7], [8, 1]])
    config = RunConfig.at("smoke", path, **SMALL)
    results = folder / "results"
    found = run(config, results=results)
    target = found.landmarks()["target"]
    assert (np.isnan(target).any(-1) == MISSING).all()
    assert np.isfinite(found.landmarks()["predicted"]).all()
    for values in (found.metrics["test"], found.metrics["mean_shape"], found.calibration):
        assert values["faces"] == 4 and np.isfinite(list(values.values())).all()
    again = load_run(config, results)
    verify(again)
    assert again.metrics == found.metrics
    capsys.readouterr()
    weights, table = results / f"weights/{found.name}.pt", folder / "table.json"
    command = ["evaluate", "--weights", str(weights), "--dataset", path, "--out", str(table)]
    assert "4 faces; 10 of 36 points are unlabelled" in called(*command)
    record = json.loads(table.read_text())
    assert record["unlabelled"] == 10
    assert record["metrics"]["test"]["nme"] == pytest.approx(found.metrics["test"]["nme"], rel=1e-2)


def test_mirror_pairs_are_judged_by_faces_whose_points_are_all_labelled():
    half = np.array([[-20, -20], [0, -25], [20, -20], [-15, 0], [0, 3], [15, 0]])
    landmarks = half + np.random.default_rng(0).normal(0, 0.5, (40, 6, 2))
    landmarks[10:, 2] = np.nan  # the faces' boxes reach less far to the right then
    assert flip_doubt(landmarks, (2, 1, 0, 5, 4, 3)) is None
    assert "0 with 5 (nearer: 2)" in flip_doubt(landmarks, (5, 1, 3, 2, 4, 0))
    landmarks[5:, 2] = np.nan
    assert flip_doubt(landmarks, (5, 1, 3, 2, 4, 0)) is None
