"""SVG as matplotlib writes it, made fit to stand in a page and to take the page's text colour."""

import base64
import io
import re

from PIL import Image

INK = "#262626"  # seaborn's colour of text and axes
GRID = "#cccccc"


def for_page(text: str, sized: bool = False) -> str:
    """The `<svg>` element without ids of its groups, its black and dark grey in the text's colour.

    `sized`: never wider than it was drawn; else as wide as its place.
    """
    text = re.sub(r"<metadata>.*?</metadata>", "", text[text.index("<svg") :], flags=re.DOTALL)
    text = re.sub(r'<g id="[a-z0-9.]+_\d+">', "<g>", text)  # shared by all figures of a page
    size = r'style="max-width: \2" ' if sized else ""
    text = re.sub(r'<svg ([^>]*?)width="([^"]*)" height="[^"]*"', rf"<svg \1{size}", text, count=1)
    text = re.sub(r"image-rendering: ?[a-z-]+;?", "", text)  # pixels are smoothed
    text = re.sub(r"data:image/png;base64,\s*([A-Za-z0-9+/=\s]+)", _as_webp, text)
    # Text without a colour of its own is black in SVG.
    text = re.sub(rf"(fill|stroke): ?(#000000|#000|black|{INK})\b", r"\1: currentColor", text)
    text = re.sub(rf"stroke: ?{GRID}\b", "stroke: currentColor; stroke-opacity: 0.25", text)
    text = re.sub(r"\s*\n\s*", "\n", text)
    return text.replace("<svg", '<svg fill="currentColor"', 1)


def _as_webp(address: re.Match[str]) -> str:
    """A picture's address with the picture packed more tightly."""
    buffer = io.BytesIO()
    Image.open(io.BytesIO(base64.b64decode(address[1]))).save(buffer, "WEBP", quality=85)
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode()
