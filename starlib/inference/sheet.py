"""A contact sheet: faces of a data set with their annotated points, to be looked at."""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from starlib.data.crops import crop, landmark_boxes
from starlib.data.faces import ImageFace, open_image
from starlib.inference.drawing import EDGE, POINT, RIM
from starlib.schemes import Scheme

TILE, COLUMNS, ROWS = 240, 5, 4
FIRST = "#ffd23f"  # the colour of point 0


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
            pen.ellipse(around, fill=POINT if number else FIRST, outline=RIM)
    return tile
