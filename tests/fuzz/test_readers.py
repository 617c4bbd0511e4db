"""A reader returns faces or raises a ValueError that names the file, whatever the file holds."""

import json
import struct
import zlib
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from starlib.data import DataError, FaceSet, cephalo, check_dataset, load_dataset, wflw
from starlib.data.images import image_size, open_image
from starlib.data.lfpw_annotators import LIST
from starlib.data.own.split import split_list
from tests.conftest import save_picture, without_rights, write_pts
from tests.fuzz import times
from tests.own import coco, coco_list, csv_list, tsv_list
from tests.starlib.test_lfpw_annotators import write_lfpw
from tests.starlib.test_readers import wflw_line, write_binary_pts

pytestmark = pytest.mark.filterwarnings("ignore::starlib.data.errors.DataWarning")

RNG = np.random.default_rng(0)
POINTS = RNG.uniform(20, 80, (2, 3, 2)).round(2)
MANY = RNG.uniform(20, 80, (98, 2)).round(2)
PIXELS = RNG.integers(0, 256, (12, 16, 3), dtype=np.uint8)
SCHEME = {
    "name": "three",
    "points": 3,
    "edges": [{"points": [0, 1, 2]}],
    "flip": [[0, 1]],
    "normaliser": [[0], [1]],
}
# What lists and descriptions hold where something else is expected.
WORDS = ["", " ", "nan", "-inf", "1e39", "1e309", "9" * 400, "-1", "0", "1_0", "½", "\0", "\ufeff"]
WORDS += ["../../../../etc/passwd", "/", "a" * 300, "/dev/null", ".", "cat 0.png", "loop.png"]
WORDS += ["folder", "[", "{}", "null", "true", "*a", "&a [*a]", "!!python/object:os.system", "none"]
WORDS += [",", ";", "\t", "\n", '"', "'", "#", "}", "cat 0.png,1,2,3,4,5,6", "[" * 3000, "300w"]
WORDS += ["2026-01-01"]
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(WORDS),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(WORDS), inner),
    max_leaves=8,
)


def trial(count):
    """Decorates a test with `count` trials of `make test`."""
    slow = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
    return settings(
        max_examples=times(count),
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=slow,
    )


def damaged(content: bytes) -> st.SearchStrategy[bytes]:
    """The content cut off, with bytes changed, with words put in, or other bytes altogether."""
    place = st.integers(0, len(content))
    word = st.sampled_from(WORDS).map(str.encode) | st.binary(max_size=8)
    changed = st.tuples(place, place, word).map(
        lambda parts: content[: parts[0]] + parts[2] + content[parts[1] :]
    )
    replaced = st.tuples(place, word).map(
        lambda parts: content[: parts[0]] + parts[1] + content[parts[0] + len(parts[1]) :]
    )
    cut = place.map(lambda end: content[:end])
    return st.one_of(replaced, replaced, changed, cut, st.binary(max_size=200))


def check(load, *named):
    """`load` returns faces, or raises a ValueError that begins with one of the files or folders."""
    try:
        faces = load()
    except ValueError as error:
        assert str(error).startswith(tuple(map(str, named))), repr(error)
        return
    if isinstance(faces, FaceSet):
        assert not np.isinf(faces.landmarks).any() and len(faces) == len(faces.landmarks) > 0


