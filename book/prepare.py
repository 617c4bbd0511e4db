"""Make what the book's pages are built from: executed notebooks and fragments with our numbers.

`python book/prepare.py` makes everything anew. As a Sphinx extension (see _config.yml) it makes
what is not there or out of date, so that `jupyter-book build book/` alone works too.
"""

import os
import sys
from pathlib import Path
from typing import Any

import nbformat
import papermill

ROOT = Path(__file__).resolve().parent.parent
EXECUTED = ROOT / "book" / "experiments"
FRAGMENTS = ROOT / "book" / "fragments"
# page -> notebook and its parameters; "live" trains on the reader's machine, for a few minutes
PAGES: dict[str, tuple[str, dict[str, Any]]] = {
    "ablation_distance": ("ablation_distance", {}),
    "ablation_distance_synthface": (
        "ablation_distance",
        {"dataset": "synthface", "seeds": [0, 1, 2], "distances": ["l1", "smooth_l1", "l2"]},
    ),
    "ablation_distance_live": (
        "ablation_distance",
        {
            "dataset": "synthface",
            "scale": "smoke",
            "seeds": [0, 1],
            "distances": ["smooth_l1"],
            "train": True,
            "results": "results/live",
        },
    ),
    "cost": ("cost", {}),
    "own_data": ("own_data", {"results": "results/live"}),
}
TITLES = {
    "ablation_distance_synthface": "# The same on faces whose noise is known",
    "ablation_distance_live": "# The ablation, trained live",
}


def execute(page: str) -> None:
    """Execute the notebook of a page; the executed copy appears whole or not at all."""
    notebook, parameters = PAGES[page]
    os.environ["JUPYTER_PREFER_ENV_PATH"] = "1"  # this environment's kernel, not the user's
    partial = EXECUTED / f"{page}.partial.ipynb"
    EXECUTED.mkdir(exist_ok=True)
    papermill.execute_notebook(
        ROOT / "notebooks" / f"{notebook}.ipynb",
        partial,
        parameters,
        kernel_name="python3",
        cwd=ROOT,
        progress_bar=False,
    )
    executed = nbformat.read(partial, as_version=4)
    hide_parameters(executed)
    if page in TITLES:  # the first line of the first cell is the page's title
        lines = executed.cells[0].source.split("\n")
        executed.cells[0].source = "\n".join([TITLES[page], *lines[1:]])
    nbformat.write(executed, partial)
    os.replace(partial, EXECUTED / f"{page}.ipynb")


def hide_parameters(notebook: nbformat.NotebookNode) -> None:
    """Fold the parameter cells; the defaults that injected parameters replace are left out."""
    cells = {tag: cell for cell in notebook.cells for tag in cell.metadata.get("tags", [])}
    if "injected-parameters" in cells:
        _tag(cells["injected-parameters"], "hide-input")
        if "parameters" in cells:
            _tag(cells["parameters"], "remove-cell")
    elif "parameters" in cells:
        _tag(cells["parameters"], "hide-input")


def _tag(cell: nbformat.NotebookNode, tag: str) -> None:
    if tag not in cell.metadata.tags:
        cell.metadata.tags.append(tag)


def stale(page: str) -> bool:
    """Whether a page's notebook, or a record that it reads, is newer than the executed copy."""
    executed = EXECUTED / f"{page}.ipynb"
    if not executed.is_file():
        return True
    notebook, parameters = PAGES[page]
    records = ROOT / parameters.get("results", "results")
    kept = [path for kind in ("runs", "bench") for path in (records / kind).glob("*.json")]
    sources = [ROOT / "notebooks" / f"{notebook}.ipynb", *kept]
    return any(path.stat().st_mtime > executed.stat().st_mtime for path in sources)


def write_fragments() -> None:
    """The fragments that index.md and provenance.md include, from the committed run records."""
    from starlib.report import figures, pages

    FRAGMENTS.mkdir(exist_ok=True)
    for name, text in pages.fragments().items():
        (FRAGMENTS / f"{name}.md").write_text(text + "\n", encoding="utf-8")
    sheet = FRAGMENTS / "synthface.png"
    if not sheet.is_file():
        figures.synthface_sheet().savefig(sheet, dpi=150)


def write_playground() -> None:
    """What the pages to play with read: errors of the committed runs, and rendered faces."""
    from starlib.report import play

    play.write(ROOT / "book" / "playground" / "play" / "data")


def setup(app: Any) -> dict[str, Any]:
    """Sphinx's hook: make what is not there before the table of contents is read."""
    for page in PAGES:
        if stale(page):
            print(f"executing {page}", file=sys.stderr)
            execute(page)
    write_fragments()
    write_playground()
    return {"parallel_read_safe": True}


if __name__ == "__main__":
    for name in PAGES:
        execute(name)
    write_fragments()
    write_playground()
