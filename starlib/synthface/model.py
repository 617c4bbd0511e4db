"""A parametric 3-D face: traits -> relief of the front of the head -> silhouette and landmarks.

The face is a sheet. In head coordinates x points to the viewer's right, y down and z to the
viewer; one unit is about 9 cm, and the origin lies between the ears at the height of the nose:

    relief:  (edge + ((z - base) / depth)^2 = 1, z >= base),  edge = 0 mid-face .. 1 on the rim

`edge` and `base` are small textures over (x, y). Eyelids, brows and lips are graphs y = f(x)
drawn on the sheet, and the same functions place the landmarks, so both agree in every pose.
Functions of traits take a dictionary whose values broadcast against the positions given.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F

Traits = dict[str, torch.Tensor]

# Every trait is uniform between two numbers; where a range crosses a threshold (`beard` below 0,
# `eye_open` above 1), the part beyond it means "not there" or "fully".
TRAITS: dict[str, tuple[float, float]] = {
    # pose, as a fraction of the largest angle; placement in the picture
    **dict.fromkeys(("yaw", "pitch", "roll", "shift_x", "shift_y"), (-1.0, 1.0)),
    "zoom": (0.96, 1.03),
    # head
    **{"face_width": (0.92, 1.07), "chin_length": (-0.12, 0.05), "chin_width": (-0.06, 0.04)},
    **{"jaw_width": (-0.08, 0.06), "cheek_fat": (-0.02, 0.06), "cheek_bone": (0.0, 0.06)},
    **{"brow_ridge": (0.0, 0.06), "chin_bump": (0.02, 0.1), "socket_depth": (0.06, 0.12)},
    # eyes and brows
    **{"eye_x": (0.325, 0.38), "eye_y": (-0.235, -0.175), "eye_width": (0.145, 0.18)},
    **{"eye_height": (0.5, 0.85), "eye_tilt": (-0.06, 0.16), "eye_open": (-0.15, 4.0)},
    **{"gaze_x": (-0.055, 0.055), "gaze_y": (-0.02, 0.025), "iris_size": (0.068, 0.08)},
    **{"brow_inner": (0.1, 0.17), "brow_length": (0.4, 0.48), "brow_gap": (0.2, 0.28)},
    **{"brow_arch": (0.02, 0.1), "brow_slope": (-0.08, 0.05), "brow_thickness": (0.024, 0.05)},
    **{"brow_raise": (-0.05, 0.08), "brow_asymmetry": (-0.02, 0.02)},
    # nose and mouth
    **{"nose_base": (0.26, 0.35), "nose_width": (0.145, 0.21), "nose_tip": (0.17, 0.28)},
    **{"nose_bridge": (0.03, 0.1), "nose_hump": (-0.01, 0.03), "nose_lift": (0.06, 0.11)},
    **{"mouth_drop": (0.2, 0.27), "mouth_width": (0.24, 0.31), "smile": (-0.05, 0.12)},
    **{"smile_asymmetry": (-0.02, 0.02), "upper_lip": (0.045, 0.095), "lower_lip": (0.065, 0.12)},
    **{"jaw_drop": (-0.3, 0.26), "lip_part": (-0.05, 0.06)},
}
YAW, PITCH, ROLL = 0.70, 0.35, 0.35  # largest angles, radians
MARGIN = 1.6  # side of the picture / longer side of the box of the landmarks
CENTRE_Y = 0.05
# Distance from (0, CENTRE_Y) to the rim every 15 degrees, from the chin up to the crown.
OUTLINE = (0.95, 0.945, 0.895, 0.835, 0.79, 0.77, 0.765, 0.785, 0.84, 0.97, 1.16, 1.33, 1.40)
HARMONICS = 9
EAR_ANGLE = 1.83  # polar angle of the first and last contour point, from the chin
TEXTURE = (112, 80)  # rows, columns
TEXTURE_BOX = (-1.05, 1.05, -1.65, 1.45)  # x from, to, y from, to


@dataclass(frozen=True)
class Head:
    """Shape and pose of a batch of faces."""

    traits: Traits  # each [B]
    relief: torch.Tensor  # [B, 2, rows, columns]: edge, base
    rotation: torch.Tensor  # [B, 3, 3], head to view coordinates
    scale: torch.Tensor  # [B], picture units per head unit
    shift: torch.Tensor  # [B, 2], picture position of the head's origin
    silhouette: torch.Tensor  # [B, K, 2], outline of the sheet in picture coordinates
    landmarks: torch.Tensor  # [B, 98, 2], exact, in picture coordinates


def shaped(traits: Traits, dimensions: int) -> Traits:
    """Traits [B] as [B, 1, ..., 1] with as many trailing dimensions as asked for."""
    return {name: value.view(-1, *[1] * dimensions) for name, value in traits.items()}


def lids(traits: Traits, along: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Heights y of the upper and lower eyelid at `along` in -1 (inner corner) .. 1 (outer)."""
    arch = (1 - along**2) * traits["eye_width"]
    axis = traits["eye_y"] - traits["eye_tilt"] * traits["eye_width"] * along
    lower = axis + 0.3 * arch * (1 + 0.25 * along)
    opening = traits["eye_height"] * traits["eye_open"].clamp(0.03, 1.0)
    return lower - opening * arch * (1 + 0.3 * along**2 - 0.12 * along), lower


