"""What stands under a table or figure of the book."""

import base64
import io
import re

import matplotlib.pyplot as plt
import pandas as pd
import pytest

from starlib.report import exhibits

FRAME = pd.DataFrame({"NME %": ["4.5 & more", "4.4"]}, index=["without <STAR>", "with"])


def test_table_has_caption_headers_and_escaped_text():
    shown = exhibits.table(FRAME, "Table 3. Errors", "papermill x.ipynb").html
    assert "<caption>Table 3. Errors</caption>" in shown
    assert shown.count('scope="row"') == 2
    assert "without &lt;STAR&gt;" in shown and "4.5 &amp; more" in shown
    assert "<code>papermill x.ipynb</code>" in shown


def test_csv_holds_the_numbers_of_the_table():
    shown = exhibits.table(FRAME, "Table 3. Errors").html
    name, data = re.search(r'download="([^"]+)" href="data:[^,]+,([^"]+)"', shown).groups()
    assert name == "table-3.csv"
    read = pd.read_csv(io.BytesIO(base64.b64decode(data)), index_col=0, dtype=str)
    assert read.equals(FRAME)


@pytest.fixture
def drawing():
    figure, axes = plt.subplots()
    axes.plot([0, 1], [0, 1], label="line")
    axes.legend()
    plt.close(figure)
    return figure


def test_figure_says_what_is_seen_and_takes_the_colour_of_the_text(drawing):
    shown = exhibits.figure(drawing, "Figure 4. Errors", 'a rising "line"').html
    assert 'aria-label="a rising &quot;line&quot;"' in shown
    assert "currentColor" in shown and "#000000" not in shown
    assert "<figcaption>Figure 4. Errors</figcaption>" in shown


def test_two_figures_share_no_id(drawing):
    texts = [exhibits.as_svg(drawing, alt) for alt in ("one", "two")]
    ids = [set(re.findall(r'\bid="([^"]+)"', text)) for text in texts]
    assert not ids[0] & ids[1]


def test_boxes_say_what_was_found_and_what_was_not():
    assert "Finding" in exhibits.finding("It helps.").html
    assert "What this does not show" in exhibits.not_shown("At 256 pixels.").html
