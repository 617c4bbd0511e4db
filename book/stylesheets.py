"""Style sheets without the rules that no page of the book can use: they hold up the first paint.

The theme brings all of Bootstrap. A rule is kept if each class that it asks for stands in a page
or is named in a script; rules without classes are always kept.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

SHEETS = ("_static/styles/*.css", "_static/*.css")
OWN = "custom.css"
CLASS = re.compile(r"\.(-?[A-Za-z_](?:[\w-]|\\.)*)")


def classes(folder: Path) -> set[str]:
    """Every class in the built pages, and every word of the scripts that could be one."""
    found: set[str] = set()
    for path in folder.rglob("*.html"):
        for names in re.findall(r'class=["\']([^"\']*)["\']', path.read_text(encoding="utf-8")):
            found.update(names.split())
    for path in folder.rglob("*.js"):
        if path.name not in ("searchindex.js", "katex.min.js"):
            found.update(re.findall(r"[\w-]+", path.read_text(encoding="utf-8")))
    return found


def parts(text: str) -> Iterator[tuple[str, str | None]]:
    """The rules of a style sheet: what stands before the braces, and within them; None where a
    semicolon ends it, as after @import."""
    start = depth = 0
    head = ""
    quote = ""
    for place, letter in enumerate(text):
        if quote:
            quote = "" if letter == quote and text[place - 1] != "\\" else quote
        elif letter in "\"'":
            quote = letter
        elif letter == "{":
            if depth == 0:
                head, start = text[start:place].strip(), place + 1
            depth += 1
        elif letter == "}":
            depth -= 1
            if depth == 0:
                yield head, text[start:place].strip()
                start = place + 1
        elif letter == ";" and depth == 0:
            yield text[start : place + 1].strip(), None
            start = place + 1


def pruned(text: str, known: set[str]) -> str:
    """The style sheet without comments, and without the selectors whose classes are not known."""
    kept = []
    for head, body in parts(re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)):
        if body is None:
            kept.append(head)
        elif head.startswith(("@media", "@supports", "@layer", "@container")):
            if inner := pruned(body, known):
                kept.append(f"{head}{{{inner}}}")
        elif head.startswith("@"):
            kept.append(f"{head}{{{body}}}")
        elif body and (selectors := [s for s in _split(head) if _can_match(s, known)]):
            kept.append(f"{','.join(selectors)}{{{body}}}")
    return "\n".join(kept)


def _split(selectors: str) -> list[str]:
    """Selectors between commas that do not stand within parentheses."""
    return [s.strip() for s in re.split(r",(?![^()]*\))", selectors)]


def _can_match(selector: str, known: set[str]) -> bool:
    asked = re.sub(r":(?:not|is|where|has)\(.*?\)+", "", re.sub(r"\[[^\]]*\]", "", selector))
    return all(name.replace("\\", "") in known for name in CLASS.findall(asked))


def prune_all(app: Any, error: Exception | None) -> None:
    """Write the style sheets of a built book anew, each without what it does not need."""
    if error is not None or app.builder.format != "html":
        return
    folder = Path(app.outdir)
    known = classes(folder)
    for pattern in SHEETS:
        for path in folder.glob(pattern):
            if path.name != OWN:
                path.write_text(pruned(path.read_text(encoding="utf-8"), known), encoding="utf-8")


def setup(app: Any) -> dict[str, Any]:
    """Sphinx's hook."""
    app.connect("build-finished", prune_all, priority=900)
    return {"parallel_read_safe": True}
