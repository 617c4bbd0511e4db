"""Silhouette, placement and the 98 exact landmarks of a batch of parametric faces."""

from __future__ import annotations

import torch

from starlib.synthface import model
from starlib.synthface.model import Head, Traits

CONTOUR_KNOTS = 65  # silhouette points from ear to ear over the chin; the chin is in the middle
CROWN_KNOTS = 31


def make_head(traits: Traits) -> Head:
    """Shape, pose and placement of the faces with these traits (each [B])."""
    relief = model.make_relief(traits)
    rotation = model.rotations(traits)
    outline = _outline(traits, relief, rotation)
    half = CONTOUR_KNOTS // 2 + 1
    contour = torch.cat(
        [
            resample(outline[:, :half], 17),
            resample(outline[:, half - 1 : CONTOUR_KNOTS], 17)[:, 1:],
        ],
        1,
    )
    inner = _features(traits)
    inner_view = model.surface(relief, *inner.unbind(-1))[:, 0] @ rotation.transpose(1, 2)
    landmarks = torch.cat([contour, inner_view[..., :2]], 1)
    # Place the box of the landmarks in the picture, nearly centred.
    low, high = landmarks.amin(1), landmarks.amax(1)
    scale = 2 / model.MARGIN * traits["zoom"] / (high - low).amax(1)
    jitter = 0.03 * torch.stack([traits["shift_x"], traits["shift_y"]], 1)
    shift = jitter - scale[:, None] * (low + high) / 2

    def place(points: torch.Tensor) -> torch.Tensor:
        return points * scale[:, None, None] + shift[:, None]

    return Head(traits, relief, rotation, scale, shift, place(outline), place(landmarks))


def resample(points: torch.Tensor, count: int) -> torch.Tensor:
    """`count` points evenly spaced by arc length on polylines [B, K, 2], ends included."""
    lengths = (points[:, 1:] - points[:, :-1]).norm(dim=-1)
    travelled = torch.cat([torch.zeros_like(lengths[:, :1]), lengths.cumsum(1)], 1)
    steps = torch.linspace(0, 1, count, device=points.device)
    return walk(points, travelled, steps * travelled[:, -1:])


def walk(points: torch.Tensor, travelled: torch.Tensor, distance: torch.Tensor) -> torch.Tensor:
    """Points [B, M, 2] at arc lengths [B, M] on polylines [B, K, 2] with arc lengths [B, K].

    Beyond its ends a polyline is continued along its first or last segment.
    """
    last = points.shape[1] - 1
    index = torch.searchsorted(travelled.contiguous(), distance.contiguous(), right=True)
    index = index.clamp(1, last)
    start, end = travelled.gather(1, index - 1), travelled.gather(1, index)
    fraction = (distance - start) / (end - start).clamp(min=1e-9)
    pick = index[..., None].expand(-1, -1, 2)
    return points.gather(1, pick - 1).lerp(points.gather(1, pick), fraction[..., None])


def _outline(traits: Traits, relief: torch.Tensor, rotation: torch.Tensor) -> torch.Tensor:
    """Outline [B, K, 2] of the turned sheet in view coordinates, contour first, then crown.

    Each meridian runs from mid-face to the rim. On the side turned away it bends out of sight
    before it gets there; the outline is where the view last grazes it.
    """
    device = relief.device
    ear = model.EAR_ANGLE
    lower = torch.linspace(-ear, ear, CONTOUR_KNOTS, device=device)
    upper = torch.linspace(ear, 2 * torch.pi - ear, CROWN_KNOTS + 2, device=device)[1:-1]
    angle = torch.cat([lower, upper])[None, :, None]
    rise = torch.linspace(0.3, torch.pi / 2, 33, device=device)
    t = model.shaped(traits, 2)
    radius = model.rim_radius(traits, angle)
    reach = torch.sin(rise)[None, None, :]
    x = t["face_width"] * radius * reach * torch.sin(angle)
    y = model.CENTRE_Y + radius * reach * torch.cos(angle)
    base = model.sample(relief, x, y)[:, 1]
    # The rim is known exactly here, so `edge` need not be read from its texture.
    z = base + model.dome(y) * (1 - reach**2.3).clamp(min=0).sqrt()
    points = torch.einsum("bij,bskj->bski", rotation[:, :2], torch.stack([x, y, z], -1))
    outward = torch.gradient(points, dim=2)[0]
    around = points.roll(-1, 1) - points.roll(1, 1)
    facing = outward[..., 1] * around[..., 0] - outward[..., 0] * around[..., 1]
    steps = torch.arange(len(rise), device=device)
    inside = torch.where(facing > 0, steps, 0).amax(2, keepdim=True)
    outside = (inside + 1).clamp(max=len(rise) - 1)
    here, there = facing.gather(2, inside), facing.gather(2, outside)
    fraction = torch.where(outside > inside, here / (here - there).clamp(min=1e-9), 0.0)
    first = points.gather(2, inside[..., None].expand(-1, -1, -1, 2))[:, :, 0]
    second = points.gather(2, outside[..., None].expand(-1, -1, -1, 2))[:, :, 0]
    return first.lerp(second, fraction.clamp(0, 1))


