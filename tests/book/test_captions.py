"""Tables and figures of the book: captions, numbers, what a reader takes with them."""

import base64
import re
from pathlib import Path

import pandas as pd
import pytest
import yaml
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

import below
import captions
from companion.exhibits.plotted import table_bundle

ROOT = Path(__file__).resolve().parents[2]
EXT = ROOT / "book/_ext"

FRAME = pd.DataFrame({"NME %": [4.5, 4.25], "of": ["4.5, all", "a | b"]}, index=["l1", "l2"])
SVG = '<svg width="490pt" height="300pt" viewBox="0 0 490 300"><path style="fill: #262626"/></svg>'
DRAWN = {"image/svg+xml": SVG, "text/csv": "epoch,error (%)\n1,4.5\n"}
TABLE = table_bundle(FRAME)
CAPTIONS = {"Curves": {"figure": "Error by epoch."}, "Every run": {"table": ["All runs."]}}


def page_of(cells, folder, paper=None):
    """The outputs of the cells, as they stand in the page."""
    captions.add(new_notebook(cells=cells), "my_page", folder, paper or {}, CAPTIONS)
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    return [output.data["text/markdown"] for output in outputs]


def shown(data):
    return new_code_cell("x", outputs=[new_output("display_data", data=dict(data))])


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The pages of a small book with a notebook's table and figure, as HTML."""
    from sphinx.application import Sphinx

    folder = tmp_path_factory.mktemp("book")
    (folder / "experiments").mkdir()
    cells = [new_markdown_cell("## Errors"), shown(TABLE), shown(TABLE), shown(TABLE)]
    tables = page_of(cells, folder / "experiments", {"Table 3": "Errors"})
    pages = {
        "index": "# Book\n\n:::{table} One.\n\n| a |\n| --- |\n| 1 ± 2 |\n:::\n\n"
        "```{toctree}\nexperiments/cost\nlast\n```\n",
        "experiments/cost": "# Cost\n\n" + "\n\n".join(tables),
        "last": "# Last\n\n:::{table} Table 4. Theirs.\n\n| a |\n| --- |\n| 1 |\n:::\n\n"
        ":::{table} Ours.\n\n| a |\n| --- |\n| 1 |\n:::\n",
    }
    for name, text in pages.items():
        (folder / f"{name}.md").write_text(text)
    (folder / "conf.py").write_text(
        f"import sys\nsys.path.insert(0, {str(EXT)!r})\nextensions = ['myst_parser', 'below']\n"
        "myst_enable_extensions = ['colon_fence']\nnumfig = True\n"
        "numfig_format = {'table': 'Table B%s'}\nnumfig_secnum_depth = 0\n"
    )
    app = Sphinx(folder, folder, folder / "html", folder / "tree", "html", status=None)
    app.build()
    return {name: (folder / "html" / f"{name}.html").read_text() for name in pages}


def numbered(page):
    found = re.findall(r"<caption>(.*?)</caption>", page, re.DOTALL)
    return [re.sub(r"<[^>]+>|#|¶|\uf0c1", "", text).strip() for text in found]


def test_tables_are_counted_over_all_pages_without_those_that_the_paper_numbers(built):
    assert numbered(built["index"]) == ["Table B1 One."]
    cost = ["Table 3. Errors.", "Table B2 Errors.", "Table B3 Errors."]
    assert numbered(built["experiments/cost"]) == cost
    assert numbered(built["last"]) == ["Table 4. Theirs.", "Table B4 Ours."]


def test_a_table_of_a_notebook_has_its_command_and_its_numbers_as_csv(built):
    page = built["experiments/cost"]
    assert page.count("papermill notebooks/cost.ipynb out.ipynb") == 3
    found = re.findall(r'download="([^"]+)" href="[^,]+,([^"]+)"', page)
    assert [name for name, _ in found] == [f"my-page-table-{n}.csv" for n in (1, 2, 3)]
    assert base64.b64decode(found[0][1]).decode() == FRAME.to_csv()


def test_a_table_without_a_file_gives_its_cells_and_intervals_do_not_break(built):
    [(_, data)] = re.findall(r'download="([^"]+)" href="[^,]+,([^"]+)"', built["index"])
    assert base64.b64decode(data).decode() == "a\n1 ± 2\n"
    assert "1\u00a0±\u00a02" in built["index"]
    assert below.unbroken("+0.1 [-0.2, 0.4]") == "+0.1 [-0.2,\u00a00.4]"


def test_a_figure_is_a_file_with_its_data_beside_it_and_says_what_is_seen(tmp_path):
    cells = [new_markdown_cell("## Curves\n\nEach *seed* is thin."), shown(DRAWN)]
    [text] = page_of(cells, tmp_path, {"Figure 4": "Curves"})
    assert text.endswith("\n\nFigure 4. Error by epoch.\n:::")
    assert '"Graph. Error by epoch. Each seed is thin."' in text
    assert "fill: currentColor" in (tmp_path / "my-page-figure-1.svg").read_text()
    assert (tmp_path / "my-page-figure-1.csv").read_text() == DRAWN["text/csv"]


def test_records_are_folded_and_wide_tables_reach_into_the_margin(tmp_path):
    wide = table_bundle(pd.DataFrame([range(8)]))
    cells = [
        new_markdown_cell("## Every run"),
        shown(TABLE),
        new_markdown_cell("## x"),
        shown(wide),
    ]
    page_of(cells, tmp_path)
    assert "hide-cell" in cells[1].metadata.tags and "full-width" not in cells[1].metadata.tags
    assert cells[3].metadata.tags == ["full-width"]


def test_a_mark_has_its_value_as_a_title_and_a_drawn_table_is_left_out_on_a_phone(tmp_path):
    marks = '<g id="tips l2: 0.49|l1: 0">\n <use x="1"/>\n <use x="2"/>\n</g>'
    drawn = {**DRAWN, "image/svg+xml": SVG.replace("</svg>", f"\n{marks}\n</svg>")}
    effects = table_bundle(pd.DataFrame({"effect in points [95 %]": ["+0.49"]}, index=["l2"]))
    texts = page_of([new_markdown_cell("## Errors"), shown(drawn), shown(effects)], tmp_path)
    assert ":class: drawn" in texts[1]
    svg = (tmp_path / "my-page-figure-1.svg").read_text()
    assert '<use x="1"><title>l2: 0.49</title></use>' in svg and "tips" not in svg


def test_a_table_that_lacks_its_caption_is_refused(tmp_path):
    cells = [new_markdown_cell("## Every run"), shown(TABLE), shown(TABLE)]
    with pytest.raises(ValueError, match="each table under 'Every run', got 1 for 2"):
        page_of(cells, tmp_path)
    text = "| a |\n| --- |\n\nbetween\n\n| b |\n| --- |"
    assert captions.captioned(text, ["One.", "Two."], "c").count(":class: c") == 2
    with pytest.raises(ValueError, match="expected 2 captions"):
        captions.captioned(text, "One.", "c")


def test_every_heading_with_captions_stands_in_a_notebook():
    known = yaml.safe_load((ROOT / "book/captions.yml").read_text(encoding="utf-8"))
    texts = [path.read_text(encoding="utf-8") for path in ROOT.glob("notebooks/*.py")]
    headings = {h for text in texts for h in re.findall(r"^# ##+ (.+)$", text, re.MULTILINE)}
    assert set(known["notebooks"]) <= headings
