"""The line under the tables and pictures of Markdown pages: command, CSV, records behind it.

Those of notebooks get theirs in `captions`. What is computed when the book is built has the class
`COMPUTED`; the class `RECORDS` with the name of an experiment says whose page lists the records.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from docutils import nodes

import captions

COMPUTED, RECORDS = "computed", "records-of-"
COMMAND = "python book/_ext/prepare.py"


def csv_of_table(table: nodes.table) -> str:
    """The cells of a table as CSV."""
    return captions.rows_as_csv(
        [entry.astext() for entry in row.findall(nodes.entry)] for row in table.findall(nodes.row)
    )


def data_of_pictures(figure: nodes.figure, folder: Path) -> Iterator[tuple[str, str]]:
    """Name and CSV of each of a figure's pictures that has its data in a file beside it."""
    images = [image["uri"] for image in figure.findall(nodes.image)]
    for file in figure.get("files", images):
        path = (folder / file).with_suffix(".csv")
        if path.is_file():
            yield path.stem, path.read_text(encoding="utf-8")


def add_lines(app: Any, doctree: nodes.document, page: str) -> None:
    """Put the line under every table and picture of a page that has data."""
    for node in list(doctree.findall(lambda n: isinstance(n, nodes.table | nodes.figure))):
        if isinstance(node, nodes.table):
            number = node["ids"][0] if node["ids"] else "table"
            found = [(f"{Path(page).name}-{number}", csv_of_table(node))]
            for text in list(node.findall(nodes.Text)):
                text.parent.replace(text, nodes.Text(captions.unbroken(text)))
        else:
            found = list(data_of_pictures(node, Path(app.srcdir)))
        classes = node["classes"]
        command = COMMAND if COMPUTED in classes or isinstance(node, nodes.figure) else ""
        title = "CSV" if len(found) == 1 else "CSV of {}"
        links = " · ".join(captions.csv_link(text, n, title.format(n)) for n, text in found)
        if (links or command) and node.parent is not None:
            line = captions.below(command, links, _records(app, classes, page))
            node.parent.insert(node.parent.index(node) + 1, nodes.raw("", line, format="html"))


def _records(app: Any, classes: list[str], page: str) -> str:
    """Address of the records of the experiment that the classes name; empty without one."""
    for name in classes:
        if name.startswith(RECORDS):
            experiment = name.removeprefix(RECORDS).replace("-", "_")
            return app.builder.get_relative_uri(page, f"experiments/{experiment}") + "#every-run"
    return ""


def setup(app: Any) -> dict[str, Any]:
    """Sphinx's hook."""
    app.connect("doctree-resolved", add_lines)
    return {"parallel_read_safe": True}
