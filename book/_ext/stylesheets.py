"""Style sheets without the rules that no page of the book can use: they hold up the first paint.

The theme brings all of Bootstrap. A rule is kept if each class that it asks for stands in a page
or is named in a script; rules without classes are always kept.
"""

import re
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

import tinycss2

SHEETS = ("_static/styles/*.css", "_static/*.css")
OWN = "custom.css"
NESTED = ("media", "supports", "layer", "container")  # hold rules, if they have a body


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


def pruned(style: str | list[Any], known: set[str]) -> str:
    """The style sheet without comments, and without the selectors whose classes are not known."""
    kept = []
    for rule in tinycss2.parse_stylesheet(style, skip_comments=True, skip_whitespace=True):
        before, body = tinycss2.serialize(rule.prelude), rule.content
        if rule.type == "at-rule" and rule.lower_at_keyword in NESTED and body is not None:
            if inner := pruned(body, known):
                kept.append(f"@{rule.at_keyword}{before}{{{inner}}}")
        elif rule.type == "at-rule":
            kept.append(rule.serialize())
        elif selectors := [s for s in _split(rule.prelude) if _asked_classes(s) <= known]:
            before = ",".join(tinycss2.serialize(s).strip() for s in selectors)
            kept.append(f"{before}{{{tinycss2.serialize(body).strip()}}}")
    return "\n".join(kept)


def _split(prelude: list[Any]) -> list[list[Any]]:
    """Selectors between commas; those within parentheses are tokens of their own."""
    groups = groupby(prelude, key=lambda token: token == ",")
    return [list(tokens) for comma, tokens in groups if not comma]


def _asked_classes(selector: list[Any]) -> set[str]:
    """The classes that an element must have, or those around it."""
    return {name.value for dot, name in pairwise(selector) if dot == "." and name.type == "ident"}


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
