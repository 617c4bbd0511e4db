"""The weights that come with the project: `starlib/weights/`, small networks by name.

`weights/about.json` says for each what may be done with it and the hash of its file; the record of
its run, `weights/<name>.json`, holds the rest. `weights/README.md` shows both.
"""

import hashlib
import json
from pathlib import Path
from typing import Any, NamedTuple

from starlib.checks import meant

FOLDER = Path(__file__).resolve().parents[1] / "weights"
DEFAULT = "300w"


class Shipped(NamedTuple):
    """A network that comes with the project: its weights, as a run writes them, and their use."""

    name: str
    path: Path
    use: str


def _about() -> dict[str, Any]:
    return json.loads((FOLDER / "about.json").read_text(encoding="utf-8"))


def shipped(name: str) -> Shipped | None:
    """The network of that name; None if there is none.

    ValueError where its file is missing or not the one that belongs to the project.
    """
    about, path = _about(), FOLDER / f"{name}.pt"
    if name not in about:
        return None
    content = path.read_bytes() if path.is_file() else b""
    if hashlib.sha256(content).hexdigest() != about[name]["sha256"]:
        raise ValueError(f"{path}: expected the weights that come with starlib, install it anew")
    return Shipped(name, path, about[name]["use"])


def shipped_names() -> list[str]:
    """Names of the networks that come with the project, the default one first."""
    return sorted(_about(), key=lambda name: (name != DEFAULT, name))


def weights_path(given: str, argument: str = "--weights") -> Path:
    """The file that an argument means: a name of a network that comes with the project, or a path.
    ValueError names it and lists the names where there is neither."""
    known = shipped(given)
    if known is not None:
        return known.path
    if not Path(given).is_file():
        names = shipped_names()
        expected = f"{', '.join(names)} or a file of weights"
        raise ValueError(f"{argument}: expected {expected}, got {given!r}{meant(given, names)}")
    return Path(given)
