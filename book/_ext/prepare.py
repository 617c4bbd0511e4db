"""Make what the book's pages are built from: executed notebooks, fragments and figures.

`python book/_ext/prepare.py` makes what is missing or out of date; `--all` makes everything
anew. As a Sphinx extension (see _config.yml) it does the same, so that `jupyter-book build
book/` alone works.
"""

import hashlib
import json
import os
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

import nbformat
import papermill
import yaml

import captions
import data_lines
import openings
from captions import COLUMNS

BOOK = Path(__file__).resolve().parents[1]
ROOT = BOOK.parent
EXECUTED = BOOK / "experiments"
FRAGMENTS = BOOK / "fragments"
# page -> notebook, title, parameters, paper, leave_out
PAGES: dict[str, dict[str, Any]] = yaml.safe_load(
    (BOOK / "notebooks.yml").read_text(encoding="utf-8")
)
# The code, claims and published numbers that the pages are computed with.
SOURCES = ("starlib/**/*.py", "book/companion/**/*.py", "book/claims.yml", "book/published.yml")
CAPTIONS: dict[str, Any] = yaml.safe_load((BOOK / "captions.yml").read_text(encoding="utf-8"))


def notebook_of(page: str) -> Path:
    """The notebook that a page is made from."""
    return ROOT / "notebooks" / f"{PAGES[page].get('notebook', page)}.ipynb"


def execute(page: str) -> None:
    """Execute the notebook of a page; the executed copy appears whole or not at all."""
    partial = EXECUTED / f"{page}.partial.ipynb"
    EXECUTED.mkdir(exist_ok=True)
    papermill.execute_notebook(
        notebook_of(page),
        partial,
        PAGES[page].get("parameters", {}),
        kernel_name="python3",
        cwd=ROOT,
        progress_bar=False,
        extra_arguments=[
            "--InlineBackend.figure_formats=svg",
            "--InteractiveShellApp.extra_extensions=companion.exhibits.plotted",
        ],
    )
    executed = nbformat.read(partial, as_version=4)
    openings.put_finding_first(executed)
    openings.leave_out(executed, PAGES[page].get("leave_out", []))
    fold_code(executed)
    numbered = PAGES[page].get("paper", {})
    captions.add(executed, page, command_of(page), numbered, CAPTIONS["notebooks"])
    if title := PAGES[page].get("title"):  # the first line of the first cell is the page's title
        lines = executed.cells[0].source.split("\n")
        executed.cells[0].source = "\n".join([f"# {title}", *lines[1:]])
    executed.metadata["made_from"] = digest(page)  # with the records that it has just written
    nbformat.write(executed, partial)
    os.replace(partial, EXECUTED / f"{page}.ipynb")


def command_of(page: str) -> str:
    """What makes the page's numbers anew, for a terminal."""
    options = [f"notebooks/{notebook_of(page).name}", "out.ipynb"]
    for name, value in PAGES[page].get("parameters", {}).items():
        plain = isinstance(value, str | bool | int | float)
        options.append(f"-p {name} {value}" if plain else f"-y '{name}: {json.dumps(value)}'")
    return " ".join(["papermill", *options])


def fold_code(notebook: nbformat.NotebookNode) -> None:
    """Fold every code cell; defaults that injected parameters replace are left out, unless the
    notebook shows them."""
    cells = {tag: cell for cell in notebook.cells for tag in cell.metadata.get("tags", [])}
    defaults = cells.get("parameters")
    if defaults and "injected-parameters" in cells and "show-input" not in defaults.metadata.tags:
        _tag(defaults, "remove-cell")
    for cell in notebook.cells:
        tags = set(cell.metadata.get("tags", []))
        if cell.cell_type == "code" and not tags & {"remove-cell", "show-input", "remove-input"}:
            _tag(cell, "hide-input")


def _tag(cell: nbformat.NotebookNode, tag: str) -> None:
    tags = cell.metadata.setdefault("tags", [])
    if tag not in tags:
        tags.append(tag)


