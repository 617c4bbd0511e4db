"""The book's prose: no result is typed that a record, published.yml or the code could give."""

import re
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("book/*.md"), *ROOT.glob("notebooks/*.ipynb")])
# Code, formulas, links, scripts, and the paper's claims, which are quoted.
NOT_PROSE = re.compile(
    r"^(```+)(?!\{(?:figure|picture|table|admonition)).*?^\1$ | \$\$.*?\$\$ | \$[^$]+\$ | `[^`]*`"
    r"| \{\{.*?\}\} | \]\([^)]*\) | <script>.*?</script>"
    r"| \*\*The\ paper's\ claim\*\*.*?(?=\n\n|\Z)",
    re.VERBOSE | re.DOTALL | re.MULTILINE,
)
RESULT = re.compile(
    r"[+-]?\d+\.\d+\s(?:%|points|times|px|pixels)|\d+\s(?:of|out of)\s\d+|p\s?[<=]\s?0?\.\d+"
    r"|\d+\s(?:runs|networks|minutes|hours|faces|claims)\b|\[[+-]\d+\.\d.*?\]"
)


def prose(path):
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".ipynb":
        cells = nbformat.reads(text, as_version=4).cells
        text = "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    return NOT_PROSE.sub(" ", text)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_no_result_in_the_prose_is_typed(path):
    assert RESULT.findall(prose(path)) == []


def test_a_typed_result_is_seen(tmp_path):
    path = tmp_path / "page.md"
    path.write_text("The error is 4.53 %, +0.20 [-0.03, 0.4], in 67 of 273 cases; `5 minutes`.")
    assert RESULT.findall(prose(path)) == ["4.53 %", "[-0.03, 0.4]", "67 of 273"]
