"""Synthetic faces whose annotation noise is known: `render_faces` draws, `annotate` labels.

`place_faces` is `render_faces` without the pictures. Everything else in this package is inside.
"""

from starlib.synthface.faces import Faces, annotate, place_faces, render_faces

__all__ = ["Faces", "annotate", "place_faces", "render_faces"]
