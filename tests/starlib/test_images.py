"""Pictures as telephones and other programs write them."""

import sys

import numpy as np
import pytest
from PIL import Image

from starlib.data import DataError
from starlib.data.images import _reads_heif, image_size, open_image

HEIC = b"\0\0\0\x18ftypheic" + bytes(80)


@pytest.mark.parametrize("name", ["photo.heic", "photo.jpg"])
def test_without_its_package_a_heic_file_names_the_extra(name, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    _reads_heif.cache_clear()
    (tmp_path / name).write_bytes(HEIC)
    with pytest.raises(DataError, match=rf"{name}: .*; pip install 'starloss\[heif\]' reads it"):
        open_image(tmp_path / name)
    _reads_heif.cache_clear()


def test_a_damaged_heic_file_is_named_without_the_extra_where_its_package_is(tmp_path):
    pytest.importorskip("pillow_heif")
    (tmp_path / "photo.heic").write_bytes(HEIC)
    with pytest.raises(DataError, match=r"photo.heic: expected a readable image \(.*\)$"):
        open_image(tmp_path / "photo.heic")


@pytest.mark.parametrize("turned", [False, True])
def test_a_heic_photo_is_upright(turned, tmp_path):
    """Turned as its EXIF entry says, where the format itself does not turn it."""
    pillow_heif = pytest.importorskip("pillow_heif")
    pixels = np.zeros((64, 128, 3), np.uint8)
    pixels[:32, :64] = 255  # left above as the sensor lies, right above as the camera was held
    exif = Image.Exif()
    exif[0x0112] = 6
    path, photo = tmp_path / "photo.heic", Image.fromarray(pixels)
    if turned:
        pillow_heif.from_pillow(photo).save(path, exif=exif.tobytes())
    else:
        pillow_heif.register_heif_opener()
        photo.save(path, exif=exif)
    assert (b"irot" in path.read_bytes()) == turned
    grey = np.asarray(open_image(path).convert("L"))
    assert grey.shape == (128, 64) and image_size(path) == (64, 128)
    assert grey[32, 48] > 200 and max(grey[32, 16], grey[96, 16], grey[96, 48]) < 50
