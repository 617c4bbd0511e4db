"""Make what the book's pages are built from: executed notebooks, fragments and figures.

`python book/_ext/prepare.py` makes what is missing or out of date; `--all` makes everything
anew. As a Sphinx extension (see _config.yml) it does the same, so that `jupyter-book build
book/` alone works.
"""

import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

import nbformat
import papermill
from tqdm import tqdm

import captions
import edits
import sources
from companion.evidence.published import printed_for
from companion.exhibits import play
from companion.exhibits.tables import label
from companion.experiments.experiment import Experiment
from companion.experiments.paper import EXPERIMENTS
from companion.experiments.records import Records
from companion.files import BOOK, read_yaml
from companion.page import seeds_needed
from companion.text import fragments, paper_tables
from starlib.data.synthface import VARIANTS
from starlib.files import ROOT
from starlib.schemes import is_path
from starlib.training.config import RunConfig

EXECUTED = BOOK / "experiments"
FRAGMENTS = BOOK / "fragments"
PAGES: dict[str, dict[str, Any]] = read_yaml(BOOK / "notebooks.yml")
# Notebooks that can be made for other data sets and scales -> the comparisons that each needs; if
# none are named, one that no page before it shows.
ANY_DATA: dict[str, set[str]] = {
    "ablation_distance": set(), "resolution": set(), "restriction": set(),
    "stability": {"smooth_l1", "l2"}, "compare_luvli": set(), "alternatives": set(),
}  # fmt: skip
SEEDS = 2  # of both arms of a comparison, before it gets such a page
CAPTIONS: dict[str, Any] = read_yaml(BOOK / "captions.yml")


def discovered() -> dict[str, dict[str, Any]]:
    """Page -> its entry, for each data set and scale that the records hold and PAGES has not: of a
    notebook whose experiments have comparisons with SEEDS runs of both arms. _toc.yml takes them by
    their names, data_<data set>_<scale>_<notebook>."""
    records = Records.load(ROOT / "results")
    kinds = {(run.config.dataset, run.config.scale) for run in records.runs}
    found = {}
    for dataset, scale in sorted(kinds - {("300w", "reduced")}):
        if is_path(dataset) or scale == "custom" or dataset in VARIANTS:
            continue
        shown: set[RunConfig] = set()
        for notebook, needed in ANY_DATA.items():
            experiments = PAGES[notebook].get("experiments", [notebook])
            compared: dict[str, set[RunConfig]] = {}
            pairs = [p for name in experiments for p in EXPERIMENTS[name].comparisons.values()]
            printed = any(printed_for(pair, dataset) == dataset for pair in pairs)
            for name in experiments:
                compared |= _compared(records, EXPERIMENTS[name], dataset, scale)
            configs = set().union(*compared.values())
            if needed <= compared.keys() if needed else configs - shown:
                found[f"data_{dataset}_{scale}_{notebook}"] = {
                    "notebook": notebook,
                    "title": f"{EXPERIMENTS[notebook].title}: {label(dataset)}, scale {scale}",
                    "parameters": {"dataset": dataset, "scale": scale},
                    "paper": PAGES[notebook].get("paper", {}) if printed else {},
                    "leave_out": ["What this does not show"] if scale == "full" else [],
                    "experiments": experiments,
                }
            shown |= configs
    return found


def _compared(
    records: Records, experiment: Experiment, dataset: str, scale: str
) -> dict[str, set[RunConfig]]:
    """Comparison -> the configs of its arms, of those with SEEDS runs of both, or where rules were
    written before with all that are planned."""
    of = records.arm_runs(experiment, dataset, scale).items()
    run = {a for a, r in of if len(r) >= seeds_needed(experiment, a, dataset, scale, SEEDS)}
    return {
        name: {experiment.config(arm, dataset, 0, scale) for arm in (pair.without, pair.with_)}
        for name, pair in experiment.comparisons_at(dataset, scale).items()
        if {pair.without, pair.with_} <= run
    }


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
    if page.startswith("data_"):
        edits.leave_out_absent(executed)
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


def execute_pages(pages: list[str]) -> None:
    """Execute the notebooks of the pages, two at a time; those that train go alone, last."""
    os.environ["JUPYTER_PREFER_ENV_PATH"] = "1"  # this environment's kernel, not the user's
    os.environ["MATPLOTLIBRC"] = str(BOOK / "matplotlibrc")
    alone = [page for page in pages if "trains" in PAGES[page]]
    for page in pages:
        print(f"executing {page}", file=sys.stderr)
    with ThreadPoolExecutor(2) as pool:
        together = [page for page in pages if page not in alone]
        digests = [digest(page) for page in together]  # Python 3.11 parses in one thread alone
        list(pool.map(execute, together, digests))
    for page in alone:
        _train(page)


def _train(page: str) -> None:
    """Execute the notebook of a page, with a progress bar of the runs that it trains."""
    runs = ROOT / PAGES[page]["parameters"]["results"] / "runs"
    before, every = len(list(runs.glob("*.json"))), 1.0 if sys.stderr.isatty() else 30.0
    total = PAGES[page]["trains"]
    with ThreadPoolExecutor(1) as pool, tqdm(desc=page, total=total, unit="run") as bar:
        executed = pool.submit(execute, page)
        while not executed.done():
            wait([executed], every)
            bar.n = len(list(runs.glob("*.json"))) - before
            bar.refresh()
        executed.result()


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
