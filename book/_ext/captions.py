"""Captions of the tables and figures of an executed notebook, and of the fragments' tables.

They are put there when a page is made, so that the notebooks stay short. A caption is that of
captions.yml for the heading above, or the heading; where it stands in for one of the paper it
begins with that number, and `below` lets Sphinx number the others. The text that is read aloud for
a figure is the caption with the paragraph above it, or the cell's metadata `alt`.
"""

import json
import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from nbformat import NotebookNode

import edits
from companion.exhibits import svg

RECORDS = "Every run"  # heading of the table of records that closes a page
COLUMNS = 6  # that fit beside the margin
SUBSETS = "The same effects on each subset of the test faces, in points of NME."

Captions = Mapping[str, Mapping[str, str | list[str]]]


def add(
    notebook: NotebookNode, page: str, folder: Path, paper: Mapping[str, str], captions: Captions
) -> None:
    """Make each table and figure of a page's notebook one that Sphinx numbers, with its caption;
    the figures' drawings and the data of both become files in the folder.

    `paper`: what the paper numbers, as "Table 3" -> the heading under which it stands first here;
    `captions`: heading -> {"table" or "figure": caption, or one for each in a list}.
    """
    numbers = dict(paper)
    heading, said = page, ""
    drawn = ("", 0)  # heading and rows of the figure before
    counts, under = Counter[str](), Counter[tuple[str, str]]()
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            heading = [heading, *re.findall(r"^#+ (.+)$", cell.source, re.MULTILINE)][-1]
            said = _paragraph(cell.source)
            continue
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            table = data.get("text/markdown", "")
            kind = "figure" if "image/svg+xml" in data else "table"
            if kind == "table" and not table.startswith("|"):
                continue
            counts[kind] += 1
            words = SUBSETS
            if not cell.source.endswith("subset_table"):
                words = _caption(captions, heading, kind, under)
            caption = _paper_number(numbers, heading, kind) + words
            path = folder / f"{page.replace('_', '-')}-{kind}-{counts[kind]}"
            if "text/csv" in data:
                path.with_suffix(".csv").write_text(data["text/csv"], encoding="utf-8")
            if kind == "figure":
                alt = cell.metadata.get("alt") or f"Graph. {words} {said}"
                drawing = svg.for_page(data["image/svg+xml"])
                path.with_suffix(".svg").write_text(drawing, encoding="utf-8")
                said_aloud = json.dumps(alt, ensure_ascii=False)
                options = f":name: {path.name}\n:alt: {said_aloud}"
                table = f":::{{picture}} {path.name}.svg\n{options}\n\n{caption}\n:::"
                drawn = heading, data.get("text/csv", "").count("\n") - 1
            else:
                if _columns(table) > COLUMNS:
                    tags = cell.metadata.get("tags", [])
                    cell.metadata["tags"] = [*tags, "full-width"]  # into the margin, by the theme
                same = drawn == (heading, table.count("\n") - 1) and "effect in points" in table
                option = f"name: {path.name}" + "\n:class: drawn" * same  # not on a phone
                table = _table(table, caption, option)
                if heading == RECORDS:
                    edits.fold(cell, "Show the table")
            output["data"] = NotebookNode({"text/markdown": table})
        if "folded" in cell.metadata.get("tags", []):
            edits.fold(cell, "Show the table")


def captioned(text: str, captions: str | list[str], classes: str) -> str:
    """Markdown whose tables have these captions, one each, and the classes; ValueError if there are
    more or less."""
    waiting = [captions] if isinstance(captions, str) else list(captions)
    blocks = text.split("\n\n")
    tables = [number for number, block in enumerate(blocks) if block.startswith("|")]
    if waiting and len(waiting) != len(tables) > 0:
        raise ValueError(f"captions.yml: expected {len(tables)} captions, got {waiting}")
    for number, caption in zip(tables, waiting, strict=False):
        wide = _columns(blocks[number]) > COLUMNS
        whole = _table(blocks[number], caption, f"class: {classes}")
        blocks[number] = f"::::{{div}} full-width\n{whole}\n::::" if wide else whole
    return "\n\n".join(blocks)


def _caption(captions: Captions, heading: str, kind: str, under: Counter[tuple[str, str]]) -> str:
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


def _paper_number(numbers: dict[str, str], heading: str, kind: str) -> str:
    """The paper's number, as "Table 3. ", once; nothing for what it does not have."""
    for number, place in numbers.items():
        if place == heading and number.lower().startswith(kind):
            del numbers[number]
            return f"{number}. "
    return ""


def _table(table: str, caption: str, option: str) -> str:
    return f":::{{table}} {caption}\n:{option}\n\n{table}\n:::"


def _columns(table: str) -> int:
    return table.partition("\n")[0].count("|") - 1


def _paragraph(source: str) -> str:
    """The last paragraph of a cell that is no heading, as plain text."""
    paragraphs = [p for p in source.split("\n\n") if p.strip() and not p.startswith(("#", "-"))]
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", paragraphs[-1]) if paragraphs else ""
    text = re.sub(r"[*`$_]", "", text)
    return " ".join(text.split())