def digest(page: str) -> str:
    """A hash of all that a page depends on: its entry in notebooks.yml, the captions, its notebook,
    the code with the claims and the published numbers, and the records that it reads."""
    results = PAGES[page].get("parameters", {}).get("results", "results")
    parts = [json.dumps([PAGES[page], CAPTIONS["notebooks"]], sort_keys=True)]
    parts.append(_notebook_digest(notebook_of(page)))
    parts += [_code_digest(), *_records(ROOT / results)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _file_digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _notebook_digest(path: Path) -> str:
    """Of the cells alone: stored outputs have no part in the executed copy."""
    cells = nbformat.read(path, as_version=4).cells
    parts = [[cell.cell_type, cell.source, cell.metadata.get("tags", [])] for cell in cells]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


@cache
def _code_digest() -> str:
    files = sorted(path for pattern in SOURCES for path in ROOT.glob(pattern))
    digests = [_file_digest(path) for path in files]
    return hashlib.sha256("".join(digests).encode()).hexdigest()


def _records(results: Path) -> Iterator[str]:
    """Name and digest of each record under a folder of results."""
    for path in sorted(results.glob("*/*.json")):
        yield f"{path.relative_to(results)} {_file_digest(path)}"


def stale(page: str) -> bool:
    """Whether there is no executed copy of a page's notebook, or one that was made from others."""
    executed = EXECUTED / f"{page}.ipynb"
    if not executed.is_file():
        return True
    metadata = json.loads(executed.read_text(encoding="utf-8"))["metadata"]
    return metadata.get("made_from") != digest(page)


def execute_pages(pages: list[str], workers: int = 2) -> None:
    """Execute the notebooks of the pages, `workers` at a time; those that train go alone, last."""
    os.environ["JUPYTER_PREFER_ENV_PATH"] = "1"  # this environment's kernel, not the user's
    os.environ["MATPLOTLIBRC"] = str(BOOK / "matplotlibrc")
    alone = [page for page in pages if "results" in PAGES[page].get("parameters", {})]
    with ThreadPoolExecutor(workers) as pool:
        for page in pages:
            print(f"executing {page}", file=sys.stderr)
        list(pool.map(execute, [page for page in pages if page not in alone]))
    for page in alone:
        execute(page)


def write_fragments() -> None:
    """What the pages include: Markdown with our numbers, and pictures drawn by code."""
    from companion.exhibits import page_figures
    from companion.experiments.records import Records
    from companion.text import fragments, paper_tables

    FRAGMENTS.mkdir(exist_ok=True)
    records = Records.load()
    pages = {name: experiment for name, (experiment, _) in paper_tables.TABLES.items()}
    pages["answer"] = "ablation_distance"
    for name, text in (paper_tables.fragments(records) | fragments.texts(records)).items():
        whole = captioned(text, CAPTIONS.get(name, []), pages.get(name, ""))
        _write_if_new(FRAGMENTS / f"{name}.md", whole + "\n")
    for name, text in page_figures.drawn(FRAGMENTS, records).items():
        _write_if_new(FRAGMENTS / name, text)


def captioned(text: str, captions: str | list[str], records: str = "") -> str:
    """Markdown whose tables have these captions, one each; ValueError if there are more or less.

    `records`: the page that lists the records behind them.
    """
    waiting = [captions] if isinstance(captions, str) else list(captions)
    kind = (
        f"{data_lines.COMPUTED} {data_lines.RECORDS}{records}" if records else data_lines.COMPUTED
    )
    blocks = text.split("\n\n")
    tables = [number for number, block in enumerate(blocks) if block.startswith("|")]
    if waiting and len(waiting) != len(tables) > 0:
        raise ValueError(f"captions.yml: expected {len(tables)} captions, got {waiting}")
    for number, caption in zip(tables, waiting, strict=False):
        wide = blocks[number].partition("\n")[0].count("|") - 1 > COLUMNS
        whole = f":::{{table}} {caption}\n:class: {kind}\n\n{blocks[number]}\n:::"
        blocks[number] = f"::::{{div}} full-width\n{whole}\n::::" if wide else whole
    return "\n\n".join(blocks)


def _write_if_new(path: Path, text: str) -> None:
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def write_playground() -> None:
    """What the pages to play with read: errors of the committed runs, and rendered faces."""
    from companion.exhibits import play
    from companion.experiments.records import Records

    play.write(ROOT / "book" / "playground" / "play" / "data", Records.load())


def setup(app: Any) -> dict[str, Any]:
    """Sphinx's hook: make what is not there before the table of contents is read."""
    execute_pages([page for page in PAGES if stale(page)])
    write_fragments()
    write_playground()
    return {"parallel_read_safe": True}


if __name__ == "__main__":
    execute_pages([page for page in PAGES if "--all" in sys.argv or stale(page)])
    write_fragments()
    write_playground()