LISTS = {"csv": csv_list, "tsv": tsv_list, "json": coco_list}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two pictures, a folder, a link to itself, and a description of three points."""
    path = tmp_path_factory.mktemp("own")
    for index in range(2):
        save_picture(path / f"cat {index}.png")
    (path / "folder").mkdir()
    (path / "loop.png").symlink_to(path / "loop.png")
    for kind, write in LISTS.items():
        described = SCHEME | {"train": write(path, POINTS)}
        (path / f"{kind}.yml").write_text(yaml.safe_dump(described))
        load_dataset(str(path / f"{kind}.yml"), "train")
    return path


@pytest.mark.parametrize("kind", LISTS)
@trial(60)
@given(data=st.data())
def test_damaged_lists(folder, kind, data):
    path = folder / LISTS[kind](folder, POINTS)
    path.write_bytes(data.draw(damaged(path.read_bytes())))
    check(lambda: load_dataset(str(folder / f"{kind}.yml"), "train"), folder)


@trial(60)
@given(images=VALUES, annotations=VALUES, keypoints=VALUES, name=VALUES)
def test_key_points_of_any_structure(folder, images, annotations, keypoints, name):
    path = folder / "train.json"
    content = coco(POINTS)
    content["annotations"][0]["keypoints"] = keypoints
    content["images"][0]["file_name"] = name
    for given_content in (content, {"images": images, "annotations": annotations}, images):
        path.write_text(json.dumps(given_content))
        check(lambda: load_dataset(str(folder / "json.yml"), "train"), folder)


@trial(60)
@given(row=st.lists(st.sampled_from([*WORDS, *map(str, POINTS.ravel())]), min_size=1, max_size=9))
def test_csv_rows_of_any_words(folder, row):
    path = folder / "train.csv"
    path.write_text(",".join(row), encoding="utf-8")
    check(lambda: load_dataset(str(folder / "csv.yml"), "train"), folder)


@trial(60)
@given(data=st.data())
def test_damaged_descriptions(folder, data):
    path = folder / "damaged.yml"
    content = yaml.safe_dump(SCHEME | {"train": "train.csv", "images": "."}).encode()
    csv_list(folder, POINTS)
    path.write_bytes(data.draw(damaged(content)))
    check(lambda: load_dataset(str(path), "train"), "/")  # a damaged path is any file's
    check(lambda: check_dataset(str(path)), path)


@trial(100)
@given(key=st.sampled_from([*SCHEME, "train", "images", "first_pixel", "scheme"]), value=VALUES)
def test_descriptions_with_any_value(folder, key, value):
    path = folder / "any.yml"
    csv_list(folder, POINTS)
    path.write_text(yaml.safe_dump(SCHEME | {"train": "train.csv"} | {key: value}))
    check(lambda: load_dataset(str(path), "train"), "/")


def test_descriptions_that_grow_when_read_are_refused_in_few_words(folder):
    path = folder / "bomb.yml"
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 12)]
    path.write_text("\n".join([*lines, "points: *a11", "name: *a11"]))
    with pytest.raises(ValueError, match=r"bomb\.yml: .*unknown") as raised:
        load_dataset(str(path), "train")
    assert len(str(raised.value)) < 10_000


@trial(60)
@given(data=st.data(), by=st.none() | st.sampled_from(["person", "image", "x0", "", "\0"]))
def test_damaged_lists_are_split_or_named(folder, data, by):
    place = folder / "folder"
    path = place / "faces.csv"
    rows = ["image,person,x0,y0", *(f"{i}.png,p{i % 3},1,2" for i in range(6))]
    path.write_bytes(data.draw(damaged("\n".join(rows).encode())))
    check(lambda: split_list(path, by, 0.3, 0), path)
    for name in ("train.csv", "test.csv"):
        (place / name).unlink(missing_ok=True)
    assert [p.name for p in place.iterdir()] == ["faces.csv"]
    path.unlink()


# Official layouts: a file of each, whose damage is to be named


def write_300w(root):
    save_picture(root / "300w/afw/1.png")
    write_pts(root / "300w/afw/1.pts", MANY[:68])
    return root / "300w/afw/1.pts"


def write_scut(root):
    save_picture(root / "scut-fbp5500/train/1.png")
    write_binary_pts(root / "scut-fbp5500/train/1.pts", MANY[:86])
    return root / "scut-fbp5500/train/1.pts"


def write_wflw(root):
    save_picture(root / "wflw/WFLW_images/a.png")
    path = root / "wflw" / wflw.LISTS["train"]
    path.parent.mkdir(parents=True, exist_ok=True)
    line = wflw_line(MANY, "a.png", (0, 1, 0, 0, 0, 1))
    path.write_text(f"{line}\n{line}\n")
    return path


def write_cephalo(root, damaged_list="19lm_senior"):
    save_picture(root / "cephalo/images/1.jpg", (90, 100))
    folder = root / "cephalo/annotations"
    folder.mkdir(exist_ok=True)
    for who in cephalo.PEOPLE:
        points, kind = (19, "19lm") if who in cephalo.DENTISTS else (5, "5lm")
        cells = ["1", *map(str, MANY[:points].ravel())]
        (folder / f"{kind}_{who}.csv").write_text(",".join(cells))
    return folder / f"{damaged_list}.csv"


def write_lfpw_list(root):
    write_lfpw(root)
    return root / "lfpw_annotators" / LIST


@pytest.mark.parametrize(
    ("dataset", "split", "write"),
    [
        ("300w", "train", write_300w),
        ("scut-fbp5500", "train", write_scut),
        ("wflw", "train", write_wflw),
        ("cephalo-one", "test", write_cephalo),
        ("cephalo-one", "test", partial(write_cephalo, damaged_list="5lm_ann1")),
        ("lfpw-annotators", "test", write_lfpw_list),
    ],
)
@trial(60)
@given(data=st.data())
def test_damaged_official_files(tmp_path, dataset, split, write, data):
    path = write(tmp_path)
    path.write_bytes(data.draw(damaged(path.read_bytes())))
    check(lambda: load_dataset(dataset, split, tmp_path), tmp_path)


# Pictures


@pytest.mark.parametrize("kind", ["png", "jpg", "bmp", "gif", "tiff", "webp"])
@trial(30)
@given(data=st.data())
def test_damaged_pictures(tmp_path, kind, data):
    path = tmp_path / f"a.{kind}"
    image = Image.fromarray(PIXELS)
    exif = Image.Exif()
    exif[0x0112] = 6
    image.save(path, exif=exif) if kind in ("jpg", "png", "webp") else image.save(path)
    path.write_bytes(data.draw(damaged(path.read_bytes())))
    for read in (open_image, image_size):
        check(lambda read=read: read(path), path)


def bomb(path: Path, width: int, height: int) -> Path:
    """A PNG of a few bytes that says it has so many pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + check

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(bytes(1000))), chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(parts))
    return path


