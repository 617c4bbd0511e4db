"""Every page of the built book in a real browser, with the network cut off.

Checks book/_build/html (`make book`), or the folder that $STARLIB_BOOK names; `make test` runs it
after the build. Each page is loaded once and looked at in two widths and two colour schemes.
"""

import base64
import csv
import io
import os
import re
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from tests.browser import HOST, ROOT, answer_from, chromium

BOOK = Path(os.environ.get("STARLIB_BOOK") or ROOT / "book" / "_build" / "html")
AXE = Path(__file__).parents[1] / "vendor" / "axe.min.js"
WEIGHT = 1_500_000  # bytes of a page with all that it loads, uncompressed
VIEWS = [(width, scheme) for width in (1280, 400) for scheme in ("light", "dark")]
KINDS = (
    *("console errors", "failed requests", "other hosts", "formulas", "alt text", "dead links"),
    *("captions", "data", "axe", "too wide", "wide tables", "too heavy"),
)
BROWSERS = min(4, os.cpu_count() or 1)  # side by side
NO_NUMBERS = {"fig-framework"}  # figures that show none
# Made by Sphinx, without a text of their own.
GENERATED = {"genindex.html", "search.html", "py-modindex.html"}

LOOK = """() => {
  const bad = [];
  document.querySelectorAll(".math").forEach((math) => {
    const drawn = math.querySelector("mjx-container, .katex, svg, math");
    if (!drawn || math.querySelector("mjx-merror, .katex-error")) bad.push(math.textContent.trim());
  });
  const images = [...document.images].filter((image) =>
    !image.hasAttribute("alt") || /\\.(png|svg|jpe?g)$/i.test(image.alt.trim()));
  const captions = [...document.querySelectorAll("article caption, article figcaption")];
  const bare = [...document.querySelectorAll("article table, article figure")].filter((one) =>
    !one.querySelector("caption, figcaption") && !one.closest(".starplay, dl.py"));
  const figures = [...document.querySelectorAll("article figure")].filter((one) =>
    !one.closest(".starplay") && !one.textContent.includes("no finished runs"));
  const hasLine = (one) => one.nextElementSibling?.matches(".below");
  const hasData = (one) => one.nextElementSibling?.matches(".below:has(a[download])");
  return {
    csv: [...document.querySelectorAll("article a[download$='.csv']")].map((a) => a.href),
    lineless: figures.filter((one) => !hasLine(one)).map((one) => one.id || one.textContent),
    without: figures.filter((one) => !hasData(one)).map((one) => one.id || one.textContent),
    captions: captions.map((one) => one.textContent.trim()),
    bare: bare.map((one) => one.textContent.trim().slice(0, 40)),
    formulas: bad,
    images: images.map((image) => image.getAttribute("src").slice(0, 80)),
    links: [...new Set([...document.querySelectorAll("a[href]")].map((a) => a.href))],
    ids: [...document.querySelectorAll("[id], a[name]")].map((e) => e.id || e.name),
  };
}"""
UNFOLD = """async () => {
  document.querySelectorAll("article details").forEach((folded) => { folded.open = true; });
  await new Promise((done) => requestAnimationFrame(done));
  await Promise.all(document.getAnimations().map((fading) => fading.finished));
}"""
# Tables that scroll sideways, or stand beyond the edge.
WIDE_TABLES = """async () => {
  await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
  const wide = [...document.querySelectorAll("article table")].filter((table) => {
    for (let box = table; box.tagName !== "ARTICLE"; box = box.parentElement)
      if (box.scrollWidth > box.clientWidth + 1 && getComputedStyle(box).overflowX !== "visible")
        return true;
    return table.getBoundingClientRect().right > document.documentElement.clientWidth + 1;
  });
  return wide.map((table) => (table.caption || table).textContent.trim().slice(0, 60));
}"""
RUN_AXE = """async () => {
  const { violations } = await axe.run(document, {resultTypes: ["violations"]});
  const where = (rule) => rule.nodes.map((node) => node.target.join(" ")).slice(0, 3);
  return violations.map((rule) => `${rule.id} (${rule.impact}): ${where(rule)}`);
}"""


def pages() -> list[str]:
    """The pages of the built book, by their path in it."""
    found = (path.relative_to(BOOK).as_posix() for path in BOOK.rglob("*.html"))
    return sorted(page for page in found if not page.startswith("_") and page not in GENERATED)


