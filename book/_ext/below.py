"""Tables and figures in Sphinx's hands: the paper's numbers, and the line below each, with its
command, its data as CSV and where the records behind it stand.

What is computed when the book is built has the class `COMPUTED`; the class `RECORDS` with the name
of an experiment says whose page lists the records. Those of notebooks need no class.
"""

import base64
import csv
import html
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from docutils import nodes

import prepare

COMPUTED, RECORDS = "computed", "records-of-"
COMMAND = "python book/_ext/prepare.py"
EXECUTED, EVERY_RUN = "experiments/", "every-run"  # pages of notebooks; their section of records
IN_PAPER = re.compile(r"(Figure|Table)s? \d")


class PaperFigure(nodes.figure):
    """A figure whose caption begins with the paper's number: Sphinx does not count it."""


class PaperTable(nodes.table):
    """A table whose caption begins with the paper's number: Sphinx does not count it."""


def leave_to_the_paper(app: Any, doctree: nodes.document) -> None:
    """Tables and figures that the paper numbers get no number of this book's."""
    for node in _exhibits(doctree):
        title = next((n for n in node if isinstance(n, nodes.caption | nodes.title)), None)
        if title is not None and IN_PAPER.match(title.astext()):
            node.__class__ = PaperFigure if isinstance(node, nodes.figure) else PaperTable


def add_lines(app: Any, doctree: nodes.document, page: str) -> None:
    """Put the line below every table and figure of a page that has data."""
    for node in _exhibits(doctree):
        found = list(_data(node, Path(app.srcdir), Path(page).name))
        for text in list(node.findall(nodes.Text)) if isinstance(node, nodes.table) else []:
            text.parent.replace(text, nodes.Text(unbroken(text)))
        classes = node["classes"]
        computed = COMPUTED in classes or any("fragments" in Path(p).parts for p in _pictures(node))
        command = COMMAND if computed else ""
        if page.startswith(EXECUTED):
            command = prepare.command_of(page.removeprefix(EXECUTED))
        if (found or command) and node.parent is not None:
            line = _line(command, found, _records(app, doctree, classes, page))
            node.parent.insert(node.parent.index(node) + 1, nodes.raw("", line, format="html"))


def _exhibits(doctree: nodes.document) -> list[Any]:
    return list(doctree.findall(lambda n: isinstance(n, nodes.table | nodes.figure)))


def _pictures(node: Any) -> list[str]:
    """The files that a figure shows."""
    return node.get("files", [image["uri"] for image in node.findall(nodes.image)])


def _data(node: Any, folder: Path, page: str) -> Iterator[tuple[str, str]]:
    """Name and CSV of a table or of each picture of a figure, from the file beside it if there is
    one; a table without a file gives its cells."""
    name = node["ids"][0] if node["ids"] else f"{page}-table"
    if isinstance(node, nodes.figure):
        paths = [(folder / file).with_suffix(".csv") for file in _pictures(node)]
    else:
        paths = [folder / EXECUTED / f"{name}.csv"]
        if not paths[0].is_file():
            cells = io.StringIO()
            rows = ([e.astext() for e in r.findall(nodes.entry)] for r in node.findall(nodes.row))
            csv.writer(cells, lineterminator="\n").writerows(rows)
            yield f"{page}-{name}", cells.getvalue()
    yield from ((p.stem, p.read_text(encoding="utf-8")) for p in paths if p.is_file())


def unbroken(text: str) -> str:
    """The text with spaces that do not break a line around ±, / and →, and inside intervals."""
    text = re.sub(r" ([±/→]) ", "\u00a0\\1\u00a0", text)
    return re.sub(r"(\[[+-]?[\d.]+,) ([+-]?[\d.]+\])", "\\1\u00a0\\2", text)


def _line(command: str, data: list[tuple[str, str]], records: str) -> str:
    parts = [f"<code>{html.escape(command)}</code>"] if command else []
    for name, text in data:
        href = "data:text/csv;charset=utf-8;base64," + base64.b64encode(text.encode()).decode()
        title = "CSV" if len(data) == 1 else f"CSV of {name}"
        parts.append(f'<a download="{name}.csv" href="{href}">{title}</a>')
    parts += [f'<a href="{records}">the records behind it</a>'] if records else []
    return f'<p class="below">{" · ".join(parts)}</p>'


def _records(app: Any, doctree: nodes.document, classes: list[str], page: str) -> str:
    """Address of the records behind a table or figure; empty without one."""
    if EVERY_RUN in doctree.ids:
        return f"#{EVERY_RUN}"
    for name in classes:
        if name.startswith(RECORDS):
            experiment = name.removeprefix(RECORDS).replace("-", "_")
            return f"{app.builder.get_relative_uri(page, EXECUTED + experiment)}#{EVERY_RUN}"
    return ""


def setup(app: Any) -> dict[str, Any]:
    """Sphinx's hook."""
    app.connect("doctree-read", leave_to_the_paper)
    app.connect("doctree-resolved", add_lines)
    return {"parallel_read_safe": True}