def _features(traits: Traits) -> torch.Tensor:
    """Positions [B, 1, 65, 2] on the sheet of the landmarks 33 to 97."""
    t = model.shaped(traits, 1)
    nose, mouth = _nose(t), _mouth(t)
    brows, eyes, pupils = zip(*(_eye_region(t, side) for side in (-1.0, 1.0)), strict=True)
    parts = [*brows, nose, *eyes, mouth, *pupils]
    return torch.cat(parts, 1)[:, None]


def _points(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return torch.stack(torch.broadcast_tensors(x, y), -1)


def _eye_region(t: Traits, side: float) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Brow [B, 9, 2], eye [B, 8, 2] and pupil [B, 1, 2] of the left (-1) or right (1) side."""
    device = t["yaw"].device
    sign = torch.tensor(side, device=device)
    # Left brow: upper edge from the outer end to the inner, lower edge back; right: from inner.
    top = torch.tensor([1.0, 0.75, 0.5, 0.25, 0.0], device=device)
    bottom = torch.tensor([0.0, 0.25, 0.5, 0.75], device=device)
    if side > 0:
        top, bottom = top.flip(0), bottom.flip(0)
    along = torch.cat([top, bottom])
    upper, lower = model.brow(t, along, sign)
    height = torch.cat([upper[:, :5], lower[:, 5:]], 1)
    brow = _points(side * (t["brow_inner"] + along * t["brow_length"]), height)
    # Eyes start at the corner on the viewer's left and go over the top first.
    sweep = torch.tensor([-1.0, -0.55, 0.0, 0.55, 1.0, 0.55, 0.0, -0.55], device=device)
    upper, lower = model.lids(t, side * sweep)
    height = torch.cat([upper[:, :5], lower[:, 5:]], 1)
    eye = _points(side * t["eye_x"] + sweep * t["eye_width"], height)
    across, height = model.pupil(t, sign)
    return brow, eye, _points(side * across, height)


def _nose(t: Traits) -> torch.Tensor:
    """Ridge 51-54 and lower line 55-59, [B, 9, 2]."""
    device = t["yaw"].device
    down = torch.tensor([0.05, 0.36, 0.68, 1.0], device=device)
    bridge, tip = t["eye_y"] - 0.02, t["nose_base"] - t["nose_lift"]
    ridge = _points(torch.zeros((), device=device), bridge + down * (tip - bridge))
    along = torch.tensor([-0.85, -0.45, 0.0, 0.45, 0.85], device=device)
    return torch.cat([ridge, _points(along * t["nose_width"], model.nose_under(t, along))], 1)


def _mouth(t: Traits) -> torch.Tensor:
    """Outer lip 76-87 and inner lip 88-95, [B, 20, 2]."""
    device = t["yaw"].device
    over = torch.tensor([-1.0, -0.6, -0.22, 0.0, 0.22, 0.6, 1.0], device=device)
    back = torch.tensor([0.65, 0.33, 0.0, -0.33, -0.65], device=device)
    within = torch.tensor([-0.9, -0.45, 0.0, 0.45, 0.9], device=device)
    return_ = torch.tensor([0.45, 0.0, -0.45], device=device)
    pieces = [(over, 0), (back, 3), (within, 1), (return_, 2)]
    return torch.cat(
        [_points(along * t["mouth_width"], model.lips(t, along)[edge]) for along, edge in pieces], 1
    )
