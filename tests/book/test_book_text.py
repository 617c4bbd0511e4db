"""The book's prose: no number stands there that a record, published.yml or the code could give."""

import re
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*(ROOT / "book").glob("*.md"), *(ROOT / "book" / "play").glob("*.md")])
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
CAPTIONED = ("figure", "picture", "table", "list-table", "admonition", "div", "dropdown")
# What is no prose: formulas, code, roles, links, substitutions, scripts, options of directives.
NOT_PROSE = re.compile(
    r"""
    \$\$.*?\$\$ | \$[^$]+\$ | `[^`]*` | \{\{.*?\}\} | \]\([^)]*\) | <https?://[^>]*>
    | <script>.*?</script> | ^:[a-z-]+:.*?$ | ^:::+.*?$
    """,
    re.VERBOSE | re.DOTALL | re.MULTILINE,
)
# Numbers that name something, or are said by the paper about its own protocol.
ALLOWED = re.compile(
    r"""
    \b(?:Tables?|Figures?|Figs?\.|Sections?|Eqs?\.|Equations?|Python|CVPR|ICCV|WACV|WFLW-|300-|300|
       SCUT-FBP|HRNet-W|ResNet-|seeds?|Seeds?|face|strength|float|bfloat|AVX-?|\u03c3\ =)\s?
       \d+(?:\.\d+)*(?:(?:,|\ and|\ or|\ to|\ from)\ \d+(?:\.\d+)*)*
    | \b300-?V?W\b | SCUT-FBP5500 | smooth-l1 | \bl[12]\b | \bv[12]\b
    | \b(?:19|20)\d\d\b             # years
    | \b\d\d?\ November\b
    | contour\ point\ 5              # as the paper's Figure 1 names it
    | 2\s?[\u00d72]\s?2              # 2 x 2 matrices
    | \b(?:68|98|29|86)[ -](?:points?|landmarks?)\b
    | 95\s?% | 10\s?%                 # of intervals; threshold of FR and AUC
    | \[-1,\ 1\] | AUC10 | FR10 | NME | 1e-\d | \d\. # lists
    """,
    re.VERBOSE,
)
PROTOCOL = {  # page -> what is fixed and no result
    "experiments.md": ["18°", "10 %", "5 %", "20 %", "30 %", "40 %", "50 %"],
    "disagreements.md": ["4 × 16"],
    "reproduce.md": ["3.10 to 3.13"],
    "provenance.md": ["from strength 2 to 3"],
    "point.md": ["64 × 64 cells"],
    "cost.ipynb": ["64 × 64 cells", "1 is linear", "256 pixels"],
    "ambiguity.ipynb": ["45° is chance", "50, 90 and 95 %"],
    "resolution.ipynb": ["between 64 and 128", "256 pixels"],
    "own_data.ipynb": ["0 for most tools, 1 for", "counted from 0", "flag 0"],
}


def prose(text):
    """The words of a page; of fenced blocks only what stands in captions and boxes."""
    lines, fence, kept = [], "", True
    for line in text.splitlines():
        mark = re.match(r"(```+)(?:\{([a-z-]+)\})?", line)
        if mark and not fence:
            fence, kept = mark[1], mark[2] in CAPTIONED
        elif mark and mark[1] == fence:
            fence, kept = "", True
        elif kept:
            lines.append(line)
    return NOT_PROSE.sub(" ", "\n".join(lines))


def typed_numbers(text, page=""):
    text = re.sub(r"\*\*The paper's claim\*\*.*?(?=\n\n|\Z)", "", text, flags=re.DOTALL)  # quoted
    for quoted in PROTOCOL.get(page, []):
        text = text.replace(quoted, "")
    return re.findall(r"[^\n]{0,40}(?<![\w#-])\d[\d.,]*[^\n]{0,20}", ALLOWED.sub(" ", prose(text)))


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_no_number_in_the_prose_of_a_page_is_typed(page):
    assert typed_numbers(page.read_text(encoding="utf-8"), page.name) == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_no_number_in_the_prose_of_a_notebook_is_typed(path):
    cells = nbformat.read(path, as_version=4).cells
    text = "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    assert typed_numbers(text, path.name) == []


@pytest.mark.parametrize("text", ["The error is 4.53 %.", "A run takes 6 minutes.", "67 of 273"])
def test_a_typed_number_is_seen(text):
    assert typed_numbers(text)


@pytest.mark.parametrize(
    "text",
    [
        "Table 3 and Eq. 6",
        "seeds 0, 1 and 2",
        "300-W, 68 points",
        "$x = 3$",
        "`at 5`",
        "```\nrun 5\n```",
    ],
)
def test_names_and_formulas_are_no_typed_numbers(text):
    assert not typed_numbers(text)
