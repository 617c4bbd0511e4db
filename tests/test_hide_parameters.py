"""The parameter cells of executed notebooks are folded on the book's pages."""

import subprocess
import sys
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_notebook

SCRIPT = Path(__file__).resolve().parents[1] / "book" / "hide_parameters.py"


def tags_after(tmp_path: Path, *tags: str) -> list[list[str]]:
    """Tags of each cell after the script ran twice over a notebook with one cell per tag."""
    path = tmp_path / "executed.ipynb"
    cells = [new_code_cell("x = 1", metadata={"tags": [tag]}) for tag in tags]
    nbformat.write(new_notebook(cells=[*cells, new_code_cell("x")]), path)
    for _ in range(2):
        subprocess.run([sys.executable, str(SCRIPT), str(path)], check=True)
    return [cell.metadata.get("tags", []) for cell in nbformat.read(path, as_version=4).cells]


def test_defaults_are_folded(tmp_path):
    assert tags_after(tmp_path, "parameters") == [["parameters", "hide-input"], []]


def test_injected_parameters_are_folded_and_replace_the_defaults(tmp_path):
    assert tags_after(tmp_path, "parameters", "injected-parameters") == [
        ["parameters", "remove-cell"],
        ["injected-parameters", "hide-input"],
        [],
    ]
