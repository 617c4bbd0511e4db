"""SVG as matplotlib writes it, made fit to stand in a page and to take the page's text colour."""

import base64
import io
import re

from PIL import Image

INK = "#262626"  # seaborn's colour of text and axes
GRID = "#cccccc"
TIPS = "tips "  # begins the name of a group whose marks have texts of their own, between bars


def for_page(text: str) -> str:
    """The `<svg>` element without size and ids of its groups, as wide as its place, its black and
    dark grey in the text's colour; what `figures.hover` says becomes titles of the marks."""
    text = re.sub(r"<metadata>.*?</metadata>", "", text[text.index("<svg") :], flags=re.DOTALL)
    group = rf'^( *)<g id="{TIPS}([^"]*)">\n(.*?)^\1</g>'
    text = re.sub(group, _titled, text, flags=re.DOTALL | re.MULTILINE)
    text = re.sub(r'<g id="[a-z0-9.]+_\d+">', "<g>", text)  # shared by all figures of a page
    text = re.sub(r'<svg ([^>]*?)width="[^"]*" height="[^"]*"', r"<svg \1", text, count=1)
    text = re.sub(r"image-rendering: ?[a-z-]+;?", "", text)  # pixels are smoothed
    text = re.sub(r"data:image/png;base64,\s*([A-Za-z0-9+/=\s]+)", _as_webp, text)
    # Text without a colour of its own is black in SVG.
    text = re.sub(rf"(fill|stroke): ?(#000000|#000|black|{INK})\b", r"\1: currentColor", text)
    text = re.sub(rf"stroke: ?{GRID}\b", "stroke: currentColor; stroke-opacity: 0.25", text)
    text = re.sub(r"\s*\n\s*", "\n", text)
    return text.replace("<svg", '<svg fill="currentColor"', 1)


def _titled(group: re.Match[str]) -> str:
    """A group with a title for all of it, or with one for each of its marks."""
    _, name, body = group.groups()
    titles = [f"<title>{text}</title>" for text in name.split("|")]  # escaped, as ids are
    if len(titles) == 1:
        return f"<g>{titles[0]}\n{body}</g>"
    left = iter(titles)
    mark = r"<use ([^>]*)/>" if "<use " in body else r"<path ([^>]*)/>"
    kind = mark[1 : mark.index(" ")]

    def add(found: re.Match[str]) -> str:
        return f"<{kind} {found[1]}>{next(left, '')}</{kind}>"

    return f"<g>\n{re.sub(mark, add, body)}</g>"


def _as_webp(address: re.Match[str]) -> str:
    """A picture's address with the picture packed more tightly."""
    buffer = io.BytesIO()
    Image.open(io.BytesIO(base64.b64decode(address[1]))).save(buffer, "WEBP", quality=85)
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode()
