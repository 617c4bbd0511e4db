"""What makes a page out of date, and what does not."""

import ast
from pathlib import Path

import nbformat
import pytest
import yaml
from nbformat.v4 import new_code_cell, new_notebook, new_output

import sources
from companion.evidence import claims
from companion.experiments.paper import EXPERIMENTS
from tests.fakes import write_run

ROOT = Path(__file__).resolve().parents[2]
PAGES = yaml.safe_load((ROOT / "book/notebooks.yml").read_text(encoding="utf-8"))
FILES = {
    "book/claims.yml": "[]",
    "book/prices.yml": "[]",
    "book/companion/__init__.py": "",
    "book/companion/families.py": "from starlib import losses",
    "book/companion/claims.py": "def read(book):\n    return book / 'claims.yml'",
    "starlib/__init__.py": "",
    "starlib/losses.py": "def loss():\n    from starlib.moments import mean",
    "starlib/moments.py": "x = 1",
    "starlib/commands/__init__.py": "",
    "starlib/commands/predict.py": "x = 1",
    "starlib/commands/train.py": "x = 1",
    "results/bench/a.json": "{}",
}
ENTRY = {"reads": ["results/bench/*.json"], "imports": ["starlib.commands.train"]}
CODE = "import companion.families\nfrom companion.claims import read"
ABLATION, OTHER = EXPERIMENTS["ablation_distance"], EXPERIMENTS["compare_adl"]


@pytest.fixture
def book(tmp_path, monkeypatch):
    """A repository with one notebook, a few modules and the record of one arm."""
    for path, text in FILES.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    cells = [new_code_cell(CODE, outputs=[new_output("stream", text="1")])]
    nbformat.write(new_notebook(cells=cells), tmp_path / "ablation_distance.ipynb")
    write_run(ABLATION.config("l2", "300w", 0), tmp_path / "results", 0.05)
    monkeypatch.setattr(sources, "ROOT", tmp_path)
    monkeypatch.setattr(sources, "BOOK", tmp_path / "book")
    yield tmp_path
    forget()


def forget():
    for kept in (sources.read_module, sources._files):
        kept.cache_clear()


def digest(book, **changes):
    forget()
    return sources.digest(ENTRY | changes, book / "ablation_distance.ipynb", {"captions": 1})


@pytest.mark.parametrize("path", ["book/companion/families.py", "starlib/losses.py",
                                  "starlib/moments.py", "starlib/__init__.py", "book/claims.yml",
                                  "starlib/commands/train.py", "results/bench/a.json"])  # fmt: skip
def test_what_a_page_is_made_from_makes_it_out_of_date(book, path):
    before = digest(book)
    (book / path).write_text(FILES[path] + "\ny = 2")
    assert digest(book) != before


def test_code_behind_no_cell_and_comments_leave_a_page_as_it_is(book):
    before = digest(book)
    (book / "starlib/commands/predict.py").write_text("x = 2")
    (book / "book/prices.yml").write_text("[1]")
    (book / "starlib/moments.py").write_text("# why\nx = 1  # one\n")
    assert digest(book) == before


def test_only_records_of_the_page_s_arms_make_it_out_of_date(book):
    before = digest(book)
    write_run(OTHER.config("ADL", "300w", 0), book / "results", 0.05)
    assert digest(book) == before
    assert digest(book, experiments=["ablation_distance", "compare_adl"]) != before
    write_run(ABLATION.config("STAR l2", "synthface", 7), book / "results", 0.05)
    assert digest(book) != before


def test_cells_count_and_their_stored_outputs_do_not(book):
    before = digest(book)
    path = book / "ablation_distance.ipynb"
    nbformat.write(new_notebook(cells=[new_code_cell(CODE)]), path)
    assert digest(book) == before
    nbformat.write(new_notebook(cells=[new_code_cell(f"{CODE}\nx = 1")]), path)
    assert digest(book) != before


@pytest.mark.parametrize("page", PAGES)
def test_a_page_declares_what_its_code_does_not_name(page):
    notebook = ROOT / "notebooks" / f"{PAGES[page].get('notebook', page)}.ipynb"
    cells = nbformat.read(notebook, as_version=4).cells
    code = "\n".join(cell.source for cell in cells if cell.cell_type == "code")
    files = sources.files_behind(code, PAGES[page].get("imports", []))
    assert (ROOT / "starlib/losses.py") in files
    assert (ROOT / "starlib/commands/predict.py" in files) == (page == "own_data")
    experiments = PAGES[page].get("experiments", [notebook.stem])
    assert set(experiments) <= set(EXPERIMENTS)
    named = {n.value for n in ast.walk(ast.parse(code)) if isinstance(n, ast.Constant)}
    assert named & set(EXPERIMENTS) <= set(experiments) or PAGES[page].get("reads")
    families = {}  # a p-value is corrected over all claims of its family
    for claim in claims.read_claims():
        if {"family", "experiment"} <= set(claim["rule"]):
            families.setdefault(claim["rule"]["family"], set()).add(claim["rule"]["experiment"])
    for sharing in families.values():
        assert not sharing & set(experiments) or sharing <= set(experiments)
    for pattern in PAGES[page].get("reads", []):
        assert list(ROOT.glob(pattern)), pattern
