"""Every page of the built book: what it says in its HTML, and what a browser makes of it with the
network cut off.

Checks book/_build/html (`make book`), or the folder that $STARLIB_BOOK names; `make test` runs it
after the build. One browser loads each page once, and changes its width and colours there.
"""

import base64
import csv
import io
import os
import re
from collections import Counter
from pathlib import Path, PurePosixPath
from posixpath import normpath
from urllib.parse import unquote, urlsplit

import pytest
from bs4 import BeautifulSoup

from tests.browser import HOST, ROOT, answer_from

BOOK = Path(os.environ.get("STARLIB_BOOK") or ROOT / "book" / "_build" / "html")
AXE = Path(__file__).parents[1] / "vendor" / "axe.min.js"
WEIGHT = 1_500_000  # bytes of a page with all that it loads, uncompressed
BY_HAND = {"fig-framework"}  # figures that show no numbers
# Made by Sphinx, without a text of their own.
GENERATED = {"genindex.html", "search.html"}
PAGES = sorted(
    page
    for page in (path.relative_to(BOOK).as_posix() for path in BOOK.rglob("*.html"))
    if not page.startswith("_") and page not in GENERATED
)
# All rules at full width in light colours; then those that other colours or a phone can break.
VIEWS = (
    (1280, "light", None),
    (400, "dark", ["color-contrast", "scrollable-region-focusable", "target-size"]),
)

pytestmark = pytest.mark.skipif(
    not PAGES, reason=f"NOT CHECKED: no built book in {BOOK}; `make book` builds it"
)

UNFOLD = """async () => {
  document.querySelectorAll("article details").forEach((folded) => { folded.open = true; });
  await document.fonts.ready;
}"""
FORMULAS = """() => [...document.querySelectorAll(".math")]
  .filter((math) => !math.querySelector(".katex") || math.querySelector(".katex-error"))
  .map((math) => math.textContent.trim())"""
# What scrolls sideways or stands beyond the edge: the page, then its tables.
TOO_WIDE = """async () => {
  await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
  const edge = document.documentElement.clientWidth;
  const wide = [...document.querySelectorAll("article table")].filter((table) => {
    for (let box = table; box.tagName !== "ARTICLE"; box = box.parentElement)
      if (box.scrollWidth > box.clientWidth + 1 && getComputedStyle(box).overflowX !== "visible")
        return edge < 600;
    return table.getBoundingClientRect().right > edge + 1 && edge < 600;
  });
  const page = document.documentElement.scrollWidth > edge ? ["the page is too wide"] : [];
  const name = (table) => (table.caption || table).textContent.trim().slice(0, 60);
  return [...page, ...wide.map((table) => `too wide: ${name(table)}`)];
}"""
# Drawings and formulas hide their thousands of parts behind one name; the frame is that of index.
# What unfolds fades in, and half of it has too little contrast: fades are brought to their ends.
RUN_AXE = """async ([rules, framed]) => {
  const fades = () => document.getAnimations().filter((one) => one.playState === "running"
    && one.effect.getComputedTiming().endTime < Infinity);
  for (let frame = 0; frame < 3 || fades().length; frame += 1) {
    fades().forEach((one) => one.finish());
    await new Promise((done) => requestAnimationFrame(done));
  }
  const only = rules ? {runOnly: {type: "rule", values: rules}} : {};
  const frame = framed ? [] : [".bd-sidebar-primary", ".bd-header"];
  const exclude = [".katex", ".picture svg", ...frame].filter((one) => document.querySelector(one));
  const options = {resultTypes: ["violations"], ...only};
  const { violations } = await axe.run({exclude: exclude.map((one) => [one])}, options);
  const where = (rule) => rule.nodes.map((node) => node.target.join(" ")).slice(0, 3);
  return violations.map((rule) => `${rule.id} (${rule.impact}): ${where(rule)}`);
}"""


@pytest.fixture(scope="module")
def soups():
    """Page -> its HTML, parsed."""
    return {page: BeautifulSoup((BOOK / page).read_bytes(), "html.parser") for page in PAGES}


@pytest.fixture(scope="module")
def view(browser):
    """The page of the browser that all tests share."""
    page = browser.new_page(reduced_motion="reduce")
    yield page
    page.close()


def exhibits(soup):
    """Tables and figures of a page's text, without those of the pages to play with and of code."""
    found = soup.select("article table, article figure")
    return [one for one in found if not one.find_parent(class_=re.compile("^(starplay|py)$"))]


def test_every_table_and_figure_has_a_caption_and_figures_their_data(soups):
    wrong = []
    for page, soup in soups.items():
        for one in exhibits(soup):
            name = one.get("id") or one.get_text(" ", strip=True)[:40]
            if not one.find(["caption", "figcaption"]):
                wrong.append((page, name, "no caption"))
            drawing = name in BY_HAND or "no finished runs" in one.text
            if one.name == "figure" and not drawing:
                line = one.find_next_sibling()
                if line is None or "below" not in line.get("class", []):
                    wrong.append((page, name, "no line below"))
                elif not line.find("a", download=True):
                    wrong.append((page, name, "no data"))
        for image in soup.find_all("img"):
            if re.search(r"\.(png|svg|jpe?g)$", image.get("alt", ".png").strip(), re.I):
                wrong.append((page, image["src"][:80], "no text that says what is seen"))
    assert not wrong


