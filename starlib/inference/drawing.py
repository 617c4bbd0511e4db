"""A picture with its landmarks, the ellipses of their covariance and the scheme's edges; and a
contact sheet of a data set's faces, to be looked at."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from starlib.data.crops import crop, landmark_boxes
from starlib.data.faces import ImageFace
from starlib.data.images import open_image
from starlib.inference.faces import Face
from starlib.schemes import Scheme

LONGER_SIDE = (900, 1800)  # pictures are enlarged or reduced into this range of pixels
SMOOTH = 3  # drawn this many times larger, then reduced, so that thin lines are smooth
LARGEST = 0.03  # median ellipse beside the face's box; larger ones are all drawn reduced
EDGE, ELLIPSE, POINT, RIM = "#7fd1ff", "#ffd23fb0", "#ffffff", "#c1121f"
BOX = "#8ae234"  # of a face, with its number
TILE, COLUMNS, ROWS = 240, 5, 4  # of a contact sheet


def ellipse(mean: NDArray, covariance: NDArray) -> NDArray[np.float64]:
    """Points [40, 2] one standard deviation from the mean [2] of a covariance [2, 2]."""
    values, vectors = np.linalg.eigh(covariance)
    angle = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    circle = np.stack((np.cos(angle), np.sin(angle)))
    return mean + ((vectors * np.sqrt(values.clip(0))) @ circle).T


def reduction(covariance: NDArray, side: float) -> float:
    """1, 1/2, 1/4, … by which the ellipses of covariances [N, 2, 2] suit a face of this side."""
    middle = np.median(np.sqrt(np.linalg.eigvalsh(covariance)[:, -1].clip(0)))
    return float(0.5 ** np.ceil(np.log2(max(middle / (LARGEST * side), 1))))


def draw_faces(
    image: Image.Image, faces: Sequence[Face], scheme: Scheme, calibration: float | None = None
) -> Image.Image:
    """The RGB image with the landmarks of its faces, the ellipses of their covariances, and the
    boxes where they were detected or given, numbered from 0.

    Lines and dots are as thick as suits the side of each face's box. Calibrated ellipses are drawn
    as they are; others that are too large to be distinguished are all drawn at a half, a quarter, …
    of their size. A line of text says which.
    """
    longer = max(image.size)
    scale = float(np.clip(longer, *LONGER_SIDE)) / longer
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    large = image.resize(size, Image.Resampling.LANCZOS)
    if not faces:
        return large
    layer = large.resize((size[0] * SMOOTH, size[1] * SMOOTH), Image.Resampling.BILINEAR)
    pen = ImageDraw.Draw(layer, "RGBA")
    unit = scale * SMOOTH
    spreads = [(f.covariance, f.box[2]) for f in faces if f.covariance is not None]
    share = 1.0 if calibration is not None else min((reduction(*one) for one in spreads), default=1)
    if spreads:
        _caption(pen, layer, share, calibration)
    for face in faces:
        spread = None if face.covariance is None else face.covariance * (unit * share) ** 2
        _draw_face(pen, face.landmarks * unit, spread, scheme, unit * face.box[2])
    for index, face in enumerate(faces):
        _draw_box(pen, str(index), np.asarray(face.face) * unit, layer)
    return layer.resize(size, Image.Resampling.BOX)


def _draw_face(
    pen: ImageDraw.ImageDraw,
    points: NDArray,
    covariance: NDArray | None,
    scheme: Scheme,
    side: float,
) -> None:
    thin = max(SMOOTH, round(side / 500))
    if covariance is not None:
        for mean, matrix in zip(points, covariance, strict=True):
            outline = [tuple(corner) for corner in ellipse(mean, matrix)]
            pen.line([*outline, *outline[:2]], fill=ELLIPSE, width=thin, joint="curve")
    for indices, closed in scheme.edges:
        curve = [tuple(points[i]) for i in (*indices, *indices[: int(closed)])]
        pen.line(curve, fill=EDGE, width=thin, joint="curve")
    radius = min(1.6 * thin, max(0.012 * side, 1.0))  # small faces keep their features visible
    for x, y in points:
        box = (x - radius, y - radius, x + radius, y + radius)
        pen.ellipse(box, fill=POINT, outline=RIM, width=max(1, thin // 2))


def _draw_box(pen: ImageDraw.ImageDraw, name: str, box: NDArray, layer: Image.Image) -> None:
    """The rectangle left, top, right, bottom, and the name inside its corner."""
    pen.rectangle(box.tolist(), outline=BOX, width=SMOOTH)
    font = ImageFont.load_default(max(layer.height / 45, float(box[3] - box[1]) / 12))
    place = tuple(np.maximum(box[:2], 0) + 2 * SMOOTH)
    pen.text(place, name, BOX, font, stroke_width=SMOOTH, stroke_fill="black")


def _caption(
    pen: ImageDraw.ImageDraw, layer: Image.Image, share: float, calibration: float | None
) -> None:
    kind = "calibrated" if calibration is not None else "of the heatmap, not calibrated"
    text = f"ellipses: one standard deviation, {kind}"
    if share < 1:
        text += f", drawn at 1/{1 / share:.0f} of its size"
    font = ImageFont.load_default(min(layer.height / 45, layer.width / 34))
    place = (layer.width / 100, layer.height * 0.99)
    pen.text(place, text, "white", font, anchor="ls", stroke_width=SMOOTH, stroke_fill="black")


def contact_sheet(faces: Sequence[ImageFace], scheme: Scheme) -> Image.Image:
    """As many of the faces as fit, each cut out around its points with the scheme's edges, and its
    name below; point 0 is yellow and larger."""
    shown = faces[: COLUMNS * ROWS]
    rows = -(-len(shown) // COLUMNS)
    sheet = Image.new("RGB", (COLUMNS * TILE, rows * (TILE + 20)), "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(12)
    for index, face in enumerate(shown):
        corner = (index % COLUMNS * TILE, index // COLUMNS * (TILE + 20))
        sheet.paste(_tile(face, scheme), corner)
        pen.text((corner[0] + 4, corner[1] + TILE + 3), face.name[-38:], "black", font)
    return sheet


def _tile(face: ImageFace, scheme: Scheme) -> Image.Image:
    box = landmark_boxes(face.landmarks[None])[0]
    pixels = crop(open_image(face.path), box, TILE)
    tile = Image.fromarray(np.ascontiguousarray(pixels.transpose(1, 2, 0)))
    pen = ImageDraw.Draw(tile)
    points = (face.landmarks - box[:2]) / box[2] * TILE
    for indices, closed in scheme.edges:
        curve = [tuple(points[i]) for i in (*indices, *indices[: int(closed)])]
        pen.line([point for point in curve if not np.isnan(point).any()], fill=EDGE)
    for number, (x, y) in enumerate(points):
        if not np.isnan(x):
            size = 2 if number else 4
            around = (x - size, y - size, x + size, y + size)
            pen.ellipse(around, fill=POINT if number else ELLIPSE[:7], outline=RIM)
    return tile
