"""What a page is made from, and a hash of it: its notebook, the modules that this imports, the
records of the arms that it compares, and the files that notebooks.yml names.

Imports are followed through the source, whether at the top of a module or in a function. A file of
book/ that one of the modules names, such as claims.yml, counts too. Comments do not.
"""

import ast
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import nbformat

from companion.experiments.paper import EXPERIMENTS
from companion.files import BOOK
from starlib.files import PARTIAL, ROOT
from starlib.training.config import SCALES, RunConfig


def digest(entry: Mapping[str, Any], notebook: Path, others: Any = None) -> str:
    """A hash of all that a page depends on: its entry in notebooks.yml, its notebook, the modules
    and files behind it, the records that it reads, and what `others` holds."""
    cells = nbformat.read(notebook, as_version=4).cells
    kept = [[cell.cell_type, cell.source, cell.metadata.get("tags", [])] for cell in cells]
    parts = [json.dumps([entry, kept, others], sort_keys=True)]  # without stored outputs
    code = "\n".join(cell.source for cell in cells if cell.cell_type == "code")
    for path in sorted(files_behind(code, entry.get("imports", []))):
        parts.append(read_module(path)[0] if path.suffix == ".py" else _hash(path.read_bytes()))
    folder = ROOT / entry.get("parameters", {}).get("results", "results")
    parts += _records(folder / "runs", entry.get("experiments", [notebook.stem]))
    for pattern in entry.get("reads", []):
        parts += [f"{path.name} {_hash(path.read_bytes())}" for path in sorted(ROOT.glob(pattern))]
    return _hash("\n".join(parts).encode())


def files_behind(code: str, imports: Iterable[str] = ()) -> set[Path]:
    """The modules of this project that code imports, directly or through others, and the files of
    book/ that these name; `imports` are modules that are imported by a name made at run time."""
    waiting = [*_dependencies(ast.parse(code)), *(p for name in imports for p in _files(name))]
    found: set[Path] = set()
    while waiting:
        path = waiting.pop()
        if path not in found:
            found.add(path)
            waiting += read_module(path)[1] if path.suffix == ".py" else ()
    return found


@cache
def read_module(path: Path) -> tuple[str, frozenset[Path]]:
    """A hash of a module's code without comments, and the files that it depends on."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return _hash(ast.dump(tree).encode()), frozenset(_dependencies(tree))


def _dependencies(tree: ast.AST) -> Iterator[Path]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from _files(alias.name)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                yield from _files(f"{node.module}.{alias.name}")
        elif isinstance(node, ast.Constant) and str(node.value).endswith(".yml"):
            named = BOOK / str(node.value)
            yield from [named] if named.is_file() else []


@cache
def _files(name: str) -> tuple[Path, ...]:
    """The files that importing a.b.c executes: those of a, a.b and a.b.c which lie here."""
    parts = name.split(".")
    stems = [folder.joinpath(*parts[: n + 1]) for n in range(len(parts)) for folder in (ROOT, BOOK)]
    paths = (path for stem in stems for path in (stem.with_suffix(".py"), stem / "__init__.py"))
    return tuple(path for path in paths if path.is_file())


def _records(folder: Path, experiments: Iterable[str]) -> Iterator[str]:
    """Name and hash of each record of an arm of the experiments."""
    for path in sorted(p for p in folder.glob("*.json") if not p.name.startswith(PARTIAL)):
        config, known = _record(path, path.stat().st_mtime_ns)
        arm = replace(config, seed=0)
        if any(arm in _arms(name, arm.dataset) for name in experiments):
            yield f"{path.name} {known}"


@cache
def _record(path: Path, changed: int) -> tuple[RunConfig, str]:
    text = path.read_bytes()
    return RunConfig.from_dict(json.loads(text)["config"]), _hash(text)


@cache
def _arms(name: str, dataset: str) -> frozenset[RunConfig]:
    """The configs of an experiment's arms at every scale, with seed 0."""
    known = EXPERIMENTS[name]
    return frozenset(known.config(arm, dataset, 0, scale) for arm in known.arms for scale in SCALES)


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
