"""Make what the book's pages are built from: executed notebooks, fragments and figures.

`python book/_ext/prepare.py` makes what is missing or out of date; `--all` makes everything
anew. As a Sphinx extension (see _config.yml) it does the same, so that `jupyter-book build
book/` alone works.
"""

import json
import os
import sys
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import takewhile
from pathlib import Path
from typing import Any

import nbformat
import papermill
import yaml
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell

import captions
import sources

BOOK = Path(__file__).resolve().parents[1]
ROOT = BOOK.parent
EXECUTED = BOOK / "experiments"
FRAGMENTS = BOOK / "fragments"
# page -> notebook, title, parameters, paper, leave_out, experiments, reads, imports
PAGES: dict[str, dict[str, Any]] = yaml.safe_load(
    (BOOK / "notebooks.yml").read_text(encoding="utf-8")
)
FINDING = "> **Finding.**"
# Notebooks that can be made for other data sets and scales -> the experiments that they show.
ANY_DATA = {
    "ablation_distance": ["ablation_distance"],
    "resolution": ["resolution"],
    "restriction": ["restriction", "weight_and_tricks"],
    "stability": ["stability"],
    "compare_luvli": ["compare_luvli", "compare_adl"],
    "released_code": ["released_code"],
    "alternatives": ["alternatives"],
}
SEEDS = 2  # of both arms of a comparison, before it gets such a page
CAPTIONS: dict[str, Any] = yaml.safe_load((BOOK / "captions.yml").read_text(encoding="utf-8"))


def discovered() -> dict[str, dict[str, Any]]:
    """Page -> its entry, for each data set and scale that the records hold and PAGES has not: of a
    notebook whose experiment has a comparison with SEEDS runs of both arms. _toc.yml takes them by
    their names, data_<data set>_<scale>_<notebook>."""
    from companion.exhibits.tables import label
    from companion.experiments.paper import EXPERIMENTS
    from companion.experiments.records import Records
    from starlib.data.synthface import VARIANTS
    from starlib.schemes import is_path

    records = Records.load(ROOT / "results")
    kinds = {(run.config.dataset, run.config.scale) for run in records.runs}
    found = {}
    for dataset, scale in sorted(kinds - {("300w", "reduced")}):
        if is_path(dataset) or scale == "custom" or dataset in VARIANTS:
            continue
        for notebook, experiments in ANY_DATA.items():
            first = EXPERIMENTS[experiments[0]]
            if any(_compares(records, EXPERIMENTS[name], dataset, scale) for name in experiments):
                found[f"data_{dataset}_{scale}_{notebook}"] = {
                    "notebook": notebook,
                    "title": f"{first.title}: {label(dataset)}, scale {scale}",
                    "parameters": {"dataset": dataset, "scale": scale},
                    "experiments": experiments,
                }
    return found


def _compares(records: Any, experiment: Any, dataset: str, scale: str) -> bool:
    """Whether a comparison of the experiment has SEEDS runs of both arms."""
    runs = records.arm_runs(experiment, dataset, scale)
    pairs = experiment.comparisons.values()
    return any(min(len(runs[p.without]), len(runs[p.with_])) >= SEEDS for p in pairs)


def notebook_of(page: str) -> Path:
    """The notebook that a page is made from."""
    return ROOT / "notebooks" / f"{PAGES[page].get('notebook', page)}.ipynb"


def execute(page: str, made_from: str = "") -> None:
    """Execute the notebook of a page; the executed copy appears whole or not at all. It keeps the
    digest `made_from`, by default with the records that it has just written."""
    partial = EXECUTED / f"{page}.partial.ipynb"
    EXECUTED.mkdir(exist_ok=True)
    papermill.execute_notebook(
        notebook_of(page),
        partial,
        PAGES[page].get("parameters", {}),
        kernel_name="python3",
        cwd=ROOT,
        progress_bar=False,
        start_timeout=600,  # of a kernel on a busy machine
        extra_arguments=[
            "--InlineBackend.figure_formats=svg",
            "--InteractiveShellApp.extra_extensions=companion.exhibits.plotted",
            "--IPKernelApp.log_level=CRITICAL",  # it calls its own end an error
        ],
    )
    executed = nbformat.read(partial, as_version=4)
    put_finding_first(executed)
    leave_out(executed, PAGES[page].get("leave_out", []))
    fold_code(executed)
    numbered = PAGES[page].get("paper", {})
    captions.add(executed, page, EXECUTED, numbered, CAPTIONS["notebooks"])
    if title := PAGES[page].get("title"):  # the first line of the first cell is the page's title
        lines = executed.cells[0].source.split("\n")
        executed.cells[0].source = "\n".join([f"# {title}", *lines[1:]])
    executed.metadata["made_from"] = made_from or digest(page)
    nbformat.write(executed, partial)
    os.replace(partial, EXECUTED / f"{page}.ipynb")


