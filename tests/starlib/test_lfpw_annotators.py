"""LFPW's test faces by three workers: labels, people's points, bad lists named."""

import numpy as np
import pytest

from starlib.data import load_dataset
from starlib.data.lfpw_annotators import COLUMNS, CORNERS, CORNERS_300W, LIST, POINTS, ROWS
from starlib.schemes import SCHEMES
from tests.conftest import problems_of, save_picture, write_pts

IMAGES = ("image_0002", "image_0007")
PLACE = "300w/lfpw/testset"


@pytest.fixture
def points(tmp_path):
    return write_lfpw(tmp_path)


def write_lfpw(root):
    """Image -> points [4, 35, 2] by ROWS, written under a folder with the pictures of 300-W."""
    rng = np.random.default_rng(0)
    (root / "lfpw_annotators").mkdir(exist_ok=True)
    written, lines = {}, [",".join(COLUMNS)]
    for image, suffix in zip(IMAGES, (".jpg", ".png"), strict=True):
        save_picture(root / PLACE / f"{image}{suffix}")
        face = rng.uniform(20, 80, (1, 35, 2)) + rng.normal(0, 1, (4, 35, 2))
        face[3] = face[:3].mean(0)
        written[image] = face.round(3)
        whole = rng.uniform(20, 80, (68, 2))
        whole[CORNERS_300W] = written[image][3, CORNERS] + 1  # they count from 1
        write_pts(root / PLACE / f"{image}.pts", whole)
        for who, values in zip(("average", *ROWS[:3]), written[image][[3, 0, 1, 2]], strict=True):
            lines += [
                f"{image},{who},{point},{x:.3f},{y:.3f},0"
                for point, (x, y) in zip(POINTS, values, strict=True)
            ]
    (root / "lfpw_annotators" / LIST).write_text("\n".join(lines) + "\n")
    return written


def change(root, changed):
    """Replace lines, from 1, of the list; None takes one out."""
    path = root / "lfpw_annotators" / LIST
    lines = dict(enumerate(path.read_text().splitlines(), 1)) | changed
    path.write_text("\n".join(line for line in lines.values() if line is not None) + "\n")


def test_labels_are_the_averages_and_the_workers_stand_beside_them(points, tmp_path):
    found = load_dataset("lfpw-annotators", "test", tmp_path)
    assert found.names == ("lfpw/testset/image_0002.jpg", "lfpw/testset/image_0007.png")
    assert (found.official, found.partial, found.scheme.name) == (221, True, "lfpw-35")
    assert found.annotator_names == ("worker_0", "worker_1", "worker_2")
    expected = np.stack([points[image] for image in IMAGES]) + 0.5
    np.testing.assert_allclose(found.landmarks, expected[:, 3], rtol=1e-6)
    np.testing.assert_allclose(found.annotators, expected[:, :3], rtol=1e-6)
    assert found.read(1).size == (100, 90)


def test_workers_who_are_missing_or_said_that_a_point_is_outside_have_nan(points, tmp_path):
    place = 2 + 35 * 4 + 35  # the second image's worker_0
    outside = "image_0002,worker_2,chin,50,50,3"
    change(tmp_path, {140 + 1: outside} | {place + i: None for i in range(35)})
    found = load_dataset("lfpw-annotators", "test", tmp_path)
    missing = np.isnan(found.annotators).all(-1)
    assert missing[1, 0].all() and missing[0, 2, 34] and missing.sum() == 36
    assert np.isfinite(found.landmarks).all()


def test_there_is_no_training_split(points, tmp_path):
    message = problems_of("lfpw-annotators", "train", tmp_path)
    assert message == "lfpw-annotators: expected the split test, it has no train"


def test_every_wrong_row_is_named_with_its_line(points, tmp_path):
    rows = {
        2: "image_0002,average,left_eyebrow_out,1.0",
        3: "image_0002,average,right_eyebrow_out,1.0,two,0",
        4: "image_0002,average,left_eyebrow_in,1.0,inf,0",
        5: "image_0002,somebody,right_eyebrow_in,1.0,2.0,0",
        6: "image_0002,average,moustache,1.0,2.0,0",
        7: "image_0002,average,chin,1.0,2.0,9",
        8: "../../image,average,chin,1.0,2.0,0",
        10: "image_0002,average,left_eye_in,1.0,2.0,0",
        12: "image_0002,average,left_eye_in,1.0,2.0,0",
        200: None,
    }
    change(tmp_path, rows)
    message = problems_of("lfpw-annotators", "test", tmp_path)
    for expected in (
        f"{LIST}, line 2: expected 6 cells, got 4",
        f"{LIST}, line 3: expected numbers (could not convert",
        f"{LIST}, line 4: expected finite numbers, got 'inf'",
        f"{LIST}, line 5: worker: expected one of worker_0, worker_1, worker_2, average, got",
        f"{LIST}, line 6: point: expected one of left_eyebrow_out",
        f"{LIST}, line 7: type: expected one of 0, 1, 2, 3, got '9'",
        f"{LIST}, line 8: image: expected a name without folder",
        f"{LIST}, line 12: expected left_eye_in of image_0002 by average once, it is a second",
        f"{LIST}: expected all 35 points of image_0007 by worker_0, ",
    ):
        assert expected in message, expected


