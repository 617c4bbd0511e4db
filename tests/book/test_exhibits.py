"""What stands at each table and figure of the book's notebooks."""

import base64
import importlib.util
import re
import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

sys.path.insert(
    0, str(Path(__file__).resolve().parents[2] / "book/_ext")
)  # its modules import each other
SPEC = importlib.util.spec_from_file_location(
    "exhibits", Path(__file__).resolve().parents[2] / "book/_ext/captions.py"
)
exhibits = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(exhibits)

FRAME = pd.DataFrame({"NME %": ["4.5, all", "4.4 & more"]}, index=["without", "with"])
SVG = """<?xml version="1.0"?>
<svg width="490pt" height="300pt" viewBox="0 0 490 300"><g id="figure_1">
<path style="fill: #262626; stroke: #cccccc"/><text>x</text></g></svg>"""
DRAWN = {"image/svg+xml": SVG, "text/csv": "epoch,error (%)\n1,4.5\n"}
COMMAND = "papermill notebooks/x.ipynb out.ipynb"


@pytest.fixture
def cells():
    table = {"text/html": FRAME.to_html()}
    cells = [
        new_markdown_cell("# Page\n\n## Errors & effects\n\nNME in *percent*."),
        new_code_cell("table", outputs=[new_output("display_data", data=dict(table))]),
        new_markdown_cell("## Curves\n\nEach seed is thin."),
        new_code_cell("figure", outputs=[new_output("display_data", data=dict(DRAWN))]),
        new_markdown_cell("## Every run"),
        new_code_cell("runs", outputs=[new_output("display_data", data=dict(table))]),
    ]
    captions = {"Curves": {"figure": "Error by epoch."}, "Every run": {"table": ["All runs."]}}
    paper = {"Table 3": "Errors & effects"}
    exhibits.add(new_notebook(cells=cells), "page", COMMAND, paper, captions)
    return cells


def shown(cell):
    return cell.outputs[0]["data"]["text/html"]


def test_table_has_a_caption_with_the_papers_number_and_its_command(cells):
    assert "<caption>Table 3. Errors &amp; effects.</caption>" in shown(cells[1])
    assert f"<code>{COMMAND}</code>" in shown(cells[1])
    assert 'href="#every-run"' in shown(cells[1])


def test_what_the_paper_does_not_number_waits_for_its_number(cells):
    assert "<figcaption>Figure B?. Error by epoch.</figcaption>" in shown(cells[3])
    assert "<caption>Table B?. All runs.</caption>" in shown(cells[5])


def test_too_few_captions_of_a_heading_are_refused():
    output = new_output("display_data", data={"text/html": FRAME.to_html()})
    cells = [new_markdown_cell("## Two"), new_code_cell("x", outputs=[output, output])]
    with pytest.raises(ValueError, match="each table under 'Two', got 1 for 2"):
        exhibits.add(new_notebook(cells=cells), "page", COMMAND, {}, {"Two": {"table": ["One."]}})


def test_every_heading_with_captions_stands_in_a_notebook():
    root = Path(__file__).resolve().parents[2]
    captions = yaml.safe_load((root / "book/captions.yml").read_text(encoding="utf-8"))
    texts = [path.read_text(encoding="utf-8") for path in root.glob("notebooks/*.py")]
    headings = {h for text in texts for h in re.findall(r"^# ##+ (.+)$", text, re.MULTILINE)}
    assert set(captions["notebooks"]) <= headings


def test_a_table_of_many_columns_reaches_into_the_margin(cells):
    wide = new_output("display_data", data={"text/html": pd.DataFrame([range(8)]).to_html()})
    cell = new_code_cell("x", outputs=[wide])
    exhibits.add(new_notebook(cells=[cell]), "page", COMMAND, {}, {})
    assert "full-width" in cell.metadata["tags"]
    assert "tags" not in cells[1].metadata


def test_intervals_do_not_break_over_lines():
    assert exhibits.unbroken("+0.1 [-0.2, 0.4]") == "+0.1 [-0.2,\u00a00.4]"
    assert exhibits.unbroken("4.5 ± 0.1, [a, b]") == "4.5\u00a0±\u00a00.1, [a, b]"


def csv_of(cell):
    """Name and text of the CSV under a table or figure."""
    name, data = re.search(r'download="([^"]+)" href="[^,]+,([^"]+)"', shown(cell)).groups()
    return name, base64.b64decode(data).decode()


def test_csv_holds_the_cells_of_the_table(cells):
    name, text = csv_of(cells[1])
    assert name == "page-table-1.csv"
    assert text.splitlines() == [",NME %", 'without,"4.5, all"', "with,4.4 & more"]


def test_csv_of_a_figure_is_what_it_was_drawn_from(cells):
    assert csv_of(cells[3]) == ("page-figure-1.csv", DRAWN["text/csv"])
    assert "text/csv" not in cells[3].outputs[0]["data"]


def test_a_figure_without_data_has_no_csv():
    drawn = new_output("display_data", data={"image/svg+xml": SVG})
    cells = [new_code_cell("x", outputs=[drawn])]
    exhibits.add(new_notebook(cells=cells), "page", COMMAND, {}, {})
    assert f"<code>{COMMAND}</code>" in shown(cells[0]) and "CSV" not in shown(cells[0])


def test_figure_stands_in_the_page_in_the_colour_of_its_text_and_says_what_is_seen(cells):
    assert 'role="img" aria-label="Graph. Error by epoch. Each seed is thin."' in shown(cells[3])
    assert "fill: currentColor; stroke: currentColor; stroke-opacity: 0.25" in shown(cells[3])
    assert 'style="max-width: 490pt"' in shown(cells[3]) and "figure_1" not in shown(cells[3])
    assert f"<code>{COMMAND}</code>" in shown(cells[3])


def test_a_table_of_markdown_has_a_caption_too():
    shown = new_output("display_data", data={"text/markdown": "| a |\n| --- |"})
    cells = [new_markdown_cell("## Faces"), new_code_cell("x", outputs=[shown])]
    exhibits.add(new_notebook(cells=cells), "page", COMMAND, {}, {})
    assert shown.data["text/markdown"] == ":::{table} Faces.\n\n| a |\n| --- |\n:::"


def test_records_are_folded(cells):
    assert "hide-cell" in cells[5].metadata["tags"]
    assert "tags" not in cells[1].metadata
