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
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import nbformat
import papermill
import yaml

import captions
import edits
import sources
from companion.exhibits import play
from companion.exhibits.tables import label
from companion.experiments.paper import EXPERIMENTS, Experiment
from companion.experiments.records import Records
from companion.text import fragments, paper_tables
from starlib.data.synthface import VARIANTS
from starlib.schemes import is_path

BOOK = Path(__file__).resolve().parents[1]
ROOT = BOOK.parent
EXECUTED = BOOK / "experiments"
FRAGMENTS = BOOK / "fragments"
# page -> notebook, title, parameters, paper, leave_out, experiments, reads, imports
PAGES: dict[str, dict[str, Any]] = yaml.safe_load(
    (BOOK / "notebooks.yml").read_text(encoding="utf-8")
)
# Notebooks that can be made for other data sets and scales -> the experiments that they show.
ANY_DATA = {
    "ablation_distance": ["ablation_distance"],
    "resolution": ["resolution"],
    "restriction": ["restriction", "weight_and_tricks", "released_code"],
    "stability": ["stability"],
    "compare_luvli": ["compare_luvli", "compare_adl"],
    "alternatives": ["alternatives"],
}
SEEDS = 2  # of both arms of a comparison, before it gets such a page
CAPTIONS: dict[str, Any] = yaml.safe_load((BOOK / "captions.yml").read_text(encoding="utf-8"))


def discovered() -> dict[str, dict[str, Any]]:
    """Page -> its entry, for each data set and scale that the records hold and PAGES has not: of a
    notebook whose experiment has a comparison with SEEDS runs of both arms. _toc.yml takes them by
    their names, data_<data set>_<scale>_<notebook>."""
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


def _compares(records: Records, experiment: Experiment, dataset: str, scale: str) -> bool:
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
    edits.put_finding_first(executed)
    edits.leave_out(executed, PAGES[page].get("leave_out", []))
    edits.fold_code(executed)
    numbered = PAGES[page].get("paper", {})
    captions.add(executed, page, EXECUTED, numbered, CAPTIONS["notebooks"])
    if title := PAGES[page].get("title"):
        first = executed.cells[0]  # its first line is the page's title
        first.source = "\n".join([f"# {title}", *first.source.split("\n")[1:]])
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


def write_fragments(records: Records) -> None:
    """What the pages include: Markdown with our numbers, and pictures drawn by code."""
    from companion.exhibits import page_figures  # when matplotlib knows its settings

    FRAGMENTS.mkdir(exist_ok=True)
    files = page_figures.drawn(FRAGMENTS, records)
    for name, text in (paper_tables.fragments(records) | fragments.texts(records)).items():
        files[f"{name}.md"] = captions.captioned(text, CAPTIONS.get(name, []), "computed") + "\n"
    for name, text in files.items():
        path = FRAGMENTS / name
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def make(everything: bool = False) -> None:
    """Make what is missing or out of date, or everything anew; pages without records go."""
    PAGES.update(discovered())
    for path in EXECUTED.glob("data_*.ipynb"):
        if path.stem not in PAGES:
            path.unlink()
    execute_pages([page for page in PAGES if everything or stale(page)])
    records = Records.load()
    write_fragments(records)
    play.write(BOOK / "playground" / "play" / "data", records)


def setup(app: Any) -> dict[str, Any]:
    """Sphinx's hook: make what is not there before the table of contents is read."""
    make()
    return {"parallel_read_safe": True}


if __name__ == "__main__":
    make("--all" in sys.argv)
