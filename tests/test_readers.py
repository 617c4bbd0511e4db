"""The official files of WFLW, COFW, 300-VW and SCUT-FBP5500, in samples written as they come."""

import gc
import weakref
import zlib

import numpy as np
import pytest
from PIL import Image

from starlib.__main__ import main
from starlib.data import DataError, check_dataset, cofw, load_dataset, vw300, wflw
from starlib.data.crops import crop_store
from starlib.records import evaluation_arrays, evaluation_metrics
from tests.conftest import write_pts

RNG = np.random.default_rng(0)


def picture(path, size=(100, 90)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(RNG.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)).save(path)


def face(points):
    return RNG.uniform(20, 80, (points, 2))


def problems_of(name, split, root):
    with pytest.raises(DataError) as raised:
        load_dataset(name, split, root)
    return str(raised.value)


# WFLW


def wflw_line(points, image, flags=(0, 0, 0, 0, 0, 0)):
    return " ".join([*(f"{v:.6f}" for v in points.ravel()), "10 10 90 90", *map(str, flags), image])


@pytest.fixture
def tiny_wflw(tmp_path):
    """Three test faces, two of them in one image; the middle one with make-up and blur."""
    for name in ("0--Parade/a.jpg", "1--Hand shake/b.jpg"):
        picture(tmp_path / "wflw/WFLW_images" / name)
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


def test_wflw_points_are_zero_based(tiny_wflw):
    landmarks = load_dataset("wflw", "test", tiny_wflw).landmarks
    np.testing.assert_allclose(landmarks[0, 60], [0.5, 0.5])


def test_wflw_faces_without_their_image_are_left_out_and_named_by_check(tiny_wflw, capsys):
    (tiny_wflw / "wflw/WFLW_images/1--Hand shake/b.jpg").unlink()
    assert len(load_dataset("wflw", "test", tiny_wflw)) == 2
    assert main(["data", "check", "wflw", "--data-root", str(tiny_wflw)]) == 1
    told = capsys.readouterr().out
    assert "test                  2 of   2500 faces  partial" in told
    assert "train                 0 of   7500 faces  missing" in told
    assert "b.jpg: expected the image of line 3" in told


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
    told = problems_of("wflw", "test", tiny_wflw)
    assert "line 1: expected 207 words (98 points), found 3" in told
    assert "line 2: expected points inside the image of 100 x 90 pixels, point 3" in told
    assert "line 3: expected six attributes of 0 or 1" in told
    assert "line 4: expected numbers before the image's name" in told
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


# COFW


def write_cofw(path, split="test", faces=3, gray=False, change=lambda file: None):
    """A file as MATLAB -v7.3 writes it: columns first, images as references. Returns the pixels."""
    h5py = pytest.importorskip("h5py")
    path.parent.mkdir(exist_ok=True)
    images, rows = cofw.VARIABLES[split]
    shape = (90, 100) if gray else (90, 100, 3)
    pixels = RNG.integers(0, 256, (faces, *shape), dtype=np.uint8)
    values = np.concatenate([RNG.uniform(20, 80, (faces, 58)), np.zeros((faces, 29))], axis=1)
    values[0, 0], values[0, 29], values[1, 58 + 28] = 1, 1, 1  # first pixel; hidden chin
    with h5py.File(path, "w") as file:
        references = np.empty((1, faces), dtype=h5py.ref_dtype)
        for index in range(faces):
            stored = file.create_dataset(f"#refs#/{index}", data=pixels[index].T)
            references[0, index] = stored.ref
        file.create_dataset(images, data=references, dtype=h5py.ref_dtype)
        file.create_dataset(rows, data=values.T)
        change(file)
    return pixels


@pytest.mark.parametrize("gray", [False, True])
def test_cofw_files_are_read_in_colour_and_grayscale(tmp_path, gray):
    name = "COFW_test.mat" if gray else "COFW_test_color.mat"
    pixels = write_cofw(tmp_path / "cofw" / name, gray=gray)
    faces = load_dataset("cofw", "test", tmp_path)
    assert (len(faces), faces.official, faces.scheme.name) == (3, 507, "cofw")
    np.testing.assert_allclose(faces.landmarks[0, 0], [0.5, 0.5])  # MATLAB counts from 1
    assert faces.occluded.sum() == 1 and faces.occluded[1, 28]
    expected = np.repeat(pixels[2][..., None], 3, -1) if gray else pixels[2]
    np.testing.assert_array_equal(np.asarray(faces.read(2)), expected)


