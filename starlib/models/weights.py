"""Files of weights: tensors and plain values, and when read never code."""

import collections
import io
import re
import warnings
from pathlib import Path
from typing import Any

import torch

from starlib.files import atomically


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
        code = re.search(r"GLOBAL (\S+)", str(error))
        fault = f"it would run code when read ({code[1]})" if code else "it is none, or cut off"
        raise ValueError(f"{path}: expected a checkpoint of tensors only; {fault}") from error
