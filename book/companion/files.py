"""The files of the book that the companion reads; they lie beside it in the checkout."""

from pathlib import Path
from typing import Any

import yaml

BOOK = Path(__file__).resolve().parents[1]


def read_yaml(path: Path) -> Any:
    """What a .yml file holds. FileNotFoundError says where it was expected: an installed copy of
    the companion has none."""
    if not path.is_file():
        raise FileNotFoundError(
            f"{path}: expected this file of the checkout; install the companion from it, as in "
            "pip install -e . -e book/"
        )
    return yaml.safe_load(path.read_text(encoding="utf-8"))
