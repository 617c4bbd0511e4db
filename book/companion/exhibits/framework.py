"""Our own picture of the paper's Figure 2: the network, and what STAR does with its heatmaps."""

import numpy as np

from companion.exhibits.figures import BLUE, VERMILION


def framework() -> str:
    """From the picture to the two losses, as SVG in the colour of the text."""
    parts = [_network(), _decoding(), _losses()]
    return (
        '<svg viewBox="0 0 520 450" xmlns="http://www.w3.org/2000/svg" '
        'font-family="sans-serif" font-size="15" fill="currentColor">'
        '<defs><marker id="arrow-fw" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" '
        'markerHeight="8" orient="auto"><path d="M0 0 L8 4 L0 8z" fill="currentColor"/></marker>'
        f"</defs>{''.join(parts)}</svg>"
    )


def _text(x: float, y: float, text: str, anchor: str = "middle", more: str = "") -> str:
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}" {more}>{text}</text>'


def _path(d: str, colour: str = "currentColor", width: float = 1.6, more: str = "") -> str:
    return f'<path d="{d}" fill="none" stroke="{colour}" stroke-width="{width}" {more}/>'


def _arrow(x1: float, y1: float, x2: float, y2: float) -> str:
    return _path(f"M{x1} {y1} L{x2} {y2}", more='marker-end="url(#arrow-fw)"')


def _ellipse(
    x: float, y: float, a: float, b: float, angle: float, colour: str, more: str = ""
) -> str:
    return (
        f'<ellipse cx="{x}" cy="{y}" rx="{a}" ry="{b}" fill="none" stroke="{colour}" '
        f'stroke-width="1.8" transform="rotate({angle} {x} {y})" {more}/>'
    )


def _network() -> str:
    """A face, four hourglasses, and the heatmap of one landmark on the cheek."""
    face = _path("M20 40 C20 120 80 120 80 40 C80 0 20 0 20 40") + _path("M38 78 Q50 86 62 78")
    eyes = "".join(f'<circle cx="{x}" cy="45" r="3"/>' for x in (38, 62))
    glasses = "".join(
        _path(f"M{x} 20 L{x + 25} 45 L{x + 50} 20 L{x + 50} 90 L{x + 25} 65 L{x} 90 Z")
        for x in (118, 186, 254, 322)
    )
    map_ = _path("M420 12 H512 V104 H420 Z") + "".join(
        _ellipse(466, 58, 12 * k, 4 * k, 60, VERMILION, f'opacity="{1.15 - 0.25 * k:.2f}"')
        for k in (1, 2, 3)
    )
    arrows = _arrow(88, 55, 112, 55) + _arrow(378, 55, 412, 55)
    words = _text(50, 132, "picture") + _text(246, 132, "four stacked hourglasses")
    words += _text(466, 132, "heatmap h")
    return face + eyes + glasses + map_ + arrows + words


def _decoding() -> str:
    """The heatmap's mean, its principal axes, and the error split along them."""
    theta = np.deg2rad(60)
    along, across = (
        np.array([np.cos(theta), np.sin(theta)]),
        np.array([-np.sin(theta), np.cos(theta)]),
    )
    centre = np.array([420.0, 235.0])
    axes = "".join(
        _arrow(*centre, *(centre + length * axis).round(1))
        for axis, length in ((along, 62), (across, 34))
    )
    names = _text(440, 300, "v₁", "end") + _text(378, 262, "v₂", "end")
    dots = f'<circle cx="420" cy="235" r="4" fill="{BLUE}"/><circle cx="436" cy="205" r="4"/>'
    names += _text(412, 226, "μ", "end") + _text(446, 206, "label", "start")
    shape = _ellipse(420, 235, 46, 18, 60, VERMILION)
    steps = [
        ("1", "mean μ: soft-argmax", "(Eq. 1)"),
        ("2", "covariance Σ of the heatmap", "(Eq. 4)"),
        ("3", "axes v₁, v₂, variances λ₁, λ₂", "(Eq. 5)"),
        ("4", "error e = label − μ along v₁, v₂", "(Eq. 6)"),
    ]
    lines = "".join(
        _text(18, 190 + 32 * k, f"{n}.", "start") + _text(38, 190 + 32 * k, f"{a} {b}", "start")
        for k, (n, a, b) in enumerate(steps)
    )
    return _arrow(466, 140, 440, 176) + shape + axes + dots + names + lines


def _losses() -> str:
    """What each loss makes of an error of the same length: circles, or ellipses along v1."""
    left = "".join(_ellipse(120, 390, 15 * k, 15 * k, 0, BLUE) for k in (1, 2, 3))
    right = "".join(_ellipse(390, 390, 22 * k, 9 * k, 60, VERMILION) for k in (1, 2, 3))
    words = _text(120, 334, "regression: d(e)") + _text(390, 326, "STAR: d(v₁ᵀe)/√λ₁ + d(v₂ᵀe)/√λ₂")
    centres = '<circle cx="120" cy="390" r="3"/><circle cx="390" cy="390" r="3"/>'
    return left + right + words + centres
