import os

import numpy as np
import pytest
from PIL import Image

from starlib.data import DataError, check_dataset, crop_store, load_dataset
from starlib.data.crops import STORE_MARGIN, store_size
from starlib.data.images import open_image
from tests.conftest import problems_of, write_pts


def test_official_layout_is_read_with_png_and_jpg_with_and_without_header(tiny_300w):
    train, test = (load_dataset("300w", split, tiny_300w) for split in ("train", "test"))
    assert train.names == (
        "afw/1.jpg",
        "afw/2.png",
        "helen/trainset/3.jpg",
        "lfpw/trainset/4.png",
    )
    assert (len(test), test.partial, test.official) == (2, True, 689)
    assert test.subsets["common"].all() and set(test.subsets) == {"common"}
    assert train.read(0).size == (100, 90)


def test_the_whole_common_test_set_is_read(real_data):
    train, test = (load_dataset("300w", split, real_data) for split in ("train", "test"))
    assert (len(test), int(test.subsets["common"].sum())) == (554, 554)
    assert train.partial and len(train) > 2000
    assert "challenge" not in test.subsets  # ibug is not there, so "full" is not either
    assert "full" not in test.subsets


def test_missing_folders_are_named(tmp_path, monkeypatch):
    monkeypatch.delenv("STARLIB_DATA", raising=False)
    with pytest.raises(DataError, match=r"\$STARLIB_DATA or --data-root"):
        load_dataset("300w", "train")
    with pytest.raises(DataError, match=r"300w: expected the folder"):
        load_dataset("300w", "train", tmp_path)
    (tmp_path / "300w").mkdir()
    assert "expected images with .pts files in afw, helen/trainset" in problems_of(
        "300w", root=tmp_path
    )
    (tmp_path / "300w" / "afw").mkdir()
    assert "300w/afw: expected images with .pts files, the folder is empty" in problems_of(
        "300w", root=tmp_path
    )


def test_unknown_names_and_splits_are_errors(tiny_300w):
    with pytest.raises(ValueError, match="name: expected one of synthface, .*300w"):
        load_dataset("wider", "train", tiny_300w)
    with pytest.raises(ValueError, match="split: expected one of train, test"):
        load_dataset("300w", "val", tiny_300w)
    with pytest.raises(ValueError, match="name: expected one of 300w"):
        check_dataset("synthface", tiny_300w)


def test_every_problem_is_named_at_once(tiny_300w):
    root = tiny_300w / "300w"
    points = np.random.default_rng(0).uniform(20, 80, (68, 2))
    write_pts(root / "afw/1.pts", points[:67])
    points[5] = (900.0, 20.0)
    write_pts(root / "afw/2.pts", points)
    (root / "helen/trainset/3.jpg").write_bytes(b"no picture")
    (root / "lfpw/trainset/4.pts").unlink()
    message = problems_of("300w", root=tiny_300w)
    assert "afw/1.pts: expected 68 points, found 67" in message
    assert "afw/2.pts: expected points inside the image of 100 x 90 pixels, point 5" in message
    assert "helen/trainset/3.jpg: expected a readable image" in message
    assert "lfpw/trainset/4.pts: expected the landmarks of 4.png" in message


def test_faces_that_the_border_cuts_off_are_read(tiny_300w):
    points = np.random.default_rng(0).uniform(20, 80, (68, 2))
    points[4:6] = (1.0, 1.0), (-8.0, 40.0)  # the centre of the first pixel; outside
    write_pts(tiny_300w / "300w/afw/2.pts", points)
    faces = load_dataset("300w", "train", tiny_300w)
    [row] = [i for i, name in enumerate(faces.names) if name.startswith("afw/2.")]
    np.testing.assert_allclose(faces.landmarks[row, 4:6], [(0.5, 0.5), (-8.5, 39.5)])


@pytest.mark.parametrize(("mode", "dtype"), [("I;16", np.uint16), ("F", np.float32)])
def test_grey_values_whose_range_is_not_known_are_refused(mode, dtype, tmp_path):
    path = tmp_path / "grey.tif"
    Image.fromarray(np.ones((90, 100), dtype)).save(path)
    message = rf"grey.tif: expected a readable image \(of 8 bits per channel, its mode is {mode}\)"
    with pytest.raises(DataError, match=message):
        open_image(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{\n1 2\nthree 4\n}", "expected lines of two numbers"),
        ("", "expected 68 points, found 0"),
        ("{\n" + "nan 1\n" * 68 + "}", "expected finite coordinates"),
        ("{\n" + "30 30\n" * 68 + "}", "all of them are the same"),
    ],
)
def test_broken_pts_files_are_named(tiny_300w, text, message):
    (tiny_300w / "300w/afw/1.pts").write_text(text)
    problems = problems_of("300w", root=tiny_300w)
    assert "afw/1.pts" in problems and message in problems


