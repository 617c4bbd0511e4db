"""What stands at each table and figure of an executed notebook: caption, command, CSV, records.

It is put there when a page is made, so that the notebooks stay short. A caption is that of
captions.yml for the heading above, or the heading, after the number that it has in the paper or, as
`numbering` counts them, in this book. The text that is read aloud for a figure is the caption with
the paragraph above it, or the cell's metadata `alt`.
"""

import base64
import csv
import html
import io
import re
from collections import Counter
from collections.abc import Iterable, Mapping

from bs4 import BeautifulSoup
from nbformat import NotebookNode

from companion.exhibits import svg

RECORDS = "Every run"  # heading of the table of records that closes a page
COLUMNS = 6  # that fit beside the margin
OPEN = "B?"  # a number that is not known before the pages stand in their order


def add(
    notebook: NotebookNode,
    page: str,
    command: str,
    paper: Mapping[str, str],
    captions: Mapping[str, Mapping[str, str | list[str]]],
) -> None:
    """Put a caption and what belongs to it at each table and figure of a page's notebook.

    `paper`: what the paper numbers, as "Table 3" -> the heading under which it stands first here;
    `captions`: heading -> {"table" or "figure": caption, or one for each in a list}.
    """
    numbers = dict(paper)
    heading, said = page, ""
    counts, under = Counter[str](), Counter[tuple[str, str]]()
    has_records = any(c.source.startswith(f"## {RECORDS}") for c in notebook.cells)
    records = "#every-run" if has_records else ""

    def caption_of(kind: str) -> str:
        under[heading, kind] += 1
        words = captions.get(heading, {}).get(kind, f"{heading}.")
        if isinstance(words, str):
            return words
        if len(words) < (needed := under[heading, kind]):
            raise ValueError(
                f"captions.yml: expected a caption for each {kind} under {heading!r}, "
                f"got {len(words)} for {needed} or more"
            )
        return words[needed - 1]

    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            heading, said = _heading(cell.source) or heading, _paragraph(cell.source)
            continue
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            if "<table" in data.get("text/html", ""):
                counts["table"] += 1
                caption = f"{_number(numbers, heading, 'Table')}. {caption_of('table')}"
                link = csv_link(as_csv(data["text/html"]), f"{page}-table-{counts['table']}")
                if _columns(data["text/html"]) > COLUMNS:
                    tags = cell.metadata.get("tags", [])
                    cell.metadata["tags"] = [*tags, "full-width"]  # into the margin, by the theme
                data["text/html"] = _with_caption(data["text/html"], caption)
                data["text/html"] += below(command, link, records)
                if heading == RECORDS:
                    fold(cell, "Show the table")
            elif "image/svg+xml" in data:
                words = caption_of("figure")
                caption = f"{_number(numbers, heading, 'Figure')}. {words}"
                alt = cell.metadata.get("alt") or f"Graph. {words} {said}"
                counts["figure"] += 1
                link = csv_link(data.pop("text/csv", ""), f"{page}-figure-{counts['figure']}")
                figure = _figure(data.pop("image/svg+xml"), alt, caption)
                data["text/html"] = figure + below(command, link, records)
            elif data.get("text/markdown", "").startswith("|"):  # numbered by Sphinx
                table = data["text/markdown"]
                data["text/markdown"] = f":::{{table}} {caption_of('table')}\n\n{table}\n:::"
        if "folded" in cell.metadata.get("tags", []):
            fold(cell, "Show the table")


def fold(cell: NotebookNode, title: str) -> None:
    """Hide a cell, code and output, behind a line that can be opened."""
    tags = [tag for tag in cell.metadata.get("tags", []) if tag != "hide-input"]
    cell.metadata["tags"] = [*tags, "hide-cell"]
    cell.metadata["mystnb"] = {"code_prompt_show": title, "code_prompt_hide": "Hide it"}


def _number(numbers: dict[str, str], heading: str, kind: str) -> str:
    """The paper's number, as "Table 3", once; "Table B?" for what it does not have."""
    for number, place in numbers.items():
        if place == heading and number.startswith(kind):
            del numbers[number]
            return number
    return f"{kind} {OPEN}"


def _columns(table: str) -> int:
    first = BeautifulSoup(table, "html.parser").find("tr")
    return len(first.find_all(["th", "td"])) if first else 0


def _heading(source: str) -> str:
    found = re.findall(r"^#+ (.+)$", source, re.MULTILINE)
    return found[-1] if found else ""


def _paragraph(source: str) -> str:
    """The last paragraph of a cell that is no heading, as plain text."""
    paragraphs = [p for p in source.split("\n\n") if p.strip() and not p.startswith(("#", "-"))]
    text = re.sub(r"[*`$_]", "", paragraphs[-1]) if paragraphs else ""
    return " ".join(text.split())


def _figure(drawing: str, alt: str, caption: str) -> str:
    picture = svg.for_page(drawing, sized=True)
    return (
        f'<figure><div class="picture" role="img" aria-label="{html.escape(alt)}">{picture}</div>'
        f"<figcaption>{html.escape(caption)}</figcaption></figure>"
    )


def _with_caption(table: str, caption: str) -> str:
    table = re.sub(r"<style scoped>.*?</style>", "", table, flags=re.DOTALL)
    table = table.replace(' border="1"', "").replace("<th></th>", "<td></td>")
    table = unbroken(table)
    return re.sub(
        r"(<table[^>]*>)", rf"\1<caption>{html.escape(caption)}</caption>", table, count=1
    )


def unbroken(text: str) -> str:
    """The text with spaces that do not break a line around ±, / and →, and inside intervals."""
    text = re.sub(r" ([±/→]) ", "\u00a0\\1\u00a0", text)
    return re.sub(r"(\[[+-]?[\d.]+,) ([+-]?[\d.]+\])", "\\1\u00a0\\2", text)


def below(command: str, link: str, records: str = "") -> str:
    """The line under a table or figure: its command, its CSV and where its records stand."""
    parts = [f"<code>{html.escape(command)}</code>" if command else "", link]
    parts.append(f'<a href="{records}">the records behind it</a>' if records else "")
    return f'<p class="below">{" · ".join(filter(None, parts))}</p>'


def csv_link(text: str, name: str, title: str = "CSV") -> str:
    """A link that saves the text as a file; nothing for an empty one."""
    if not text:
        return ""
    href = "data:text/csv;charset=utf-8;base64," + base64.b64encode(text.encode()).decode()
    return f'<a download="{name}.csv" href="{href}">{title}</a>'


def as_csv(table: str) -> str:
    """The cells of an HTML table as CSV."""
    return rows_as_csv(
        [cell.get_text(" ", strip=True) for cell in row.find_all(["th", "td"])]
        for row in BeautifulSoup(table, "html.parser").find_all("tr")
    )


def rows_as_csv(rows: Iterable[list[str]]) -> str:
    """Rows of cells as CSV."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()