def pupil(traits: Traits, side: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Folded position (|x|, y) of the pupil of the left (side = -1) or right (side = 1) eye."""
    across = traits["gaze_x"] * side
    upper, lower = lids(traits, across / traits["eye_width"])
    height = traits["eye_y"] - 0.01 + traits["gaze_y"]
    return traits["eye_x"] + across, torch.maximum(torch.minimum(height, lower), upper)


def brow(
    traits: Traits, along: torch.Tensor, side: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Heights y of the upper and lower edge of a brow at `along` in 0 (inner end) .. 1 (outer)."""
    middle = traits["eye_y"] - traits["brow_gap"] - traits["brow_raise"]
    middle = middle + traits["brow_asymmetry"] * side + traits["brow_slope"] * (0.5 - along)
    middle = middle - traits["brow_arch"] * (1 - ((along - 0.62) / 0.62) ** 2)
    half = traits["brow_thickness"] * (0.85 + 0.75 * along - 1.5 * along**2)
    return middle - half, middle + half


def mouth_opening(traits: Traits) -> torch.Tensor:
    """Height of the gap between the lips at its middle."""
    return 0.85 * traits["jaw_drop"].clamp(min=0) + traits["lip_part"].clamp(min=0)


def lips(traits: Traits, along: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """Heights y of outer upper, inner upper, inner lower, outer lower edge at `along` in -1..1."""
    opening = mouth_opening(traits)
    line = traits["nose_base"] + traits["mouth_drop"]
    line = line - traits["smile"] * along**2 + traits["smile_asymmetry"] * along
    inner = 1 - (along / 0.9).clamp(-1, 1) ** 2
    arch = 1 - along**2
    bow = 0.9 + 0.35 * along**2 - 0.22 * torch.exp(-((along / 0.2) ** 2))
    upper = line - (traits["upper_lip"] * bow + 0.25 * opening) * arch
    lower = line + (traits["lower_lip"] + 0.75 * opening) * arch * (1 + 0.15 * along**2)
    return upper, line - 0.25 * opening * inner, line + 0.75 * opening * inner, lower


def nose_under(traits: Traits, along: torch.Tensor) -> torch.Tensor:
    """Height y of the line under the nose at `along` in -1 (left wing) .. 1 (right wing)."""
    return traits["nose_base"] - 0.055 * along**4 - 0.018 * along**2


def rim_radius(traits: Traits, angle: torch.Tensor) -> torch.Tensor:
    """Radius of the rim at polar angles from the chin, before the face's width is applied."""
    drop = 0.9 * traits["jaw_drop"].clamp(min=0) + traits["chin_length"]
    controls = [torch.full_like(drop, value) for value in OUTLINE]
    for index, weight in enumerate((1.0, 0.95, 0.6, 0.25)):
        controls[index] = controls[index] + weight * drop
    controls[1] = controls[1] + 0.5 * traits["chin_width"]
    controls[2] = controls[2] + traits["chin_width"] + 0.5 * traits["jaw_width"]
    controls[3] = controls[3] + traits["jaw_width"] + 0.5 * traits["cheek_fat"]
    controls[4] = controls[4] + 0.6 * traits["jaw_width"] + traits["cheek_fat"]
    values = torch.stack([control.flatten() for control in controls], 1)  # [B, 13]
    order = torch.arange(HARMONICS, device=angle.device)
    knots = torch.linspace(0, torch.pi, len(OUTLINE), device=angle.device)
    fit = torch.linalg.pinv(torch.cos(order * knots[:, None]))  # smooth curve through the table
    waves = torch.cos(order.view(-1, *[1] * (angle.dim() - 1)) * angle[:1])
    return torch.einsum("bk,k...->b...", values @ fit.T, waves)


def make_relief(traits: Traits) -> torch.Tensor:
    """Textures [B, 2, rows, columns] of `edge` and `base` over TEXTURE_BOX; traits are [B]."""
    t = shaped(traits, 2)
    left, right, top, bottom = TEXTURE_BOX
    device = traits["yaw"].device
    y = torch.linspace(top, bottom, TEXTURE[0], device=device)[None, :, None]
    x = torch.linspace(left, right, TEXTURE[1], device=device).abs()[None, None, :]
    across, down = x / t["face_width"], (y - CENTRE_Y).expand(1, -1, TEXTURE[1])
    # The width only rescales x, so the angle is taken for the mean face.
    angle = torch.atan2(x.expand_as(down), down)
    radius = rim_radius(traits, angle)
    edge = ((across**2 + down**2) / radius**2) ** 1.15
    return torch.stack([edge, jaw_depth(y) + _bumps(t, x, y)], 1)


def jaw_depth(y: torch.Tensor) -> torch.Tensor:
    """Depth z of the rim: 0 at the ears, forward at the chin."""
    return 0.55 * y.clamp(min=0) ** 2


def dome(y: torch.Tensor) -> torch.Tensor:
    """Depth of the sheet over its rim, mid-face."""
    return 0.8 - 0.28 * y.clamp(0, 1.3) ** 2


def _bumps(t: Traits, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Everything that stands out of or lies in the smooth dome; x is folded to x >= 0."""
    base, mouth = t["nose_base"], t["nose_base"] + t["mouth_drop"]
    chin = 0.83 + t["chin_length"] + 0.9 * t["jaw_drop"].clamp(min=0)
    wing = t["nose_width"]
    # Height, centre x, centre y, width, height of Gaussian hills.
    hills: list[tuple[torch.Tensor | float, ...]] = [
        (-t["socket_depth"], t["eye_x"] - 0.06, t["eye_y"] - 0.01, 0.2, 0.12),
        (0.05, t["eye_x"], t["eye_y"], 0.12, 0.08),
        (t["brow_ridge"] + 0.02, 0.25, t["eye_y"] - 0.2, 0.25, 0.09),
        (t["cheek_bone"] + 0.04, 0.45, 0.1, 0.18, 0.17),
        (0.08 + 0.35 * t["smile"].clamp(min=0), 0.32, 0.22, 0.15, 0.14),
        (0.1, 0.0, mouth - 0.02, 0.3, 0.26),
        (0.4 * t["upper_lip"], 0.0, mouth - 0.04, 0.24, 0.05),
        (0.45 * t["lower_lip"], 0.0, mouth + 0.075, 0.2, 0.06),
        (-0.035, 0.0, mouth + 0.19, 0.2, 0.05),
        (t["chin_bump"], 0.0, chin, 0.2, 0.14),
        (0.42 * t["nose_tip"], wing - 0.055, base - 0.08, 0.062, 0.07),
        (0.03, 0.0, -0.75, 0.5, 0.3),
    ]
    total = torch.zeros_like(x)
    for height, centre_x, centre_y, wide, high in hills:
        across = height * torch.exp(-(((x - centre_x) / wide) ** 2))
        total = total + across * torch.exp(-(((y - centre_y) / high) ** 2))
    tip = base - t["nose_lift"]
    bridge = t["eye_y"] - 0.02
    down = ((y - bridge) / (tip - bridge)).clamp(0, 1)
    ridge = t["nose_bridge"] * (1 - down) + t["nose_tip"] * down**1.25
    ridge = ridge + t["nose_hump"] * 4 * down * (1 - down)
    ridge = ridge * torch.exp(-(((y - tip).clamp(min=0) / 0.075) ** 2))
    ridge = ridge * torch.exp(-(((bridge - y).clamp(min=0) / 0.14) ** 2))
    width = 0.065 + 0.25 * (wing - 0.1) * down + 0.02 * down**4
    return total + ridge * torch.exp(-((x / width) ** 2))


def sample(relief: torch.Tensor, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """`edge` and `base` [B, 2, ...] at positions [B, ...] of the sheet (two dimensions or more)."""
    left, right, top, bottom = TEXTURE_BOX
    grid = torch.stack(
        [(2 * x - left - right) / (right - left), (2 * y - top - bottom) / (bottom - top)], -1
    )
    flat = grid.view(len(grid), -1, grid.shape[-2], 2)
    values = F.grid_sample(relief, flat, padding_mode="border", align_corners=True)
    return values.view(len(grid), relief.shape[1], *grid.shape[1:-1])


def surface(relief: torch.Tensor, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Points [B, ..., 3] of the sheet over positions [B, ...]."""
    edge, base = sample(relief, x, y).unbind(1)
    return torch.stack([x, y, base + dome(y) * (1 - edge).clamp(min=0).sqrt()], -1)


def rotations(traits: Traits) -> torch.Tensor:
    """Rotation matrices [B, 3, 3]: yaw about y first, then pitch about x, then roll about z."""
    yaw, pitch, roll = (
        limit * traits[name].sign() * traits[name].abs() ** 1.5
        for name, limit in (("yaw", YAW), ("pitch", PITCH), ("roll", ROLL))
    )
    zero, one = torch.zeros_like(yaw), torch.ones_like(yaw)

    def matrix(*rows: torch.Tensor) -> torch.Tensor:
        return torch.stack(rows, 1).view(-1, 3, 3)

    c, s = torch.cos(yaw), torch.sin(yaw)
    turn = matrix(c, zero, s, zero, one, zero, -s, zero, c)
    c, s = torch.cos(pitch), torch.sin(pitch)
    nod = matrix(one, zero, zero, zero, c, -s, zero, s, c)
    c, s = torch.cos(roll), torch.sin(roll)
    return matrix(c, -s, zero, s, c, zero, zero, zero, one) @ nod @ turn
