"""The first screen of an experiment's page: its title, then its finding, then all else."""

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell

MARK = "> **Finding.**"


def put_finding_first(notebook: NotebookNode) -> None:
    """Move the finding that the first code cells show to right below the title.

    Those cells become one folded cell below the text that opens the notebook; defaults that
    injected parameters replace are left out. A notebook without a finding stays as it is.
    """
    cells = notebook.cells
    codes = 1
    while codes < len(cells) and cells[codes].cell_type == "code":
        codes += 1
    first, setup = cells[0], cells[1:codes]
    outputs = [output for cell in setup for output in cell.outputs]
    finding = next((text for o in outputs if (text := _markdown(o)).startswith(MARK)), None)
    if finding is None:
        return
    title, _, opening = first.source.partition("\n")
    box = "\n".join(line.removeprefix(">").removeprefix(" ") for line in finding.splitlines())
    tags = {tag for cell in setup for tag in cell.metadata.get("tags", [])}
    left_out = "parameters" if "injected-parameters" in tags else None
    code = "\n\n".join(c.source for c in setup if left_out not in c.metadata.get("tags", []))
    folded = new_code_cell(code, execution_count=setup[-1].execution_count)
    folded.metadata["mystnb"] = {"code_prompt_show": "Show imports, parameters and records"}
    notebook.cells = [
        new_markdown_cell(title),
        new_markdown_cell(f"::::{{div}} finding\n\n{box}\n::::"),
        new_markdown_cell(opening.strip()),
        folded,
        *cells[codes:],
    ]


def _markdown(output: NotebookNode) -> str:
    return output.get("data", {}).get("text/markdown", "")