@pytest.mark.parametrize("size", [(60_000, 60_000), (2**31 - 1, 2**31 - 1), (0, 10)])
def test_picture_bombs_are_named(tmp_path, size):
    path = bomb(tmp_path / "bomb.png", *size)
    for read in (open_image, image_size):
        with pytest.raises(DataError, match=r"bomb\.png: expected a readable image"):
            read(path)


def test_files_that_are_no_files_are_named(folder, monkeypatch):
    for name in ("folder", "loop.png", "none.png"):
        for read in (open_image, image_size):
            with pytest.raises(DataError, match=rf"{name}: expected a readable image"):
                read(folder / name)
    listed = folder / "train.csv"
    for name in ("folder", "loop.png", "a" * 300 + ".png", "a\\0.png"):
        listed.write_text(f"{name},{','.join(map(str, POINTS[0].ravel()))}")
        with pytest.raises(DataError, match=r"train\.csv, row 1: expected the image"):
            load_dataset(str(folder / "csv.yml"), "train")
    path = folder / "places.yml"
    for name in ("loop.png", "loop.csv", "none", "none.json", "a" * 300 + ".csv"):
        if name == "loop.csv":
            (folder / name).symlink_to(folder / name)
        path.write_text(yaml.safe_dump(SCHEME | {"train": name}))
        with pytest.raises(ValueError, match=name[:20]):
            load_dataset(str(path), "train")


def test_files_that_may_not_be_read_are_named(folder):
    for name in ("train.csv", "cat 0.png"):
        csv_list(folder, POINTS)
        load_dataset(str(folder / "csv.yml"), "train")
        (folder / name).chmod(0)
        try:
            with without_rights(folder), pytest.raises(DataError, match=name):
                load_dataset(str(folder / "csv.yml"), "train")
        finally:
            (folder / name).chmod(0o644)
