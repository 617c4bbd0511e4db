"""What stands under a table or figure of the book: caption, command, CSV, and the records behind.

Each is an object that a notebook shows as HTML, in the book and in Jupyter alike, with nothing to
load: pictures and CSV are part of it.
"""

import base64
import html
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib
import pandas as pd
from matplotlib.figure import Figure

from starlib.experiments.records import Run
from starlib.report.tables import run_table


@dataclass(frozen=True)
class Exhibit:
    """HTML that a notebook shows as the value of a cell."""

    html: str

    def _repr_html_(self) -> str:
        return self.html


def table(
    frame: pd.DataFrame, caption: str, command: str = "", runs: Sequence[Run] = ()
) -> Exhibit:
    """A table with its caption, which begins with its number: "Table 3. …".

    Args:
        frame: what is shown; its index is the first column.
        caption: number and text.
        command: what makes it anew, for a terminal.
        runs: the records that it rests on.
    """
    return Exhibit(_framed(_as_html(frame, caption) + _below(frame, caption, command, runs)))


def figure(
    drawing: Figure,
    caption: str,
    alt: str,
    command: str = "",
    runs: Sequence[Run] = (),
    frame: pd.DataFrame | None = None,
) -> Exhibit:
    """A figure with its caption; `alt` says what is seen, `frame` holds its numbers for the CSV."""
    text = f"<figcaption>{html.escape(caption)}</figcaption>"
    below = _below(frame, caption, command, runs)
    return Exhibit(_framed(f'<div class="picture">{as_svg(drawing, alt)}</div>{text}{below}'))


def finding(text: str, title: str = "Finding") -> Exhibit:
    """A box that says what an experiment found, at its beginning."""
    return _box(title, text, "tip")


def not_shown(text: str) -> Exhibit:
    """A box that says what an experiment does not show, at its end."""
    return _box("What this does not show", text, "warning")


def as_svg(drawing: Figure, alt: str) -> str:
    """`plain_svg` with the text that is read aloud for it."""
    return plain_svg(drawing, alt).replace(
        "<svg", f'<svg role="img" aria-label="{html.escape(alt)}"', 1
    )


def plain_svg(drawing: Figure, salt: str) -> str:
    """A figure as SVG whose black takes the colour of the text around it, without a size.

    `salt` tells its ids from those of other figures on the page.
    """
    buffer = io.StringIO()
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": salt}):
        drawing.savefig(buffer, format="svg", metadata={"Date": None}, transparent=True)
    text = buffer.getvalue()
    text = re.sub(r"<metadata>.*?</metadata>", "", text[text.index("<svg") :], flags=re.DOTALL)
    text = re.sub(r'<g id="[a-z0-9.]+_\d+">', "<g>", text)  # shared by all figures of a page
    text = re.sub(r'<svg ([^>]*?)width="[^"]*" height="[^"]*"', r"<svg \1", text, count=1)
    # Text without a colour of its own is black in SVG.
    text = re.sub(r"(fill|stroke): ?(#000000|#000|black)\b", r"\1: currentColor", text)
    return text.replace("<svg", '<svg fill="currentColor"', 1)


def _framed(inside: str) -> str:
    return f'<figure class="exhibit">{inside}</figure>'


def _as_html(frame: pd.DataFrame, caption: str) -> str:
    head = "".join(f'<th scope="col">{html.escape(str(name))}</th>' for name in frame.columns)
    rows = "".join(
        f'<tr><th scope="row">{html.escape(str(name))}</th>'
        + "".join(f"<td>{html.escape(str(cell))}</td>" for cell in row)
        + "</tr>"
        for name, row in zip(frame.index, frame.to_numpy(), strict=True)
    )
    return (
        f'<div class="wide"><table class="table"><caption>{html.escape(caption)}</caption>'
        f"<thead><tr><td></td>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _below(frame: pd.DataFrame | None, caption: str, command: str, runs: Sequence[Run]) -> str:
    parts = []
    if command:
        parts.append(f"<p>Again: <code>{html.escape(command)}</code></p>")
    if frame is not None:
        label = re.sub(r"[^a-z0-9]+", "-", caption.split(".")[0].lower()).strip("-")
        data = base64.b64encode(frame.to_csv().encode()).decode()
        href = f"data:text/csv;charset=utf-8;base64,{data}"
        parts.append(f'<p><a download="{label}.csv" href="{href}">CSV</a></p>')
    if runs:
        rows = _as_html(run_table(runs), f"The runs behind {caption.split('.')[0]}")
        parts.append(f"<details><summary>{len(runs)} records behind it</summary>{rows}</details>")
    return "".join(parts)


def _box(title: str, text: str, kind: str) -> Exhibit:
    return Exhibit(
        f'<div class="admonition {kind}"><p class="admonition-title">{html.escape(title)}</p>'
        f"<p>{html.escape(text)}</p></div>"
    )
