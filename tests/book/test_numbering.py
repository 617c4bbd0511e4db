"""Numbers of the book's tables and figures."""

import importlib
import sys
from pathlib import Path
from types import SimpleNamespace

from docutils import nodes
from docutils.utils import new_document

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "book/_ext"))
numbering = importlib.import_module("numbering")


def figure(name, caption):
    return nodes.figure("", nodes.caption("", caption), ids=[name])


def page(*children):
    document = new_document("")
    document += children
    return document


def html(text):
    return nodes.raw("", text, format="html")


PAGES = {
    "index": page(figure("own", "Ours."), figure("theirs", "Figure 4 of the paper.")),
    "a": page(html("<caption>Table B?. x</caption>"), html("<figcaption>Figure B?. y")),
    "b": page(figure("last", "Last."), html("<caption>Table 3. z</caption> Table B?. w")),
}


def book():
    """Three pages in another order than their names', as Sphinx has counted them."""
    return SimpleNamespace(
        config=SimpleNamespace(root_doc="index"),
        toctree_includes={"index": ["b", "a"]},
        toc_fignumbers={"index": {"figure": {"own": (1,), "theirs": (2,)}},
                        "b": {"figure": {"last": (3,)}}},
        get_doctree=PAGES.__getitem__,
    )  # fmt: skip


def test_exhibits_are_counted_over_all_pages_without_those_that_the_paper_numbers():
    env = book()
    numbering.number_exhibits(None, env)
    assert env.toc_fignumbers["index"] == {"figure": {"own": (1,)}}
    assert env.toc_fignumbers["b"] == {"figure": {"last": (2,)}}
    assert env.open_numbers == {"index": [], "b": [1], "a": [2, 3]}


def test_html_captions_get_their_numbers_on_each_page_and_on_the_page_of_all():
    env = book()
    numbering.number_exhibits(None, env)
    alone = PAGES["a"].deepcopy()
    numbering.fill_in(_app(env, "html"), alone, "a")
    assert "Table B2. x" in alone.astext() and "Figure B3. y" in alone.astext()
    whole = page(*(p.deepcopy() for name in ("index", "b", "a") for p in PAGES[name].children))
    numbering.fill_in(_app(env, "singlehtml"), whole, "index")
    assert "Table 3. z" in whole.astext() and "Table B1. w" in whole.astext()
    assert "Figure B3. y" in whole.astext()


def _app(env, builder):
    return SimpleNamespace(env=env, builder=SimpleNamespace(name=builder))