def test_no_two_tables_or_figures_have_one_number(soups):
    captions = (c.get_text() for soup in soups.values() for c in soup(["caption", "figcaption"]))
    numbers = Counter(m[0] for c in captions if (m := re.match(r"\s*(Table|Figure) B\d+", c)))
    assert len(numbers) > 5 and set(numbers.values()) == {1}, numbers.most_common(3)


def test_every_csv_has_a_header_and_rows_as_long(soups):
    wrong = []
    for page, soup in soups.items():
        for link in soup.select("article a[download$='.csv']"):
            text = base64.b64decode(link["href"].partition(",")[2]).decode()
            head, *rows = csv.reader(io.StringIO(text))
            even = all(len(row) == len(head) for row in rows)
            if not rows or not any(head) or head.count("") > 1 or not even:
                wrong.append((page, link["download"], text[:60]))
    assert not wrong


def test_no_link_within_the_book_is_dead(soups):
    places = {
        page: {one.get("id") or one.get("name") for one in soup.select("[id], a[name]")}
        for page, soup in soups.items()
    }
    dead = []
    for page, soup in soups.items():
        for link in {a["href"] for a in soup.select("a[href]")}:
            url = urlsplit(link)
            if url.scheme or url.netloc:
                continue
            folder = PurePosixPath(page).parent
            path = normpath(str(folder / unquote(url.path))) if url.path else page
            lost = url.fragment and unquote(url.fragment) not in places.get(path, {url.fragment})
            if not (BOOK / path).is_file() or lost:
                dead.append((page, link))
    assert not dead


def test_every_page_says_what_it_is_about_to_other_sites(soups):
    for page, soup in soups.items():
        told = {meta.get("name") or meta.get("property"): meta for meta in soup.find_all("meta")}
        assert len(told["description"]["content"]) > 20, page
        assert (BOOK / told["og:image"]["content"]).is_file(), page
    assert not (BOOK / "py-modindex.html").exists()


@pytest.mark.parametrize(
    ("words", "page"),
    [("install", "use"), ("stability", "stability"), ('"first principal direction"', "ambiguity")],
)
def test_the_search_finds(browser, soups, words, page):
    view = browser.new_page()
    traffic = answer_from(view, {"/": BOOK})
    view.goto(f"http://{HOST}/search.html?q={words}")
    view.wait_for_selector("#search-results .search-summary:has-text('found')")
    found = view.eval_on_selector_all("#search-results li a", "all => all.map((a) => a.href)")
    assert any(f"/{page}.html" in address for address in found), found
    if words.startswith('"'):  # and nothing else than pages with the phrase
        for address in {urlsplit(address).path.lstrip("/") for address in found}:
            assert words.strip('"') in " ".join(soups[address].get_text().split())
    assert not traffic.errors and not traffic.missing
    view.close()


def test_a_term_shows_its_definition_by_pointer_keyboard_and_touch(browser, soups):
    terms = {
        page: [link["title"] for link in soup.select("article a.term")]
        for page, soup in soups.items()
    }
    assert sum(map(bool, terms.values())) > 15
    for definitions in terms.values():
        assert all(len(text) > 20 for text in definitions)
    page = browser.new_page(has_touch=True)
    answer_from(page, {"/": BOOK})
    page.goto(f"http://{HOST}/index.html", wait_until="load")
    term, tip = page.locator("article p a.term").first, page.locator("#tip")
    definition = term.get_attribute("title")
    for show in (term.hover, term.focus, term.tap):
        show()
        assert tip.inner_text() == definition and term.get_attribute("aria-describedby") == "tip"
        page.keyboard.press("Escape")
        assert tip.is_hidden() and page.url.endswith("/index.html")
        term.evaluate("link => link.blur()")
        page.mouse.move(0, 0)
    term.tap()
    term.tap()  # the second follows the link
    page.wait_for_url("**/reproduce.html#term-*")
    page.close()


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_in_order_in_a_browser(view, name):
    framed = name == "index.html"
    view.unroute_all()
    traffic = answer_from(view, {"/": BOOK})
    view.set_viewport_size({"width": VIEWS[0][0], "height": 900})
    view.emulate_media(color_scheme=VIEWS[0][1])
    view.goto(f"http://{HOST}/{name}", wait_until="load")
    view.evaluate(UNFOLD)
    wrong = [f"formula: {text}" for text in view.evaluate(FORMULAS)]
    view.evaluate(AXE.read_text(encoding="utf-8"))
    for width, scheme, rules in VIEWS:
        view.set_viewport_size({"width": width, "height": 900})
        view.emulate_media(color_scheme=scheme)
        view.wait_for_function(f"document.documentElement.dataset.theme === '{scheme}'")
        for text in view.evaluate(TOO_WIDE) + view.evaluate(RUN_AXE, [rules, framed]):
            wrong.append(f"at {width} {scheme}: {text}")
    wrong += [error for error in traffic.errors if "404" not in error]
    wrong += [f"missing: {path}" for path in traffic.missing]
    wrong += [f"of another host: {url}" for url in traffic.refused]
    assert not wrong
    assert traffic.sent < WEIGHT
