"""Files of weights: tensors and plain values, and when read never code."""

import collections
import io
import pickletools
import re
import warnings
import zipfile
from pathlib import Path
from typing import Any

import torch

from starlib.files import atomically

# Names that torch.save itself writes in a file of tensors and of an optimiser's state.
PLAIN = r"torch\.(_utils\.\w+|\w+Storage)|collections\.(OrderedDict|Counter)"


def save_tensors(path: Path, values: dict[str, Any]) -> None:
    """Write what `read_tensors` reads, `atomically`."""
    buffer = io.BytesIO()  # written by torch.save itself, a full disk would go unnamed
    torch.save(values, buffer)
    atomically(path, lambda partial: partial.write_bytes(buffer.getbuffer()))


def read_tensors(path: Path | str) -> Any:
    """The tensors and plain Python values that `torch.save` wrote.

    ValueError for a pickle that would run code, which is not read, and for what is no checkpoint.
    """
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"{path}: expected a file of weights, there is none")
    try:
        with warnings.catch_warnings(), torch.serialization.safe_globals([collections.Counter]):
            warnings.simplefilter("ignore")
            return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # whatever the reader of a broken file raises
        code = _imports(path)
        if code:
            raise ValueError(
                f"{path}: expected a checkpoint of tensors only; it would run code when read "
                f"({', '.join(code)})"
            ) from error
        raise ValueError(
            f"{path}: expected a checkpoint written by torch.save; it is none, or cut off"
        ) from error


def _imports(path: Path) -> list[str]:
    """Functions and classes that a pickle names, apart from those that make tensors; never run."""
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                inside = [name for name in archive.namelist() if name.endswith("data.pkl")]
                data = archive.read(inside[0]) if inside else b""
        else:
            data = path.read_bytes()
    except (OSError, zipfile.BadZipFile):
        return []
    names, words = [], [""]
    try:
        for operation, argument, _ in pickletools.genops(data):
            if operation.name in ("GLOBAL", "INST"):
                names.append(str(argument).replace(" ", "."))
            elif operation.name == "STACK_GLOBAL":
                names.append(".".join(words[-2:]))
            elif isinstance(argument, str):
                words.append(argument)
    except (ValueError, IndexError, EOFError):
        pass  # no pickle, or cut off
    return sorted({name for name in names if not re.fullmatch(PLAIN, name)})
