"""What stands at each table and figure of an executed notebook: caption, command, CSV, records.

It is put there when a page is made, so that the notebooks stay short. A caption is made of the
heading above; the text that is read aloud for a figure is the paragraph above it, or the cell's
metadata `alt`.
"""

import base64
import csv
import html
import io
import re
from typing import Any

from bs4 import BeautifulSoup
from nbformat import NotebookNode

RECORDS = "Every run"  # heading of the table of records that closes a page


def add(notebook: NotebookNode, page: str, command: str) -> None:
    """Put a caption and what belongs to it at each table and figure of a page's notebook."""
    heading, said, tables = page, "", 0
    has_records = any(c.source.startswith(f"## {RECORDS}") for c in notebook.cells)
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            heading, said = _heading(cell.source) or heading, _paragraph(cell.source)
            continue
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            if "<table" in data.get("text/html", ""):
                tables += 1
                caption = f"Table {tables} of this page. {heading}"
                below = _below(command, data["text/html"], f"{page}-{tables}", has_records)
                data["text/html"] = _with_caption(data["text/html"], caption) + below
                if heading == RECORDS:
                    _tag(cell, "hide-output")
            elif "image/png" in data or "image/svg+xml" in data:
                cell.metadata["mystnb"] = _figure(cell, heading, said, command)


def _heading(source: str) -> str:
    found = re.findall(r"^#+ (.+)$", source, re.MULTILINE)
    return found[-1] if found else ""


def _paragraph(source: str) -> str:
    """The last paragraph of a cell that is no heading, as plain text."""
    paragraphs = [p for p in source.split("\n\n") if p.strip() and not p.startswith(("#", "-"))]
    text = re.sub(r"[*`$_]", "", paragraphs[-1]) if paragraphs else ""
    return " ".join(text.split())


def _figure(cell: NotebookNode, heading: str, said: str, command: str) -> dict[str, Any]:
    alt = cell.metadata.get("alt") or f"Graph. {heading}. {said}"
    return {
        "image": {"alt": alt},
        "figure": {"caption": f"{heading}. Drawn by `{command}`."},
    }


def _with_caption(table: str, caption: str) -> str:
    table = re.sub(r"<style scoped>.*?</style>", "", table, flags=re.DOTALL)
    table = table.replace(' border="1"', "").replace("<th></th>", "<td></td>")
    return re.sub(
        r"(<table[^>]*>)", rf"\1<caption>{html.escape(caption)}</caption>", table, count=1
    )


def _below(command: str, table: str, name: str, has_records: bool) -> str:
    href = "data:text/csv;charset=utf-8;base64," + base64.b64encode(as_csv(table)).decode()
    links = [f'<a download="{name}.csv" href="{href}">CSV</a>']
    if has_records:
        links.append('<a href="#every-run">the records behind it</a>')
    return f'<p class="below"><code>{html.escape(command)}</code> · {" · ".join(links)}</p>'


def as_csv(table: str) -> bytes:
    """The cells of an HTML table as CSV."""
    text = io.StringIO()
    writer = csv.writer(text)
    for row in BeautifulSoup(table, "html.parser").find_all("tr"):
        writer.writerow([cell.get_text(" ", strip=True) for cell in row.find_all(["th", "td"])])
    return text.getvalue().encode()


def _tag(cell: NotebookNode, tag: str) -> None:
    tags = cell.metadata.setdefault("tags", [])
    if tag not in tags:
        tags.append(tag)
