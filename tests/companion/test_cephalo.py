"""Cephalograms: two dentists' points as labels, eleven people's beside them, bad lists named."""

import numpy as np
import pytest
from PIL import Image

from companion.evidence.effects import face_errors
from starlib import metrics
from starlib.__main__ import main
from starlib.data import check_dataset, crop_store, load_dataset
from starlib.data.cephalo import DENTISTS, FIVE, MM_PER_PIXEL, PEOPLE, POINTS, drawn_dentist
from starlib.runs.evaluation import evaluation_metrics
from starlib.runs.predictions import evaluation_arrays
from starlib.schemes import SCHEMES
from starlib.training.config import RunConfig
from tests.conftest import problems_of
from tests.fakes import write_run

FILMS = ("001", "002", "003", "009", "010")
TESTS = ("009", "010")  # the films that eleven people have


def list_path(root, person):
    kind = "19lm" if person in DENTISTS else "5lm"
    return root / "cephalo/annotations" / f"{kind}_{person}.csv"


def change(path, line, text):
    """Put text in the place of a line, from 1."""
    lines = path.read_text().splitlines()
    lines[line - 1] = text
    path.write_text("\n".join(lines) + "\n")


@pytest.fixture
def points(tmp_path):
    """Person -> film -> points, written as a data set under `tmp_path`."""
    rng = np.random.default_rng(0)
    (tmp_path / "cephalo/images").mkdir(parents=True)
    (tmp_path / "cephalo/annotations").mkdir()
    for film in FILMS:
        pixels = rng.integers(0, 256, (100, 90), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / "cephalo/images" / f"{film}.jpg")
    written = {}
    for person in PEOPLE:
        films, count = (FILMS, 19) if person in DENTISTS else (TESTS, 5)
        written[person] = {film: rng.uniform(10, 80, (count, 2)).round(3) for film in films}
        lines = [
            ",".join([film, *(f"{v:.3f}" for v in values.ravel())])
            for film, values in written[person].items()
        ]
        list_path(tmp_path, person).write_text("\n".join(lines) + "\n")
    return written


def test_labels_are_the_mean_of_the_two_dentists(points, tmp_path):
    for split, films in (("train", FILMS[:3]), ("test", TESTS)):
        found = load_dataset("cephalo", split, tmp_path)
        assert found.names == tuple(f"images/{film}.jpg" for film in films)
        assert (found.official, found.partial) == ({"train": 300, "test": 100}[split], True)
        mean = [(points["senior"][film] + points["junior"][film]) / 2 + 0.5 for film in films]
        np.testing.assert_allclose(found.landmarks, mean, rtol=1e-6)
    assert found.read(0).mode == "RGB" and found.read(0).size == (90, 100)


def test_every_person_has_their_own_points_and_nan_for_those_they_did_not_mark(points, tmp_path):
    train, test = (load_dataset("cephalo", split, tmp_path) for split in ("train", "test"))
    assert train.annotator_names == DENTISTS and test.annotator_names == PEOPLE
    np.testing.assert_allclose(train.annotators[2, 1], points["junior"]["003"] + 0.5, rtol=1e-6)
    assert test.annotators.shape == (2, 11, 19, 2)
    np.testing.assert_allclose(test.annotators[1, 0], points["senior"]["010"] + 0.5, rtol=1e-6)
    for person in range(2, 11):
        marked = test.annotators[0, person, list(FIVE)]
        np.testing.assert_allclose(marked, points[PEOPLE[person]]["009"] + 0.5, rtol=1e-6)
        assert np.isnan(np.delete(test.annotators[0, person], FIVE, axis=0)).all()


def test_one_dentist_a_film_is_drawn_by_its_name_for_training_alone(points, tmp_path):
    found = load_dataset("cephalo-one", "train", tmp_path)
    drawn = [DENTISTS[drawn_dentist(film)] for film in FILMS[:3]]
    assert set(drawn) == set(DENTISTS)
    expected = [points[who][film] + 0.5 for who, film in zip(drawn, FILMS[:3], strict=True)]
    np.testing.assert_allclose(found.landmarks, expected, rtol=1e-6)
    one, both = (load_dataset(n, "test", tmp_path) for n in ("cephalo-one", "cephalo"))
    np.testing.assert_array_equal(one.landmarks, both.landmarks)
    assert (one.dataset, one.scheme) == ("cephalo-one", both.scheme)


def test_every_wrong_row_is_named_with_its_list_and_line(points, tmp_path):
    row = list_path(tmp_path, "senior").read_text().splitlines()[0]
    change(list_path(tmp_path, "senior"), 1, row.rpartition(",")[0])
    change(list_path(tmp_path, "senior"), 2, row.replace("001", "002").replace(".", ".x", 1))
    change(list_path(tmp_path, "junior"), 3, row.replace("001", "003") + "\n" + row)
    change(list_path(tmp_path, "junior"), 5, "009" + ",900" * 38)
    change(list_path(tmp_path, "ann1"), 1, "777" + ",50" * 9 + ",nan")
    change(list_path(tmp_path, "ann2"), 2, "009" + ",50" * 9 + ",60")
    message = problems_of("cephalo", "train", tmp_path)
    for expected in (
        "19lm_senior.csv, line 1: expected a film's name and 38 numbers (19 points), got 37",
        "19lm_senior.csv, line 2: expected numbers (could not convert",
        "19lm_junior.csv, line 4: expected film 001 once, ",
        "19lm_junior.csv, line 5: expected points inside the image of 90 x 100 pixels",
        "5lm_ann1.csv, line 1: expected finite numbers, got 'nan'",
        "5lm_ann1.csv, line 1: expected a film that the dentists have, got '777'",
        "5lm_ann2.csv, line 2: expected film 009 once",
        "5lm_ann2.csv: expected film 010, as ",
        "5lm_ann3.csv: expected film 777, as ",
    ):
        assert expected in message, expected
    assert message == problems_of("cephalo-one", "test", tmp_path)


