"""The official files of WFLW and SCUT-FBP5500, in samples written as they come."""

import zlib

import numpy as np
import pytest

from starlib.data import check_dataset, load_dataset, wflw
from tests.conftest import problems_of, save_picture

RNG = np.random.default_rng(0)


def face(points):
    return RNG.uniform(20, 80, (points, 2))


# WFLW


def wflw_line(points, image, flags=(0, 0, 0, 0, 0, 0)):
    return " ".join([*(f"{v:.6f}" for v in points.ravel()), "10 10 90 90", *map(str, flags), image])


@pytest.fixture
def tiny_wflw(tmp_path):
    """Three test faces, two of them in one image; the middle one with make-up and blur."""
    for name in ("0--Parade/a.jpg", "1--Hand shake/b.jpg"):
        save_picture(tmp_path / "wflw/WFLW_images" / name)
    points = [face(98) for _ in range(3)]
    points[0][60] = (0, 0)  # the centre of the first pixel
    lines = [
        wflw_line(points[0], "0--Parade/a.jpg"),
        wflw_line(points[1], "0--Parade/a.jpg", (0, 0, 0, 1, 0, 1)),
        wflw_line(points[2], "1--Hand shake/b.jpg", (1, 0, 0, 0, 0, 0)),
    ]
    path = tmp_path / "wflw" / wflw.LISTS["test"]
    path.parent.mkdir(parents=True)
    path.write_text("\n".join(lines) + "\n")
    return tmp_path


def test_wflw_lists_are_read_with_their_subsets(tiny_wflw):
    faces = load_dataset("wflw", "test", tiny_wflw)
    assert (len(faces), faces.official, faces.partial) == (3, 2500, True)
    assert len(set(faces.names)) == 3  # two faces are in one image
    assert next(iter(faces.subsets)) == "full" and faces.subsets["full"].all()
    assert faces.subsets["makeup"].tolist() == [False, True, False]
    assert faces.subsets["blur"].tolist() == [False, True, False]
    assert faces.subsets["pose"].tolist() == [False, False, True]
    assert "occlusion" not in faces.subsets  # no face has it
    assert faces.read(2).size == (100, 90)
    np.testing.assert_allclose(faces.landmarks[0, 60], [0.5, 0.5])  # lists count from 0


def test_wflw_faces_without_their_image_are_left_out_and_named_by_check(tiny_wflw, called):
    (tiny_wflw / "wflw/WFLW_images/1--Hand shake/b.jpg").unlink()
    assert len(load_dataset("wflw", "test", tiny_wflw)) == 2
    message = called("data", "check", "wflw", "--data-root", str(tiny_wflw), code=1)
    assert "test                  2 of   2500 faces  partial" in message
    assert "train                 0 of   7500 faces  missing" in message
    assert "b.jpg: expected the image of line 3" in message


def test_every_wrong_line_of_a_wflw_list_is_named(tiny_wflw):
    path = tiny_wflw / "wflw" / wflw.LISTS["test"]
    far = face(98)
    far[3] = (900, 20)
    lines = [
        "1 2 3",
        wflw_line(far, "0--Parade/a.jpg"),
        wflw_line(face(98), "0--Parade/a.jpg", (0, 0, 7, 0, 0, 0)),
        wflw_line(face(98), "0--Parade/a.jpg").replace(" ", " x", 1),
    ]
    path.write_text("\n".join(lines))
    message = problems_of("wflw", "test", tiny_wflw)
    assert "line 1: expected 207 words (98 points), found 3" in message
    assert "line 2: expected points inside the image of 100 x 90 pixels, point 3" in message
    assert "line 3: expected six attributes of 0 or 1" in message
    assert "line 4: expected numbers (could not convert" in message
    assert "list_98pt_rect_attr_train.txt: expected the list" in problems_of(
        "wflw", "train", tiny_wflw
    )


def test_the_real_wflw_faces_are_read(real_data):
    faces = load_dataset("wflw", "test", real_data)
    assert (len(faces), faces.official) == (206, 2500)
    lines = (real_data / "wflw" / wflw.LISTS["test"]).read_text().splitlines()
    flags = np.array([line.split()[200:206] for line in lines]).astype(int)
    found = {name: int(mask.sum()) for name, mask in faces.subsets.items()}
    assert found == {"full": 206, **dict(zip(wflw.SUBSETS[1:], flags.sum(0), strict=True))}
    derived = load_dataset("wflw-68", "test", real_data)
    assert (len(derived), derived.scheme.name) == (273, "300w")
    assert "it has no train" in problems_of("wflw-68", "train", real_data)


# SCUT-FBP5500


def write_binary_pts(path, points):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(np.int32(len(points)).tobytes() + points.astype("<f4").tobytes())


def test_scut_faces_are_read_in_both_layouts(tmp_path):
    root = tmp_path / "scut-fbp5500"
    names = ["AF1", "AF2", "AM3", "CF4", "CM5", "CM6", "AF7", "AF8"]
    points = {name: face(86) for name in names}
    points["AF1"][0] = (0, 0)  # the centre of the first pixel
    numbers = {name: zlib.crc32(name.encode()) % 100 for name in names}
    for name in names:
        save_picture(root / "Images" / f"{name}.jpg")
        write_binary_pts(root / "facial landmark" / f"{name}.pts", points[name])
    for split, low, high in (("train", 0, 44), ("test", 44, 55)):
        chosen = [n for n in sorted(names) if low <= numbers[n] < high]
        assert chosen, "no name of this split"
        faces = load_dataset("scut-fbp5500", split, tmp_path)
        assert faces.names == tuple(f"Images/{name}.jpg" for name in chosen)
        np.testing.assert_allclose(faces.landmarks[0], points[chosen[0]] + 0.5, rtol=1e-6)
        for name in chosen:
            save_picture(root / split / f"{name}.jpg")
            write_binary_pts(root / split / f"{name}.pts", points[name])
    whole = check_dataset("scut-fbp5500", tmp_path)
    assert whole.counts["all"] == (len(names), 5500) and not whole.problems
    assert load_dataset("scut-fbp5500", "test", tmp_path).names[0].startswith("test/")


def test_wrong_scut_files_are_named(tmp_path):
    root = tmp_path / "scut-fbp5500"
    for name, content in {
        "a": b"\x03\x00\x00\x00" + bytes(24),
        "b": b"\x56\x00\x00\x00" + bytes(24),
        "c": b"",
    }.items():
        save_picture(root / "train" / f"{name}.jpg")
        (root / "train" / f"{name}.pts").write_bytes(content)
    message = problems_of("scut-fbp5500", "train", tmp_path)
    assert "a.pts: expected a binary .pts file of 86 points, found 3" in message
    assert "b.pts: expected 692 bytes, found 28" in message
    assert "c.pts: expected a binary .pts file" in message
    assert "expected test/, or Images/ and facial landmark/" in problems_of(
        "scut-fbp5500", "test", tmp_path
    )


def test_the_real_scut_faces_are_read(real_data):
    train, test = (load_dataset("scut-fbp5500", split, real_data) for split in ("train", "test"))
    assert (len(train), len(test)) == (2449, 649)
    names = [name.rpartition("/")[2][:-4] for name in test.names]
    assert all(44 <= zlib.crc32(name.encode()) % 100 < 55 for name in names)
