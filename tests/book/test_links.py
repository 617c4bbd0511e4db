"""Links between the pages resolve, without a build: each leads to a page of the table of contents,
and to a heading or label there. `test_built_book` checks what the build makes of them."""

import re
from pathlib import Path, PurePosixPath
from posixpath import normpath

import nbformat
import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
BOOK = ROOT / "book"
TEXT = BOOK / "companion" / "text"
NOTEBOOKS = yaml.safe_load((BOOK / "notebooks.yml").read_text(encoding="utf-8"))
LINK = re.compile(r"\]\((/?[\w./-]+\.(?:md|ipynb))?(?:#([\w-]+))?\)")
CODE = re.compile(r"^(`{3,}).*?^\1$", re.DOTALL | re.MULTILINE)


def listed(entries):
    """The files of a table of contents, the index left out."""
    for entry in entries:
        yield from [entry["file"]] if "file" in entry else []
        yield from listed([*entry.get("chapters", []), *entry.get("sections", [])])


TOC = yaml.safe_load((BOOK / "_toc.yml").read_text(encoding="utf-8"))
PAGES = [TOC["root"], *listed(TOC["parts"])]


def source(page):
    """The Markdown of a page; of a notebook's, that of its cells."""
    if not page.startswith("experiments/"):
        return (BOOK / f"{page}.md").read_text(encoding="utf-8")
    name = page.removeprefix("experiments/")
    notebook = ROOT / "notebooks" / f"{NOTEBOOKS[name].get('notebook', name)}.ipynb"
    cells = nbformat.read(notebook, as_version=4).cells
    return "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")


def places(text):
    """What a link into a page may name: headings as MyST writes them, and labels."""
    headings = re.findall(r"^#+ (.+)$", CODE.sub("", text), re.MULTILINE)
    slugs = {re.sub(r"[^\w\- ]", "", h.lower()).strip().replace(" ", "-") for h in headings}
    return slugs | set(re.findall(r"^(?:\(|:name: )([\w-]+)(?:\)=)?$", text, re.MULTILINE))


def dead(text, page):
    """Links of a text, as it stands on a page, that lead nowhere."""
    known = {one: places(source(one)) for one in PAGES}
    for target, place in LINK.findall(CODE.sub("", text)):
        folder = "" if target.startswith("/") else str(PurePosixPath(page).parent)
        path = normpath(f"{folder}/{target}".lstrip("/")) if target else f"{page}.md"
        found = path.rsplit(".", 1)[0]
        ending = ".ipynb" if found.startswith("experiments/") else ".md"
        if found not in known or not path.endswith(ending):
            yield f"{target}: no page of the table of contents"
        elif place and place not in known[found]:
            yield f"{target}#{place}: no such heading"


@pytest.mark.parametrize("page", PAGES)
def test_every_link_of_a_page_leads_somewhere(page):
    assert list(dead(source(page), page)) == []


def test_every_link_of_the_sentences_leads_somewhere():
    for path in TEXT.glob("*.py"):
        text = re.sub(r'"\s+f?"', "", path.read_text(encoding="utf-8"))  # of split literals
        links = [link for link in re.findall(r"\]\([\w./#-]+\)", text) if "." in link]
        assert list(dead(" ".join(links), TOC["root"])) == [], path


def test_every_equation_that_is_referred_to_is_there():
    every = "\n".join(map(source, PAGES))
    asked = set(re.findall(r"\{eq\}`([\w-]+)`", every))
    assert asked <= set(re.findall(r"^\$\$ \(([\w-]+)\)$", every, re.MULTILINE))


def test_a_page_of_the_book_is_in_the_table_of_contents():
    pages = {path.relative_to(BOOK).with_suffix("").as_posix() for path in BOOK.glob("*.md")}
    assert pages <= set(PAGES) and len(PAGES) == len(set(PAGES))


def test_a_dead_link_is_seen():
    text = "[](gone.md), [](method.md#gone), [](method.md#the-loss), [](claims.ipynb)."
    assert len(list(dead(text, "index"))) == 3
