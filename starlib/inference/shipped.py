"""The weights that come with the project: `starlib/weights/`, small networks by name.

`weights/about.json` says for each what may be done with it and the hash of its file; the record of
its run, `weights/<name>.json`, holds the rest. `weights/README.md` shows both.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[1] / "weights"
DEFAULT = "300w"


@dataclass(frozen=True)
class Shipped:
    """One network that comes with the project.

    path: its weights, as a run writes them. licence, use: of the weights. nme: on the run's first
    test subset, `subset`, as a fraction; against the labels without noise, "clean", where they are
    known. faces: trained on.
    """

    name: str
    path: Path
    licence: str
    use: str
    dataset: str
    scheme: str
    faces: int
    subset: str
    nme: float


def shipped(name: str) -> Shipped | None:
    """The network of that name; None if there is none.

    ValueError where its file is missing or not the one that belongs to the project.
    """
    about = json.loads((FOLDER / "about.json").read_text(encoding="utf-8"))
    if name not in about:
        return None
    entry, path = about[name], FOLDER / f"{name}.pt"
    record = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    content = path.read_bytes() if path.is_file() else b""
    if hashlib.sha256(content).hexdigest() != entry["sha256"]:
        raise ValueError(f"{path}: expected the weights that come with starlib, install it anew")
    metrics = record["metrics"]
    subset = "clean" if "clean" in metrics else next(iter(metrics))
    return Shipped(
        name=name,
        path=path,
        licence=entry["licence"],
        use=entry["use"],
        dataset=record["config"]["dataset"],
        scheme=entry["scheme"],
        faces=record["provenance"]["data"]["train"]["faces"],
        subset=subset,
        nme=metrics[subset]["nme"],
    )


def shipped_names() -> list[str]:
    """Names of the networks that come with the project, the default one first."""
    names = json.loads((FOLDER / "about.json").read_text(encoding="utf-8"))
    return sorted(names, key=lambda name: (name != DEFAULT, name))


def weights_path(given: str) -> Path:
    """The file that `--weights` means: a name of a network that comes with the project, or a
    path. ValueError lists the names where there is neither."""
    known = shipped(given)
    if known is not None:
        return known.path
    if not Path(given).is_file():
        names = ", ".join(shipped_names())
        raise ValueError(f"--weights: expected {names} or a file of weights, got {given!r}")
    return Path(given)