def look_at(
    page, name: str, problems: dict, weights: dict, numbers: Counter
) -> tuple[list[str], set[str]]:
    """Load a page, note what is wrong with it and count its exhibits' numbers; its links, and the
    places in it."""
    traffic = answer_from(page, {"/": BOOK})
    page.goto(f"http://{HOST}/{name}", wait_until="load")
    page.wait_for_load_state("networkidle")
    seen = page.evaluate(LOOK)
    weights[name] = traffic.sent
    for kind, found in (
        ("console errors", [e for e in traffic.errors if "404" not in e]),
        ("failed requests", traffic.missing),
        ("other hosts", traffic.refused),
        ("formulas", seen["formulas"]),
        ("alt text", seen["images"]),
        ("captions", [f"none: {text}" for text in seen["bare"]]),
        ("data", [f"no line below: {name}" for name in seen["lineless"]]),
        ("data", [f"none: {name}" for name in seen["without"] if name not in NO_NUMBERS]),
        ("data", [wrong for address in seen["csv"] if (wrong := wrong_csv(address))]),
        ("too heavy", [f"{traffic.sent:,} bytes"] if traffic.sent > WEIGHT else []),
    ):
        problems[kind] += [(name, text) for text in found]
    page.add_script_tag(content=AXE.read_text(encoding="utf-8"))
    page.evaluate(UNFOLD)
    for width, scheme in VIEWS:
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        page.wait_for_function(f"document.documentElement.dataset.theme === '{scheme}'")
        wide = page.evaluate("document.documentElement.scrollWidth")
        if wide > width:
            problems["too wide"].append((name, f"{wide} px at {width}"))
        view = f"{name} at {width} {scheme}"
        problems["axe"] += [(view, rule) for rule in page.evaluate(RUN_AXE)]
        if width == min(VIEWS)[0]:
            problems["wide tables"] += [(view, text) for text in page.evaluate(WIDE_TABLES)]
    numbers.update(re.findall(r"^(?:Table|Figure)s? B[\d?]+", "\n".join(seen["captions"]), re.M))
    return seen["links"], set(seen["ids"])


def wrong_csv(address: str) -> str:
    """What is wrong with the CSV that a link saves; empty if it has a header and rows below it."""
    text = base64.b64decode(address.partition(",")[2]).decode()
    head, *rows = csv.reader(io.StringIO(text))
    if not rows or not any(head) or head.count("") > 1:
        return f"no header or no rows: {text[:60]!r}"
    if any(len(row) != len(head) for row in rows):
        return f"rows of another length than the header: {text[:60]!r}"
    return ""


def dead_links(links: dict[str, list[str]], places: dict[str, set[str]]) -> list[tuple[str, str]]:
    """Links within the book that lead to no file, or to no place in a page."""
    dead = []
    for name, hrefs in links.items():
        for href in hrefs:
            url = urlsplit(href)
            if url.hostname != HOST or url.scheme != "http":
                continue
            path = unquote(url.path).lstrip("/") or "index.html"
            known = path not in places or not url.fragment
            if not (BOOK / path).is_file() or not (known or unquote(url.fragment) in places[path]):
                dead.append((name, href))
    return dead


def summary(problems: dict, weights: dict) -> str:
    """A table of what was found, and the lines that name it."""
    heaviest = max(weights, key=weights.__getitem__)
    lines = [f"{len(weights)} pages, {len(VIEWS)} views each; heaviest: {heaviest}, "]
    lines[0] += f"{weights[heaviest] / 1e6:.2f} MB; all pages: {sum(weights.values()) / 1e6:.1f} MB"
    lines += [f"{kind:16} {len(problems[kind]):4}" for kind in KINDS]
    for kind in KINDS:
        where = defaultdict(list)
        for page, text in problems[kind]:
            where[re.sub(r"\s+", " ", text)[:300]].append(page)
        for text, found in where.items():
            message = ", ".join(found[:3]) + (
                f" and {len(found) - 3} more" if len(found) > 3 else ""
            )
            lines.append(f"  {kind}: {text} [{message}]")
    return "\n".join(lines)


@pytest.mark.parametrize(("words", "page"), [("install", "use"), ("stability", "stability")])
def test_the_search_finds(words, page):
    if not pages():
        pytest.skip(f"NOT CHECKED: no built book in {BOOK}; `make book` builds it")
    with chromium() as browser:
        view = browser.new_page()
        traffic = answer_from(view, {"/": BOOK})
        view.goto(f"http://{HOST}/search.html?q={words}")
        view.wait_for_selector("#search-results .search-summary:has-text('found')")
        found = view.eval_on_selector_all("#search-results li a", "all => all.map((a) => a.href)")
        assert any(f"/{page}.html" in address for address in found), found
        assert not traffic.errors and not traffic.missing


def test_every_page_of_the_built_book_is_in_order(capsys):
    every = pages()
    if not every:
        pytest.skip(f"NOT CHECKED: no built book in {BOOK}; `make book` builds it")
    problems, weights, numbers = defaultdict(list), {}, Counter()
    links, places = {}, {}

    def look_through(names: list[str]) -> None:
        with chromium() as browser:
            for name in names:
                page = browser.new_page(viewport={"width": 1280, "height": 900})
                links[name], places[name] = look_at(page, name, problems, weights, numbers)
                page.close()

    with ThreadPoolExecutor(BROWSERS) as pool:
        list(pool.map(look_through, [every[first::BROWSERS] for first in range(BROWSERS)]))
    twice = [number for number, count in numbers.items() if count > 1 or "?" in number]
    problems["captions"] += [("the book", f"{number}: {numbers[number]}") for number in twice]
    problems["dead links"] += dead_links(links, places)
    message = summary(problems, weights)
    with capsys.disabled():
        print(f"\n{message}")
    assert not any(problems.values()), message
