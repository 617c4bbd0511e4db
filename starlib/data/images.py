"""Image files as upright RGB pictures."""

import contextlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from PIL import Image, ImageOps

from starlib.data.errors import DataError

HEIF = (".heic", ".heif")
# The EXIF entry that says how a camera was held, and its values for a picture lying on its side.
_ORIENTATION, _LYING = 0x0112, (5, 6, 7, 8)


def open_image(path: Path) -> Image.Image:
    """The image as RGB, turned upright as its EXIF entry says.

    DataError names a file that cannot be decoded, that has more pixels than Pillow deems safe, or
    whose grey values are not of 8 bits: their range is not known, and Pillow would cut it off.
    """
    with _opened(path) as image:
        if image.mode[0] in "IF":
            raise ValueError(f"of 8 bits per channel, its mode is {image.mode}")
        return ImageOps.exif_transpose(image).convert("RGB")


def image_size(path: Path) -> tuple[int, int]:
    """Width and height of the upright image, from the header alone; DataError as `open_image`."""
    with _opened(path) as image:
        width, height = image.size
        lying = image.getexif().get(_ORIENTATION) in _LYING
        return (height, width) if lying else (width, height)


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    """The image file, not decoded; whatever fails while it is open becomes a DataError."""
    if path.suffix.lower() in HEIF:
        _read_heif()
    try:
        with Image.open(path) as image:
            yield image
    except MemoryError as error:
        raise DataError(f"{path}: expected an image that fits into memory") from error
    except Exception as error:  # decoders of damaged files raise nearly anything
        hint = "; pip install pillow-heif reads these" if path.suffix.lower() in HEIF else ""
        raise DataError(f"{path}: expected a readable image ({error}){hint}") from error


@cache
def _read_heif() -> None:
    """Let Pillow read what telephones write, where the package for it is installed."""
    with contextlib.suppress(ImportError):
        import pillow_heif

        pillow_heif.register_heif_opener()
