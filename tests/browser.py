"""A real browser for the tests: Debian's Chromium through Playwright, served from memory.

No server and no port: every request is answered from a folder, and one to another host is refused
and counted.
"""

import mimetypes
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

ROOT = Path(__file__).resolve().parents[1]
HOST = "book.test"
MIME = {".js": "text/javascript", ".mjs": "text/javascript", ".wasm": "application/wasm"}
MISSING = "NOT CHECKED: no chromium; browser tests need `apt-get install chromium libatomic1`"


@dataclass
class Traffic:
    """The requests of a page and their answers."""

    sent: int = 0  # bytes, uncompressed
    refused: list[str] = field(default_factory=list)  # URLs of other hosts
    missing: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)  # console errors and exceptions


@contextmanager
def chromium() -> Iterator:
    """The browser; skips the test that asks for it where there is none."""
    executable = shutil.which("chromium")
    if executable is None:
        pytest.skip(MISSING)
    playwright = pytest.importorskip("playwright.sync_api", reason=MISSING)
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        yield browser
        browser.close()


def answer_from(page, folders: dict[str, Path], pages: dict[str, str] | None = None) -> Traffic:
    """Answer a page's requests from `pages` and from the folders under URL prefixes."""
    traffic = Traffic()

    def answer(route) -> None:
        url = urlsplit(route.request.url)
        if url.hostname != HOST:
            traffic.refused.append(route.request.url)
            return route.abort()
        path = unquote(url.path)
        if pages and path in pages:
            return route.fulfill(body=pages[path], content_type="text/html; charset=utf-8")
        for prefix, folder in folders.items():
            file = folder / path.removeprefix(prefix)
            if path.startswith(prefix) and file.is_file():
                body = file.read_bytes()
                traffic.sent += len(body)
                kind = MIME.get(file.suffix) or mimetypes.guess_type(file.name)[0]
                return route.fulfill(body=body, content_type=kind or "application/octet-stream")
        traffic.missing.append(path)
        return route.fulfill(status=404, body="")

    page.route("**/*", answer)
    page.on("pageerror", lambda error: traffic.errors.append(str(error)))
    page.on(
        "console",
        lambda message: traffic.errors.append(message.text) if message.type == "error" else None,
    )
    return traffic


def tool_page(name: str) -> str:
    """A bare page with one tool, and the scripts of the page of the book that holds it."""
    for path in sorted((ROOT / "book").glob("*.md")):
        blocks = re.findall(
            r"```\{raw\} html\n(.*?)```", path.read_text(encoding="utf-8"), re.DOTALL
        )
        markup = "".join(blocks)
        if tool := re.search(rf'<div data-starplay="{name}">.*?</div>\n', markup):
            around = re.sub(r"<div data-starplay=.*?</div>\n", "", markup)
            head = '<!DOCTYPE html><html lang="en" data-theme="light"><title>tool</title><main>'
            return f"{head}<h1>tool</h1>{tool[0]}{around}</main></html>"
    raise AssertionError(f"expected a page of the book with the tool {name!r}")


def open_tool(browser, name: str, data: Path | None = None, query: str = "", **context):
    """The page of a tool, its code loaded and the tool built; and its traffic."""
    page = browser.new_page(**context)
    folders = {"/play/data/": data} if data else {}
    folders |= {"/play/": ROOT / "book" / "playground" / "play"}
    folders |= {"/_static/": ROOT / "book" / "_static", "/": ROOT / "book" / "vendor"}
    traffic = answer_from(page, folders, {f"/{name}.html": tool_page(name)})
    page.goto(f"http://{HOST}/{name}.html{query}")
    page.wait_for_selector(".starplay")
    return page, traffic