def test_data_check_counts_and_names_everything(tiny_300w, called):
    message = called("data", "check", "300w", "--data-root", str(tiny_300w))
    assert "afw" in message and "2 of    337 faces  partial" in message
    assert "ibug" in message and "0 of    135 faces  missing" in message
    for total in (
        "train                 4 of   3148 faces  partial",
        "common                2 of    554 faces  partial",
        "challenge             0 of    135 faces  missing",
    ):
        assert total in message
    assert "distributed at https://ibug" in message
    truncated = tiny_300w / "300w/helen/trainset/3.jpg"
    truncated.write_bytes(truncated.read_bytes()[:700])  # header whole, pixels not
    (tiny_300w / "300w/afw/1.pts").unlink()
    message = called("data", "check", "300w", "--data-root", str(tiny_300w), code=1)
    assert "helen/trainset/3.jpg: expected a readable image" in message
    assert "afw/1.pts: expected the landmarks of 1.jpg" in message
    assert "problems: 2" in message


def test_crops_put_landmarks_where_the_pixels_are(tmp_path):
    from starlib.data.faces import FaceSet
    from starlib.schemes import SCHEMES

    rng = np.random.default_rng(1)
    landmarks = rng.uniform(60, 140, (1, 68, 2)).astype(np.float32)
    picture = np.zeros((200, 200, 3), np.uint8)
    landmarks[0, 7] = (100.5, 80.5)
    picture[80, 100] = 255  # the one white pixel has point 7 at its centre
    faces = FaceSet(
        "300w", "train", SCHEMES["300w"], ("x",), landmarks, lambda _: Image.fromarray(picture)
    )
    store = crop_store(faces, 320, tmp_path)
    size = store_size(320)
    assert store.images.shape == (1, 3, size, size)
    light = store.images[0, 0].astype(float)
    rows, columns = np.mgrid[:size, :size]
    centre = np.array([(light * columns).sum(), (light * rows).sum()]) / light.sum()
    expected = (store.landmarks[0, 7] + 1) / 2 * size - 0.5
    np.testing.assert_allclose(centre, expected, atol=0.3)
    assert np.abs(store.landmarks).max() == pytest.approx(1 / STORE_MARGIN, abs=1e-5)


@pytest.mark.parametrize("height", [0.1, 0.0])
def test_a_face_that_reaches_beyond_its_crop_is_named(tiny_300w, tmp_path, height):
    faces = load_dataset("300w", "train", tiny_300w)
    faces.landmarks[2, :, 1] = 20 + height * (faces.landmarks[2, :, 1] - 20)
    crop_store(faces, 32, tmp_path)  # by the longer side
    with pytest.raises(DataError, match=f"^{faces.names[2]}: expected labels that the crop"):
        crop_store(faces, 32, tmp_path, "released")


def test_a_crop_store_is_built_once_and_read_again(tiny_300w, tmp_path, monkeypatch):
    faces = load_dataset("300w", "train", tiny_300w)
    first = crop_store(faces, 32, tmp_path / "crops")
    monkeypatch.setattr("starlib.data.crops.crop", None)  # building again would fail
    again = crop_store(faces, 32, tmp_path / "crops")
    assert np.array_equal(first.images, again.images)
    assert first.fingerprint == again.fingerprint
    assert len(list((tmp_path / "crops").iterdir())) == 1


def test_a_crop_store_clears_what_killed_builds_of_it_have_left(tiny_300w, tmp_path):
    faces = load_dataset("300w", "train", tiny_300w)
    crops = tmp_path / "crops"
    crop_store(faces, 32, crops)
    [folder] = crops.iterdir()
    folder.rename(crops / f".partial-{folder.name}-killed")
    (crops / ".partial-of-another").mkdir()
    crop_store(faces, 32, crops)
    assert {path.name for path in crops.iterdir()} == {folder.name, ".partial-of-another"}


def test_an_unreadable_image_is_named_and_leaves_no_crop_store(tiny_300w, tmp_path):
    truncated = tiny_300w / "300w/afw/1.jpg"
    truncated.write_bytes(truncated.read_bytes()[:700])
    faces = load_dataset("300w", "train", tiny_300w)
    with pytest.raises(DataError, match=r"afw/1.jpg: expected a readable image"):
        crop_store(faces, 32, tmp_path / "crops")
    assert os.listdir(tmp_path / "crops") == []


def test_empty_folders_second_images_and_lonely_landmarks_are_named(tiny_300w):
    root = tiny_300w / "300w"
    (root / "ibug").mkdir()
    message = problems_of("300w", "test", tiny_300w)
    assert "300w/ibug: expected images with .pts files, the folder is empty" in message
    (root / "ibug").rmdir()
    Image.new("RGB", (100, 90)).save(root / "afw/1.png")
    (root / "afw/2.png").unlink()
    message = problems_of("300w", root=tiny_300w)
    assert "afw/1.png: expected one image for 1.pts, 1.jpg is another" in message
    assert "afw/2.pts: expected an image beside it" in message


def test_a_broken_crop_store_is_named(tiny_300w, tmp_path):
    faces = load_dataset("300w", "train", tiny_300w)
    crop_store(faces, 32, tmp_path / "crops")
    [folder] = (tmp_path / "crops").iterdir()
    (folder / "faces.npz").write_bytes(b"PK nonsense")
    with pytest.raises(DataError, match="expected a crop store, remove it"):
        crop_store(faces, 32, tmp_path / "crops")
