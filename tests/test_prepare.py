"""What the book's pages are made from."""

import importlib.util
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_notebook

ROOT = Path(__file__).resolve().parents[1]
SPEC = importlib.util.spec_from_file_location("prepare", ROOT / "book/prepare.py")
prepare = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(prepare)


def tags_after(*tags):
    """Tags of each cell of a notebook with one cell per tag, hidden twice."""
    cells = [new_code_cell("x = 1", metadata={"tags": [tag]}) for tag in tags]
    notebook = new_notebook(cells=[*cells, new_code_cell("x")])
    for _ in range(2):
        prepare.hide_parameters(notebook)
    return [cell.metadata.get("tags", []) for cell in notebook.cells]


def test_defaults_are_folded():
    assert tags_after("parameters") == [["parameters", "hide-input"], []]


def test_injected_parameters_are_folded_and_replace_the_defaults():
    assert tags_after("parameters", "injected-parameters") == [
        ["parameters", "remove-cell"],
        ["injected-parameters", "hide-input"],
        [],
    ]


def test_every_page_is_in_the_table_of_contents_and_has_a_notebook_with_its_parameters():
    toc = (ROOT / "book/_toc.yml").read_text(encoding="utf-8")
    for page, (notebook, parameters) in prepare.PAGES.items():
        assert f"experiments/{page}\n" in toc + "\n"
        cells = nbformat.read(ROOT / "notebooks" / f"{notebook}.ipynb", as_version=4).cells
        [defaults] = [c for c in cells if "parameters" in c.metadata.get("tags", [])]
        known = {line.split(" = ")[0] for line in defaults.source.splitlines()}
        assert set(parameters) <= known, page


def test_pairs_of_notebook_and_script_hold_the_same_cells():
    import jupytext

    for script in sorted((ROOT / "notebooks").glob("*.py")):
        ours, theirs = (jupytext.read(p).cells for p in (script, script.with_suffix(".ipynb")))
        assert [c.source for c in ours] == [c.source for c in theirs], script
