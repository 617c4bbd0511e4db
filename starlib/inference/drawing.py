"""A picture with its landmarks, the ellipses of their covariance and the scheme's edges."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from starlib.schemes import Scheme

LONGER_SIDE = (900, 1800)  # pictures are enlarged or reduced into this range of pixels
SMOOTH = 3  # drawn this many times larger, then reduced, so that thin lines are smooth
LARGEST = 0.03  # median ellipse beside the face's box; larger ones are all drawn reduced
EDGE, ELLIPSE, POINT, RIM = "#7fd1ff", "#ffd23fb0", "#ffffff", "#c1121f"


def ellipse(mean: NDArray, covariance: NDArray, corners: int = 40) -> NDArray[np.float64]:
    """Points [corners, 2] one standard deviation from the mean [2] of a covariance [2, 2]."""
    values, vectors = np.linalg.eigh(covariance)
    angle = np.linspace(0, 2 * np.pi, corners, endpoint=False)
    circle = np.stack((np.cos(angle), np.sin(angle)))
    return mean + ((vectors * np.sqrt(values.clip(0))) @ circle).T


def reduction(covariance: NDArray, side: float) -> float:
    """1, 1/2, 1/4, … by which the ellipses of covariances [N, 2, 2] suit a face of this side."""
    middle = np.median(np.sqrt(np.linalg.eigvalsh(covariance)[:, -1].clip(0)))
    return float(0.5 ** np.ceil(np.log2(max(middle / (LARGEST * side), 1))))


def _caption(pen: ImageDraw.ImageDraw, layer: Image.Image, share: float) -> None:
    text = "ellipses: one standard deviation of the heatmap"
    if share < 1:
        text += f", drawn at 1/{1 / share:.0f} of its size"
    font = ImageFont.load_default(min(layer.height / 45, layer.width / 34))
    place = (layer.width / 100, layer.height * 0.99)
    pen.text(place, text, "white", font, anchor="ls", stroke_width=SMOOTH, stroke_fill="black")


def draw_face(
    image: Image.Image,
    landmarks: NDArray,
    covariance: NDArray | None,
    scheme: Scheme,
    side: float,
) -> Image.Image:
    """The RGB image with landmarks [N, 2] and covariances [N, 2, 2] in its pixels.

    Lines and dots are as thick as suits a face whose box has this `side`. Ellipses too large to be
    told apart are drawn at a half, a quarter, … of their size, which a line of text says.
    """
    longer = max(image.size)
    scale = float(np.clip(longer, *LONGER_SIDE)) / longer
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    large = image.resize(size, Image.Resampling.LANCZOS)
    layer = large.resize((size[0] * SMOOTH, size[1] * SMOOTH), Image.Resampling.BILINEAR)
    pen = ImageDraw.Draw(layer, "RGBA")
    unit = scale * SMOOTH
    thin = max(SMOOTH, round(unit * side / 500))
    points = landmarks * unit
    if covariance is not None:
        share = reduction(covariance, side)
        for mean, matrix in zip(points, covariance * (unit * share) ** 2, strict=True):
            outline = [tuple(corner) for corner in ellipse(mean, matrix)]
            pen.line([*outline, *outline[:2]], fill=ELLIPSE, width=thin, joint="curve")
        _caption(pen, layer, share)
    for indices, closed in scheme.edges:
        curve = [tuple(points[i]) for i in (*indices, *indices[: int(closed)])]
        pen.line(curve, fill=EDGE, width=thin, joint="curve")
    radius = 1.6 * thin
    for x, y in points:
        box = (x - radius, y - radius, x + radius, y + radius)
        pen.ellipse(box, fill=POINT, outline=RIM, width=max(1, thin // 2))
    return layer.resize(size, Image.Resampling.BOX)