def command_of(page: str) -> str:
    """What makes the page's numbers anew, for a terminal."""
    options = [f"notebooks/{notebook_of(page).name}", "out.ipynb"]
    for name, value in PAGES[page].get("parameters", {}).items():
        plain = isinstance(value, str | bool | int | float)
        options.append(f"-p {name} {value}" if plain else f"-y '{name}: {json.dumps(value)}'")
    return " ".join(["papermill", *options])


def put_finding_first(notebook: NotebookNode) -> None:
    """Move the finding that the first code cells show to right below the title.

    The cells up to it become one folded cell below the text that opens the notebook, with what else
    they show; defaults that injected parameters replace are left out. A notebook whose first code
    cells show no finding stays as it is.
    """
    first, *others = notebook.cells
    setup: list[NotebookNode] = []
    found: list[NotebookNode] = []
    for cell in takewhile(lambda cell: cell.cell_type == "code", others):
        setup.append(cell)
        found = [output for output in cell.outputs if _markdown(output).startswith(FINDING)]
        if found:
            break
    if not found:
        return
    finding = _markdown(found[0])
    title, _, opening = first.source.partition("\n")
    box = "\n".join(line.removeprefix(">").removeprefix(" ") for line in finding.splitlines())
    tags = {tag for cell in setup for tag in cell.metadata.get("tags", [])}
    left_out = "parameters" if "injected-parameters" in tags else None
    code = "\n\n".join(c.source for c in setup if left_out not in c.metadata.get("tags", []))
    shown = [output for cell in setup for output in cell.outputs if output is not found[0]]
    folded = new_code_cell(code, execution_count=setup[-1].execution_count, outputs=shown)
    folded.metadata["mystnb"] = {"code_prompt_show": "Show imports, parameters and records"}
    notebook.cells = [
        new_markdown_cell(title),
        new_markdown_cell(f"::::{{div}} finding\n\n{box}\n::::"),
        new_markdown_cell(opening.strip()),
        folded,
        *others[len(setup) :],
    ]


def leave_out(notebook: NotebookNode, headings: Sequence[str]) -> None:
    """Remove sections, each from the cell that begins with its heading to the next heading's.

    ValueError if the notebook has no such section.
    """
    for heading in headings:
        starts = [n for n, cell in enumerate(notebook.cells) if cell.source.startswith("## ")]
        own = [n for n in starts if notebook.cells[n].source.splitlines()[0] == f"## {heading}"]
        if not own:
            raise ValueError(f"leave_out: expected a section of the notebook, got {heading!r}")
        end = min((n for n in starts if n > own[0]), default=len(notebook.cells))
        del notebook.cells[own[0] : end]


def _markdown(output: NotebookNode) -> str:
    return output.get("data", {}).get("text/markdown", "")


def fold_code(notebook: NotebookNode) -> None:
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


def _tag(cell: NotebookNode, tag: str) -> None:
    tags = cell.metadata.setdefault("tags", [])
    if tag not in tags:
        tags.append(tag)


def digest(page: str) -> str:
    """A hash of all that a page depends on, see `sources`; the captions are part of it."""
    return sources.digest(PAGES[page], notebook_of(page), CAPTIONS["notebooks"])


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
        together = [page for page in pages if page not in alone]
        digests = [digest(page) for page in together]  # Python 3.11 parses in one thread alone
        list(pool.map(execute, together, digests))
    for page in alone:
        done = threading.Event()
        threading.Thread(target=tell, args=(page, done), daemon=True).start()
        execute(page)
        done.set()


def tell(page: str, done: threading.Event, every: float = 20.0) -> None:
    """Say now and then how far a page is that trains, until it is done."""
    runs, start = ROOT / PAGES[page]["parameters"]["results"] / "runs", time.monotonic()
    while not done.wait(every):
        finished, seconds = len(list(runs.glob("*.json"))), time.monotonic() - start
        print(f"{page}: training, {finished} runs finished, {seconds:.0f} s", file=sys.stderr)


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
        classes = f"computed records-of-{pages[name]}" if name in pages else "computed"
        whole = captions.captioned(text, CAPTIONS.get(name, []), classes)
        _write_if_new(FRAGMENTS / f"{name}.md", whole + "\n")
    for name, text in page_figures.drawn(FRAGMENTS, records).items():
        _write_if_new(FRAGMENTS / name, text)


def _write_if_new(path: Path, text: str) -> None:
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def write_playground() -> None:
    """What the pages to play with read: errors of the committed runs, and rendered faces."""
    from companion.exhibits import play
    from companion.experiments.records import Records

    play.write(ROOT / "book" / "playground" / "play" / "data", Records.load())


def make(everything: bool = False) -> None:
    """Make what is missing or out of date, or everything anew; pages without records go."""
    PAGES.update(discovered())
    for path in EXECUTED.glob("data_*.ipynb"):
        if path.stem not in PAGES:
            path.unlink()
    execute_pages([page for page in PAGES if everything or stale(page)])
    write_fragments()
    write_playground()


def setup(app: Any) -> dict[str, Any]:
    """Sphinx's hook: make what is not there before the table of contents is read."""
    make()
    return {"parallel_read_safe": True}


if __name__ == "__main__":
    make("--all" in sys.argv)
