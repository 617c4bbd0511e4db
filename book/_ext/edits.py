"""How an executed notebook becomes a page: its finding first, sections left out, code folded."""

import re
from collections.abc import Sequence
from itertools import takewhile

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell

from companion.text.verdicts import FINDING


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
    sections = _sections(notebook)
    names = [cells[0].source.partition("\n")[0].removeprefix("## ") for cells in sections]
    for heading in headings:
        if heading not in names:
            raise ValueError(f"leave_out: expected a section of the notebook, got {heading!r}")
    kept = [cells for name, cells in zip(names, sections, strict=True) if name not in headings]
    notebook.cells = [cell for cells in kept for cell in cells]


def leave_out_absent(notebook: NotebookNode) -> None:
    """On a page of other records than the committed ones: remove what is written about those, in
    cells with the tag "committed", and sections whose code shows neither data nor text."""

    def shows(output: NotebookNode) -> bool:
        text = _markdown(output)
        return "text/csv" in output.get("data", {}) or bool(text and not text.startswith(FINDING))

    def there(cells: Sequence[NotebookNode]) -> bool:
        code = [cell for cell in cells if cell.cell_type == "code"]
        return not code or any(shows(output) for cell in code for output in cell.outputs)

    opening, *sections = _sections(notebook)
    cells = [*opening, *(cell for cells in sections if there(cells) for cell in cells)]
    notebook.cells = [c for c in cells if "committed" not in c.metadata.get("tags", [])]


def _sections(notebook: NotebookNode) -> list[list[NotebookNode]]:
    """The cells before the first heading, then those of each section."""
    sections: list[list[NotebookNode]] = [[]]
    for cell in notebook.cells:
        if cell.source.startswith("## "):
            sections.append([])
        sections[-1].append(cell)
    return sections


def _markdown(output: NotebookNode) -> str:
    return output.get("data", {}).get("text/markdown", "")


def fold_code(notebook: NotebookNode) -> None:
    """Fold every code cell; defaults that injected parameters replace are left out, unless the
    notebook shows them, and so is a cell whose value is None."""
    tags = [cell.metadata.get("tags", []) for cell in notebook.cells]
    replaced = "parameters" if any("injected-parameters" in of for of in tags) else None
    for cell, of in zip(notebook.cells, tags, strict=True):
        if cell.cell_type == "code" and not {"show-input", "remove-cell", "hide-input"} & set(of):
            empty = not cell.outputs and re.fullmatch(r"[\w.]+( if [\w.]+ else None)?", cell.source)
            tag = "remove-cell" if replaced in of or empty else "hide-input"
            cell.metadata["tags"] = [*of, tag]


def fold(cell: NotebookNode, title: str) -> None:
    """Hide a cell, code and output, behind a line that can be opened."""
    tags = [tag for tag in cell.metadata.get("tags", []) if tag != "hide-input"]
    cell.metadata["tags"] = [*tags, "hide-cell"]
    cell.metadata["mystnb"] = {"code_prompt_show": title, "code_prompt_hide": "Hide it"}