def test_cofw_is_evaluated_by_pupils_and_by_eye_corners(tmp_path):
    write_cofw(tmp_path / "cofw/COFW_test_color.mat")
    faces = load_dataset("cofw", "test", tmp_path)
    crops = crop_store(faces, 32, tmp_path / "crops")
    arrays = evaluation_arrays(crops.landmarks + 0.01, crops, faces)
    found = evaluation_metrics(arrays, faces)
    assert list(found) == ["test", "test, inter-ocular"]
    target = arrays["target"]
    for name, (left, right) in {"test": (16, 17), "test, inter-ocular": (8, 9)}.items():
        distance = np.linalg.norm(target[:, left] - target[:, right], axis=-1)
        errors = np.linalg.norm(arrays["predicted"] - target, axis=-1).mean(1)
        assert found[name]["nme"] == pytest.approx((errors / distance).mean(), rel=1e-5)


def test_wrong_cofw_files_are_named(tmp_path):
    path = tmp_path / "cofw/COFW_test_color.mat"
    path.parent.mkdir()
    assert "COFW_test_color.mat: expected the file of the split test" in problems_of(
        "cofw", "test", tmp_path
    )
    path.write_bytes(b"MATLAB 5.0 MAT-file")
    assert "expected a MATLAB v7.3 file" in problems_of("cofw", "test", tmp_path)

    def other_name(file):
        file.move("phisT", "phis")

    def fewer(file):
        del file["phisT"]
        file["phisT"] = np.zeros((87, 2))

    def outside(file):
        file["phisT"][0, 1] = 500
        file["phisT"][60, 2] = 0.5

    for change, told in (
        (other_name, "expected the variables phisT"),
        (fewer, "expected phisT with 87 numbers for each of 3 images, found shape (2, 87)"),
        (outside, "face 2: expected points inside the image of 100 x 90 pixels, point 0"),
        (outside, "face 3: expected occlusion flags of 0 or 1"),
    ):
        write_cofw(path, change=change)
        assert told in problems_of("cofw", "test", tmp_path)


def test_cofw_check_counts_and_reads_every_image(tmp_path, capsys):
    write_cofw(tmp_path / "cofw/COFW_test_color.mat")
    assert main(["data", "check", "cofw", "--data-root", str(tmp_path)]) == 0
    told = capsys.readouterr().out
    assert "test                  3 of    507 faces  partial" in told
    assert "train                 0 of   1345 faces  missing" in told

    def real_numbers(file):
        values = file["#refs#/1"][()] / 255
        del file["#refs#/1"]
        file["IsT"][0, 1] = file.create_dataset("#refs#/1", data=values).ref

    write_cofw(tmp_path / "cofw/COFW_test_color.mat", change=real_numbers)
    [problem] = check_dataset("cofw", tmp_path).problems
    assert "expected image 2 as uint8 [3, W, H] or [W, H], found float64" in problem


# 300-VW


def write_video(path, frames):
    """A video whose frame k (from 0) has brightness 10 k."""
    av = pytest.importorskip("av")
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 96, 80, "yuv420p"
        for k in range(frames):
            pixels = np.full((80, 96, 3), 10 * k, np.uint8)
            for packet in stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)


@pytest.fixture
def tiny_300vw(tmp_path):
    """Videos 114 (category A) and 410 (C) of 12 frames, of which four and one are annotated."""
    for video, annotated in {"114": (1, 4, 5, 12), "410": (7,)}.items():
        folder = tmp_path / "300vw" / video
        write_video(folder / "vid.avi", 12)
        (folder / "annot").mkdir()
        for number in annotated:
            write_pts(folder / f"annot/{number:06}.pts", RNG.uniform(20, 70, (68, 2)))
    return tmp_path


def test_frame_k_of_a_video_belongs_to_its_pts_file(tiny_300vw):
    faces = load_dataset("300vw", "test", tiny_300vw)
    assert faces.names == ("114/000001", "114/000004", "114/000005", "114/000012", "410/000007")
    assert faces.subsets["category A"].tolist() == [True] * 4 + [False]
    assert list(faces.subsets) == ["category A", "category C"]
    assert (faces.official, faces.partial) == (121_278, True)
    numbers = [int(name[4:]) for name in faces.names]
    for index in (0, 1, 2, 3, 4, 1, 0):  # in order, then back
        brightness = np.asarray(faces.read(index)).mean()
        assert brightness == pytest.approx(10 * (numbers[index] - 1), abs=3)


