"""Image files as upright RGB pictures."""

import contextlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from PIL import Image, ImageOps

from starlib.data.errors import DataError

HEIF = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")  # brands of files
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
    unread = False
    try:
        unread = _is_heif(path) and not _reads_heif()
        with Image.open(path) as image:
            if turned := image.info.get("original_orientation"):
                # pillow-heif puts the entry aside, since the turns of the format come before it.
                content = path.read_bytes()
                if b"irot" not in content and b"imir" not in content:
                    image.getexif()[_ORIENTATION] = turned
            yield image
    except MemoryError as error:
        raise DataError(f"{path}: expected an image that fits into memory") from error
    except Exception as error:  # decoders of damaged files raise nearly anything
        hint = "; pip install 'starloss[heif]' reads it" if unread else ""
        raise DataError(f"{path}: expected a readable image ({error}){hint}") from error


def _is_heif(path: Path) -> bool:
    with path.open("rb") as file:
        head = file.read(12)
    return head[4:8] == b"ftyp" and head[8:] in HEIF


@cache
def _reads_heif() -> bool:
    """Whether the package for what telephones write is installed; Pillow reads it then."""
    try:
        import pillow_heif
    except ImportError:
        return False
    pillow_heif.register_heif_opener()
    return True
