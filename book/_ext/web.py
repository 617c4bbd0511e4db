"""What the built pages need beyond Jupyter Book: pictures drawn into the page, the paper's numbers
of equations, numbers for the prose, titles on citations, links on notebook pages.
"""

import html
import re
import subprocess
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx import addnodes
from sphinx.util.docutils import SphinxDirective

import starlib
from companion.experiments.records import Records
from companion.files import BOOK
from companion.text import numbers

OWN_EQUATIONS = {"eq-optimum": "B1", "eq-noise": "B2"}  # the others have the paper's numbers
# What others' writers make that a screen reader stumbles over.
CORRECTED = {
    '<th class="head"><p></p></th>': "<td></td>",  # no header: the corner of a table
    "<th></th>": "<td></td>",
    ' aria-label="Toggle hidden content"': "",  # the line says what it shows
    ' role="doc-biblioentry"': ' role="listitem"',  # given up by ARIA
}
GLOSSARY = "reproduce"  # the page with the definitions
# Where no term is linked: what is a link, code or a heading, the definitions, the interface.
PLAIN = (nodes.reference, nodes.literal, nodes.title, addnodes.glossary, addnodes.desc)
COLAB = "https://colab.research.google.com/github/"


def git(*arguments: str) -> str:
    """What git says, or nothing where there is no repository or no git."""
    command = ["git", "-C", str(BOOK), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def repository() -> str:
    """Address of this code on GitHub, from the clone's origin; empty where it has none there."""
    origin = re.fullmatch(
        r"(?:https://github\.com/|git@github\.com:)([\w.-]+/[\w.-]+?)(?:\.git)?",
        git("remote", "get-url", "origin"),
    )
    return f"https://github.com/{origin[1]}" if origin else ""


def configure(app: Any, config: Any) -> None:
    """Numbers for `{{ name }}` in the pages, and the line at the foot of each."""
    config.myst_substitutions = numbers.numbers(Records.load()) | edition()
    footer = "Version {version} · {date} · commit <code>{commit}</code>".format(**edition())
    config.html_theme_options["extra_footer"] = f"<p>{footer}</p>"
    if address := repository():
        config.html_theme_options |= {"repository_url": address, "use_repository_button": True}


def edition() -> dict[str, str]:
    """Version, commit and its date."""
    return {
        "version": starlib.__version__,
        "commit": git("rev-parse", "--short=10", "HEAD") or "not recorded",
        "date": git("log", "-1", "--format=%cs") or "undated",
        "this_code": f"[This code]({repository()})" if repository() else "[This code](use.md)",
    }


class Picture(SphinxDirective):
    """A figure whose SVG is put into the page, so that it takes the colours of the text.

    The arguments are files beside the page, shown side by side where there is room; `:alt:` says
    what is seen, the content is the caption.
    """

    required_arguments = 1
    optional_arguments = 1
    has_content = True
    option_spec: ClassVar = {
        "alt": directives.unchanged_required,
        "name": directives.unchanged,
        "class": directives.class_option,
    }

    def run(self) -> list[nodes.Node]:
        drawings = "".join(self._read(name) for name in self.arguments)
        alt = html.escape(" ".join(self.options["alt"].split()))
        role = "group" if "<a " in drawings else "img"  # of a picture with links
        picture = f'<div class="picture" role="{role}" aria-label="{alt}">{drawings}</div>'
        classes = self.options.get("class", [])
        figure = nodes.figure("", nodes.raw("", picture, format="html"), classes=classes)
        figure["files"] = [self.env.relfn2path(name)[0] for name in self.arguments]
        caption, messages = self.state.inline_text(" ".join(self.content), self.lineno)
        figure += nodes.caption("", "", *caption)
        self.add_name(figure)
        return [figure, *messages]

    def _read(self, name: str) -> str:
        _, path = self.env.relfn2path(name)
        self.env.note_dependency(path)
        return Path(path).read_text(encoding="utf-8")


def number_equations(app: Any, doctree: nodes.document) -> None:
    """Each labelled equation has the number of its label, whatever page it stands on."""
    equations = app.env.get_domain("math").equations
    for node in doctree.findall(nodes.math_block):
        if label := node.get("label"):
            node["number"] = OWN_EQUATIONS.get(label) or int(label.removeprefix("eq-"))
            equations[label] = (app.env.docname, node["number"])


def finish_page(
    app: Any, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Names for a screen reader, scripts that do not hold up the page, links above a notebook."""
    if "generate_toctree_html" in context:
        toctree = context["generate_toctree_html"]
        context["generate_toctree_html"] = lambda *args, **options: str(
            toctree(*args, **options)
        ).replace("<summary>", '<summary aria-label="Pages below">')
    if doctree is None:
        return
    for found, wanted in CORRECTED.items():
        context["body"] = context["body"].replace(found, wanted)
    context["script_files"][:] = [_deferred(script) for script in context["script_files"]]
    if page.startswith("experiments/"):
        context["body"] = context["body"].replace("</h1>", f"</h1>{_notebook_links(page)}", 1)


def _deferred(script: Any) -> Any:
    """A copy of a script that does not hold up the page; the search page needs it as it was. The
    first script sets what others within the page read, so it stays."""
    if not script.filename or "documentation_options" in str(script.filename):
        return script
    attributes = {"defer": "defer", **script.attributes}
    return type(script)(script.filename, priority=script.priority, **attributes)


def _notebook_links(page: str) -> str:
    """Links to a page's notebook, where the code has an address; nothing without one."""
    if not (address := repository()):
        return ""
    import prepare

    notebook = f"blob/HEAD/notebooks/{prepare.notebook_of(page.removeprefix('experiments/')).name}"
    path = address.removeprefix("https://github.com/")
    links = [f'<a href="{COLAB}{path}/{notebook}">Open in Colab</a>']
    links.append(f'<a href="{address}/{notebook}">Source</a>')
    return f'<p class="notebook-links">{" · ".join(links)}</p>'


def link_terms(app: Any, doctree: nodes.document, page: str) -> None:
    """The first use of a term on a page, and each in the head of a table, leads to its definition,
    which reach.js shows beside it."""
    glossary = app.builder.get_relative_uri(page, GLOSSARY)
    terms = {name: (f"{glossary}#{anchor}", said) for name, anchor, said in _glossary(app.env)}
    names = "|".join(re.escape(name) for name in sorted(terms, key=len, reverse=True))
    seen = set()
    for text in list(doctree.findall(nodes.Text)) if terms else []:
        above, one = [], text.parent
        while one is not None:
            above, one = [*above, one], one.parent
        written = any(isinstance(node, nodes.paragraph | nodes.caption) for node in above)
        linked = any(isinstance(node, nodes.raw) for node in text.parent.children)  # rows of tables
        if not written or linked or any(isinstance(node, PLAIN) for node in above):
            continue
        in_head = any(isinstance(node, nodes.thead) for node in above)
        parts, end = [], 0
        for use in re.finditer(rf"(?<![\w-])({names})s?(?![\w-])", text):
            if in_head or use[1] not in seen:
                seen.add(use[1])
                place, definition = terms[use[1]]
                link = {"refuri": place, "reftitle": definition, "classes": ["term"]}
                parts += [nodes.Text(text[end : use.start()])]
                parts += [nodes.reference("", use[0], internal=True, **link)]
                end = use.end()
        if parts:
            text.parent.replace(text, [*parts, nodes.Text(text[end:])])


@cache
def _glossary(env: Any) -> list[tuple[str, str, str]]:
    """Terms with their anchors and definitions; the page that has them is read once."""
    return [
        (term.astext(), term["ids"][0], item[-1].astext())
        for glossary in env.get_doctree(GLOSSARY).findall(addnodes.glossary)
        for item in glossary.findall(nodes.definition_list_item)
        for term in item.findall(nodes.term)
    ]


def read_docstring(
    app: Any, what: str, name: str, thing: object, options: object, lines: list[str]
) -> None:
    """Docstrings are written to be read as text: |e| is an absolute value, and fields stand below
    one another as "name: what it is"."""
    found: list[str] = []
    for line in lines:
        line = line.replace("|", "\\|")
        if field := re.match(r"(\w+(?:, \w+)*): (.+)", line):
            found += ["", f"* **{field[1]}**: {field[2]}"]
        else:
            inside = line.startswith("    ") and any(f.startswith("* ") for f in found[-3:])
            found.append(f"  {line.strip()}" if inside else line)
    lines[:] = found


def setup(app: Any) -> dict[str, Any]:
    """Sphinx's hook."""
    app.connect("config-inited", configure)
    app.connect("builder-inited", lambda app: app.set_html_assets_policy("per_page"), priority=900)
    app.connect("doctree-read", number_equations)
    app.connect("html-page-context", finish_page, priority=900)
    app.connect("doctree-resolved", link_terms, priority=901)
    app.setup_extension("sphinx.ext.autodoc")
    app.connect("autodoc-process-docstring", read_docstring, priority=400)
    app.add_directive("picture", Picture)
    return {"parallel_read_safe": True}