def test_points_outside_the_picture_and_other_crops_are_named(points, tmp_path):
    change(tmp_path, {60: f"image_0002,worker_0,{POINTS[60 - 37]},1900,50,0"})
    path = tmp_path / PLACE / "image_0007.pts"
    write_pts(path, np.random.default_rng(1).uniform(20, 80, (68, 2)))
    message = problems_of("lfpw-annotators", "test", tmp_path)
    assert "(worker_0): expected points inside the image of 100 x 90 pixels, point 23" in message
    assert "expected the crop image_0007.png that the list was made for" in message
    assert message.count("\n") == 1


def test_missing_lists_and_missing_or_damaged_pictures_are_named(points, tmp_path, called):
    (tmp_path / PLACE / "image_0002.jpg").unlink()
    assert len(load_dataset("lfpw-annotators", "test", tmp_path)) == 1
    (tmp_path / PLACE / "image_0007.png").write_bytes(b"no picture")
    message = called("data", "check", "lfpw-annotators", "--data-root", str(tmp_path), code=1)
    assert "image_0002.png or .jpg: expected the picture of" in message
    assert f"{LIST}, line 2, missing" in message
    assert "image_0007.png: expected a readable image" in message and "problems: 2;" in message
    path = tmp_path / "lfpw_annotators" / LIST
    path.write_text("image,x,y\n")
    assert "expected the columns image, worker, point" in problems_of(
        "lfpw-annotators", "test", tmp_path
    )
    path.unlink()
    assert f"{LIST}: expected a readable list" in problems_of("lfpw-annotators", "test", tmp_path)


def test_the_first_points_are_those_of_cofw_in_its_order():
    ours, cofw = SCHEMES["lfpw-35"], SCHEMES["cofw"]
    assert ours.edges == cofw.edges and ours.flip[:28] == cofw.flip[:28]
    for i, mirror in enumerate(ours.flip):
        swap = {"left": "right", "right": "left"}
        side, _, rest = POINTS[i].partition("_")
        assert POINTS[mirror] == (f"{swap[side]}_{rest}" if side in swap else POINTS[i])


def test_the_real_workers_scatter_along_the_eye_at_its_outer_corners(real_data):
    """SD of three workers along the eye over that across, of faces turned upright, in units of the
    outer eye corners' distance, where all three call the point visible."""
    if not (real_data / "lfpw_annotators").is_dir():
        pytest.skip("no annotators of LFPW")
    faces = load_dataset("lfpw-annotators", "test", real_data)
    assert len(faces) == 221 and not faces.partial
    assert np.isnan(faces.annotators).all((2, 3)).sum(0).tolist() == [1, 0, 0]
    whole = load_dataset("300w", "test", real_data)
    place = [whole.names.index(name) for name in faces.names]
    shift = np.median(faces.landmarks[:, CORNERS] - whole.landmarks[place][:, CORNERS_300W], (0, 1))
    np.testing.assert_allclose(shift, (-0.28, -0.41), atol=0.03)  # another definition, a little

    across = faces.landmarks[:, 9] - faces.landmarks[:, 8]
    eyes = (across @ [1, 1j]).astype(np.complex128)
    people = faces.annotators.astype(np.float64) @ [1, 1j] / eyes[:, None, None]
    for point, ratio in ((8, 1.99), (9, 2.28)):
        apart = people[:, :, point] - people[:, :, point].mean(1, keepdims=True)
        apart = apart[np.isfinite(apart).all(1)].ravel()
        spread = np.cov(apart.real, apart.imag)
        small, large = np.sqrt(np.linalg.eigvalsh(spread))
        assert large / small == pytest.approx(ratio, abs=0.05)
        axis = np.linalg.eigh(spread)[1][:, 1]
        assert abs(np.degrees(np.arctan(axis[1] / axis[0]))) < 7
    others = (people.sum(1, keepdims=True) - people) / 2
    errors = 100 * np.abs(people - others)[..., [*range(28), 34]]  # LFPW's 29 points
    assert np.nanmean(errors) == pytest.approx(2.92, abs=0.03)
    assert np.nanmedian(errors) == pytest.approx(2.2, abs=0.05)
