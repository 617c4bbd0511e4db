"""Fold the parameter cells of executed notebooks, so that the book shows them only on a click.

`python book/hide_parameters.py book/experiments/*.ipynb`. Where papermill injected parameters, the
defaults that they replace are left out of the page.
"""

import sys
from pathlib import Path

import nbformat


def hide_parameters(path: Path) -> None:
    """Tag the cells of one notebook in place; doing it twice changes nothing more."""
    notebook = nbformat.read(path, as_version=4)
    cells = {tag: cell for cell in notebook.cells for tag in cell.metadata.get("tags", [])}
    if "injected-parameters" in cells:
        add_tag(cells["injected-parameters"], "hide-input")
        if "parameters" in cells:
            add_tag(cells["parameters"], "remove-cell")
    elif "parameters" in cells:
        add_tag(cells["parameters"], "hide-input")
    nbformat.write(notebook, path)


def add_tag(cell: nbformat.NotebookNode, tag: str) -> None:
    """Add a tag to a cell that does not have it yet."""
    if tag not in cell.metadata.tags:
        cell.metadata.tags.append(tag)


if __name__ == "__main__":
    for name in sys.argv[1:]:
        hide_parameters(Path(name))