def test_missing_lists_and_missing_or_damaged_pictures_are_named_at_once(points, tmp_path, capsys):
    list_path(tmp_path, "ann4").unlink()
    (tmp_path / "cephalo/images/002.jpg").unlink()
    (tmp_path / "cephalo/images/003.jpg").write_bytes(b"no picture")
    for name in ("cephalo", "cephalo-one"):
        assert main(["data", "check", name, "--data-root", str(tmp_path)]) == 1
        message = capsys.readouterr().out
        assert "5lm_ann4.csv: expected a readable list" in message
        assert (
            "002.jpg: expected the picture of" in message and "19lm_senior.csv, line 2" in message
        )
        assert "003.jpg: expected a readable image" in message
        assert "problems: 3;" in message and "is distributed at https://" in message


def test_a_copy_without_some_pictures_is_read_and_called_partial(points, tmp_path):
    (tmp_path / "cephalo/images/002.jpg").unlink()
    found = load_dataset("cephalo", "train", tmp_path)
    assert found.names == ("images/001.jpg", "images/003.jpg") and found.partial
    assert check_dataset("cephalo", tmp_path).counts == {"train": (2, 300), "test": (2, 100)}
    for film in ("001", "003"):
        (tmp_path / f"cephalo/images/{film}.jpg").unlink()
    assert "expected films of the split train" in problems_of("cephalo", "train", tmp_path)


def test_soft_tissue_pogonion_is_left_out_of_scores_and_reported_apart(points, tmp_path):
    films = load_dataset("cephalo", "test", tmp_path)
    assert [POINTS[i] for i in films.scheme.unscored] == ["soft-tissue pogonion"]
    crops = crop_store(films, 32, tmp_path / "crops")
    predicted = crops.landmarks.copy()
    predicted[:, 15] += 0.5
    predicted[:, 3] += 0.1
    arrays = evaluation_arrays(predicted, crops, films)
    found = evaluation_metrics(arrays, films.scheme)
    assert list(found) == ["test", "test, unscored points"]
    sella, nasion = crops.landmarks[:, 0], crops.landmarks[:, 1]
    distance = np.linalg.norm(sella - nasion, axis=-1)
    expected = (0.1 * 2**0.5 / 18 / distance).mean()
    assert found["test"]["nme"] == pytest.approx(expected, rel=1e-4)
    apart = (0.5 * 2**0.5 / distance).mean()
    assert found["test, unscored points"]["nme"] == pytest.approx(apart, rel=1e-4)
    assert metrics.point_errors(predicted, crops.landmarks, films.scheme).shape == (2, 19)


def test_effects_leave_out_the_unscored_point(tmp_path):
    run = write_run(RunConfig.at("smoke", "cephalo"), tmp_path, 0.05, noise=0.01)
    arrays = run.landmarks()
    expected = metrics.nme(arrays["predicted"], arrays["target"], SCHEMES["cephalo"])
    np.testing.assert_allclose(face_errors(run), expected)


def test_the_real_films_have_their_numbers_and_their_people_scatter(real_data):
    if not (real_data / "cephalo").is_dir():
        pytest.skip("no cephalograms")
    train, test = (load_dataset("cephalo", split, real_data) for split in ("train", "test"))
    assert (len(train), len(test)) == (300, 100) and not set(train.names) & set(test.names)
    drawn = [drawn_dentist(name[-7:-4]) for name in train.names]
    assert (drawn.count(0), drawn.count(1)) == (160, 140)
    for index, person in enumerate(DENTISTS):  # their rows in the lists of five points
        lines = (real_data / f"cephalo/annotations/5lm_{person}.csv").read_text().splitlines()
        rows = {line.split(",")[0]: np.array(line.split(",")[1:], float) for line in lines}
        again = [rows[name[-7:-4]].reshape(5, 2) + 0.5 for name in test.names]
        np.testing.assert_allclose(test.annotators[:, index, list(FIVE)], again, atol=1e-3)
    marked = test.annotators[:, :, list(FIVE)].astype(np.float64) * MM_PER_PIXEL
    apart = marked - marked.mean(1, keepdims=True)
    spread = np.einsum("fapi,fapj->pij", apart, apart) / (apart.shape[0] * apart.shape[1])
    sd = np.sqrt(np.linalg.eigvalsh(spread))[:, ::-1]  # mm along and across, as first measured
    known = [(0.98, 0.38), (2.41, 1.14), (1.88, 1.24), (0.53, 0.48), (1.28, 0.88)]
    np.testing.assert_allclose(sd, known, atol=0.006)
    pogonion = np.linalg.norm(train.annotators[:, 0, 15] - train.annotators[:, 1, 15], axis=-1)
    assert 6 < MM_PER_PIXEL * pogonion.mean() < 10  # two definitions
