"""Numbers of tables and figures: the paper's where the caption names it, "B1", "B2", … elsewhere.

Pictures and tables of Markdown are numbered by Sphinx; those of notebooks are HTML whose caption
holds the mark `captions.OPEN`. Both are counted together, in the order of the pages.
"""

import re
from collections.abc import Iterator
from typing import Any

from docutils import nodes

from captions import OPEN

MARK = re.compile(rf"(Figure|Table) {re.escape(OPEN)}")
IN_PAPER = re.compile(r"(Figure|Table)s? \d")


def _pages(env: Any) -> Iterator[str]:
    """The pages in the order of the table of contents."""
    waiting = [env.config.root_doc]
    seen = set()
    while waiting:
        page = waiting.pop(0)
        if page not in seen:
            seen.add(page)
            yield page
            waiting = [*env.toctree_includes.get(page, []), *waiting]


def _exhibits(doctree: nodes.document) -> Iterator[tuple[str, str | None]]:
    """Kind, and Sphinx's id where it has one, of each exhibit with a number of the book's own."""
    for node in doctree.findall():
        if isinstance(node, nodes.figure | nodes.table):
            titles = [n for n in node.children if isinstance(n, nodes.caption | nodes.title)]
            if titles and node["ids"]:
                own = "figure" if isinstance(node, nodes.figure) else "table"
                yield "paper" if IN_PAPER.match(titles[0].astext()) else own, node["ids"][0]
        elif isinstance(node, nodes.raw):
            yield from ((kind.lower(), None) for kind in MARK.findall(node.astext()))


def number_exhibits(app: Any, env: Any) -> list[str]:
    """Count all exhibits; the numbers of HTML captions are kept in `env.open_numbers` by page."""
    last = {"figure": 0, "table": 0}
    env.open_numbers = {}
    for page in _pages(env):
        known = env.toc_fignumbers.setdefault(page, {})
        env.open_numbers[page] = []
        for kind, name in _exhibits(env.get_doctree(page)):
            if kind == "paper":
                for numbers in known.values():
                    numbers.pop(name, None)
                continue
            last[kind] += 1
            if name is None:
                env.open_numbers[page].append(last[kind])
            else:
                known.setdefault(kind, {})[name] = (last[kind],)
    return []


def fill_in(app: Any, doctree: nodes.document, page: str) -> None:
    """Put the numbers into captions of HTML."""
    env = app.env
    pages = _pages(env) if app.builder.name == "singlehtml" else [page]
    numbers = iter([number for name in pages for number in env.open_numbers.get(name, [])])
    for node in doctree.findall(nodes.raw):
        if MARK.search(node.astext()):
            text = MARK.sub(lambda mark: f"{mark[1]} B{next(numbers)}", node.astext())
            node.children = []
            node += nodes.Text(text)


def setup(app: Any) -> dict[str, Any]:
    """Sphinx's hook."""
    app.connect("env-get-updated", number_exhibits, priority=900)  # after Sphinx
    app.connect("doctree-resolved", fill_in, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": False}
