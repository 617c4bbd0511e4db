"""The distances d of Eqs. 2 and 6, elementwise on errors in [-1, 1] units."""

import math
from collections.abc import Callable
from functools import partial

from torch import Tensor

from starlib.checks import POSITIVE, one_of

SMOOTH_L1_THRESHOLD = 0.01  # s of Eq. 8
WING_WIDTH, WING_CURVATURE = 0.01, 2.0  # ω and ε as the released code sets them


def l1(error: Tensor) -> Tensor:
    """|e|, any shape."""
    return error.abs()


def l2(error: Tensor) -> Tensor:
    """e², any shape."""
    return error.square()


def smooth_l1(error: Tensor, threshold: float = SMOOTH_L1_THRESHOLD) -> Tensor:
    """Eq. 8: 0.5 e² / s where |e| < s, |e| - 0.5 s elsewhere; any shape, s in [-1, 1] units."""
    size = error.abs()
    return (error.square() * (0.5 / threshold)).where(size < threshold, size - 0.5 * threshold)


def wing(error: Tensor, width: float = WING_WIDTH, curvature: float = WING_CURVATURE) -> Tensor:
    """Wing distance (Feng et al., CVPR 2018): ω ln(1 + |e| / ε) where |e| < ω, |e| - C elsewhere.

    C = ω - ω ln(1 + ω / ε) joins the two; any shape. The defaults are the released code's, in
    [-1, 1] units; the Wing paper has ω = 10 and ε = 2 in pixels.
    """
    size = error.abs()
    inside = width * (size / curvature).log1p()
    return inside.where(size < width, size - (width - width * math.log1p(width / curvature)))


def power_4_3(error: Tensor) -> Tensor:
    """|e|^(4/3), any shape: what STAR with l2 comes to, up to a factor, where λ has reached its
    optimum (d / w)^(2/3)."""
    return error.abs() ** (4 / 3)


DISTANCES: dict[str, Callable[[Tensor], Tensor]] = {
    distance.__name__: distance for distance in (l1, l2, smooth_l1, wing, power_4_3)
}


def get_distance(name: str, beta: float | None = None) -> Callable[[Tensor], Tensor]:
    """The distance of that name, smooth-l1 with s = `beta`; ValueError names the argument."""
    distance = DISTANCES[one_of(DISTANCES).check("distance", name)]
    if beta is None:
        return distance
    if name != "smooth_l1":
        raise ValueError(f"beta: expected None with distance {name}, got {beta!r}")
    return partial(smooth_l1, threshold=float(POSITIVE.check("beta", beta)))