def test_videos_are_read_forward_and_few_frames_live(tiny_300vw, monkeypatch):
    begun, seen, alive = [], [], []
    decode = vw300.decode

    def watched(video):
        begun.append(video)
        for frame in decode(video):
            seen.append(weakref.ref(frame))
            gc.collect()
            alive.append(sum(reference() is not None for reference in seen))
            yield frame

    faces = load_dataset("300vw", "test", tiny_300vw)
    monkeypatch.setattr(vw300, "decode", watched)
    for index in range(len(faces)):
        faces.read(index)
    assert len(begun) == 2  # each video once
    assert len(seen) == 12 + 7 and max(alive) <= 3


def test_wrong_300vw_files_are_named(tiny_300vw, capsys):
    folder = tiny_300vw / "300vw/114"
    write_pts(folder / "annot/000099.pts", RNG.uniform(20, 70, (68, 2)))
    assert main(["data", "check", "300vw", "--data-root", str(tiny_300vw)]) == 1
    told = capsys.readouterr().out
    assert "vid.avi: expected frame 99, it ends after 12" in told
    assert "category A            1 of     31 videos  partial" in told
    assert "category B            0 of     19 videos  missing" in told
    assert "category C            1 of     14 videos  partial" in told
    (folder / "vid.avi").write_bytes(b"no video")
    assert "114/vid.avi: expected a readable video" in problems_of("300vw", "test", tiny_300vw)
    (folder / "vid.avi").unlink()
    assert "000004.pts: expected vid.avi or imgs/000004.jpg" in problems_of(
        "300vw", "test", tiny_300vw
    )
    assert "expected folders of train videos" in problems_of("300vw", "train", tiny_300vw)


def test_categories_have_their_numbers_of_videos():
    assert [len(set(ids)) for ids in vw300.CATEGORIES.values()] == [31, 19, 14]
    assert len({i for ids in vw300.CATEGORIES.values() for i in ids}) == 64


def test_real_frames_in_folders_of_images_are_read(real_data, tmp_path):
    (tmp_path / "300vw").symlink_to(real_data / "samples/300vw")
    train, test = (load_dataset("300vw", split, tmp_path) for split in ("train", "test"))
    assert train.names == ("001/000006", "001/000009")
    assert test.names == ("401/000731", "401/000732")
    assert train.read(0).size == (1280, 720) and test.read(0).size == (700, 512)


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
        picture(root / "Images" / f"{name}.jpg")
        write_binary_pts(root / "facial landmark" / f"{name}.pts", points[name])
    for split, low, high in (("train", 0, 44), ("test", 44, 55)):
        chosen = [n for n in sorted(names) if low <= numbers[n] < high]
        assert chosen, "no name of this split"
        faces = load_dataset("scut-fbp5500", split, tmp_path)
        assert faces.names == tuple(f"Images/{name}.jpg" for name in chosen)
        np.testing.assert_allclose(faces.landmarks[0], points[chosen[0]] + 0.5, rtol=1e-6)
        for name in chosen:
            picture(root / split / f"{name}.jpg")
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
        picture(root / "train" / f"{name}.jpg")
        (root / "train" / f"{name}.pts").write_bytes(content)
    told = problems_of("scut-fbp5500", "train", tmp_path)
    assert "a.pts: expected a binary .pts file of 86 points, found 3" in told
    assert "b.pts: expected 692 bytes, found 28" in told
    assert "c.pts: expected a binary .pts file" in told
    assert "expected test/, or Images/ and facial landmark/" in problems_of(
        "scut-fbp5500", "test", tmp_path
    )


def test_the_real_scut_faces_are_read(real_data):
    train, test = (load_dataset("scut-fbp5500", split, real_data) for split in ("train", "test"))
    assert (len(train), len(test)) == (2449, 649)
    names = [name.rpartition("/")[2][:-4] for name in test.names]
    assert all(44 <= zlib.crc32(name.encode()) % 100 < 55 for name in names)
