"""What the book's pages are made from."""

import importlib.util
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

ROOT = Path(__file__).resolve().parents[1]
SPEC = importlib.util.spec_from_file_location("prepare", ROOT / "book/prepare.py")
sys.path.insert(0, str(ROOT / "book"))  # its modules import each other
prepare = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(prepare)


def tags_after(*tags):
    """Tags of each cell of a notebook with one cell per tag, hidden twice."""
    cells = [new_code_cell("x = 1", metadata={"tags": [tag]}) for tag in tags]
    notebook = new_notebook(cells=[*cells, new_code_cell("x")])
    for _ in range(2):
        prepare.fold_code(notebook)
    return [cell.metadata.get("tags", []) for cell in notebook.cells]


def test_defaults_are_folded():
    assert tags_after("parameters") == [["parameters", "hide-input"], ["hide-input"]]


def test_injected_parameters_are_folded_and_replace_the_defaults():
    assert tags_after("parameters", "injected-parameters") == [
        ["parameters", "remove-cell"],
        ["injected-parameters", "hide-input"],
        ["hide-input"],
    ]


def test_a_cell_that_is_to_be_read_is_not_folded():
    assert tags_after("show-input") == [["show-input"], ["hide-input"]]


def test_every_page_is_in_the_table_of_contents_and_has_a_notebook_with_its_parameters():
    toc = (ROOT / "book/_toc.yml").read_text(encoding="utf-8")
    for page, entry in prepare.PAGES.items():
        assert f"experiments/{page}\n" in toc + "\n"
        cells = nbformat.read(prepare.notebook_of(page), as_version=4).cells
        [defaults] = [c for c in cells if "parameters" in c.metadata.get("tags", [])]
        known = {line.split(" = ")[0] for line in defaults.source.splitlines()}
        assert set(entry.get("parameters", {})) <= known, page
        assert set(entry) <= {"notebook", "title", "parameters", "paper"}, page


@pytest.fixture
def book(tmp_path, monkeypatch):
    """A repository with one notebook, one module and one record, whose page was just made."""
    for path, text in {
        "starlib/report/claims.yml": "[]",
        "starlib/losses.py": "x = 1",
        "results/runs/a.json": "{}",
    }.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    (tmp_path / "notebooks").mkdir()
    nbformat.write(new_notebook(cells=[new_code_cell("x")]), tmp_path / "notebooks/page.ipynb")
    monkeypatch.setattr(prepare, "ROOT", tmp_path)
    monkeypatch.setattr(prepare, "EXECUTED", tmp_path)
    monkeypatch.setattr(prepare, "PAGES", {"page": {}})
    prepare._code_digest.cache_clear()
    made = new_notebook(metadata={"made_from": prepare.digest("page")})
    nbformat.write(made, tmp_path / "page.ipynb")
    yield tmp_path
    prepare._code_digest.cache_clear()


def test_a_page_whose_sources_did_not_change_is_not_executed_again(book):
    assert not prepare.stale("page")
    (book / "starlib/losses.py").touch()
    prepare._code_digest.cache_clear()
    assert not prepare.stale("page")


@pytest.mark.parametrize("path", ["starlib/losses.py", "starlib/report/claims.yml",
                                  "results/runs/a.json", "results/bench/new.json"])  # fmt: skip
def test_a_page_is_out_of_date_when_what_it_is_made_from_changes(book, path):
    (book / path).parent.mkdir(exist_ok=True)
    (book / path).write_text("[1]")
    prepare._code_digest.cache_clear()
    assert prepare.stale("page")


def test_a_page_is_out_of_date_when_its_notebook_or_parameters_change(book, monkeypatch):
    monkeypatch.setattr(prepare, "PAGES", {"page": {"parameters": {"seeds": [0]}}})
    assert prepare.stale("page")
    monkeypatch.setattr(prepare, "PAGES", {"page": {}})
    assert not prepare.stale("page")
    nbformat.write(new_notebook(cells=[new_code_cell("y")]), book / "notebooks/page.ipynb")
    assert prepare.stale("page")


def test_pairs_of_notebook_and_script_hold_the_same_cells():
    import jupytext

    for script in sorted((ROOT / "notebooks").glob("*.py")):
        ours, theirs = (jupytext.read(p).cells for p in (script, script.with_suffix(".ipynb")))
        assert [c.source for c in ours] == [c.source for c in theirs], script
