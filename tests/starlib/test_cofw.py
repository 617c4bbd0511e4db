"""The MATLAB files of COFW, written as they come."""

import numpy as np
import pytest

from starlib.data import check_dataset, cofw, load_dataset
from starlib.data.crops import crop_store
from starlib.runs.evaluation import evaluation_metrics
from starlib.runs.predictions import evaluation_arrays
from tests.conftest import problems_of

RNG = np.random.default_rng(0)


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
    expected = np.repeat(pixels[2][..., None], 3, -1) if gray else pixels[2]
    np.testing.assert_array_equal(np.asarray(faces.read(2)), expected)


def test_cofw_is_evaluated_by_pupils_and_by_eye_corners(tmp_path):
    write_cofw(tmp_path / "cofw/COFW_test_color.mat")
    faces = load_dataset("cofw", "test", tmp_path)
    crops = crop_store(faces, 32, tmp_path / "crops")
    arrays = evaluation_arrays(crops.landmarks + 0.01, crops, faces)
    found = evaluation_metrics(arrays, faces.scheme)
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

    for change, message in (
        (other_name, "expected the variables phisT"),
        (fewer, "expected phisT with 87 numbers for each of 3 images, found shape (2, 87)"),
        (outside, "face 2: expected points inside the image of 100 x 90 pixels, point 0"),
        (outside, "face 3: expected occlusion flags of 0 or 1"),
    ):
        write_cofw(path, change=change)
        assert message in problems_of("cofw", "test", tmp_path)


def test_cofw_check_counts_and_reads_every_image(tmp_path, called):
    write_cofw(tmp_path / "cofw/COFW_test_color.mat")
    message = called("data", "check", "cofw", "--data-root", str(tmp_path))
    assert "test                  3 of    507 faces  partial" in message
    assert "train                 0 of   1345 faces  missing" in message

    def real_numbers(file):
        values = file["#refs#/1"][()] / 255
        del file["#refs#/1"]
        file["IsT"][0, 1] = file.create_dataset("#refs#/1", data=values).ref

    write_cofw(tmp_path / "cofw/COFW_test_color.mat", change=real_numbers)
    [problem] = check_dataset("cofw", tmp_path).problems
    assert "expected image 2 as uint8 [3, W, H] or [W, H], found float64" in problem
