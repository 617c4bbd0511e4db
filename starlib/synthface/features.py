"""The small features of the face, drawn on the skin: nostrils, mouth, eyes, brows.

Their outlines are the curves of `face_model`, which place the landmarks as well.
"""

from __future__ import annotations

import torch

from starlib.synthface import model
from starlib.synthface.materials import (
    Sheet,
    beard_mask,
    hair_colour,
    hair_mask,
    hill,
    mix,
    palette,
    skin_colour,
    step,
)
from starlib.synthface.model import Traits

IRIS = ((46, 28, 20), (84, 52, 30), (116, 90, 46), (92, 112, 74), (74, 112, 148), (120, 138, 150))


def paint_features(
    sheet: Sheet, colour: torch.Tensor, shine: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Beard, nostrils, mouth, eyes, brows and hair drawn on skin [B, 3, H, W], its shine kept."""
    t, x, y = sheet.traits, sheet.fold, sheet.y
    beard = beard_mask(sheet)
    colour, shine = mix(colour, hair_colour(t) * 1.2, beard), shine * (1 - beard)
    # Small features are drawn on the few pixels near them alone.
    mouth = t["nose_base"] + t["mouth_drop"]
    reach = 0.2 + model.mouth_opening(t)
    parts = (
        ((x < 1.15 * t["nose_width"]) & ((y - t["nose_base"]).abs() < 0.12), _nostrils),
        ((x < 1.06 * t["mouth_width"]) & ((y - mouth).abs() < reach), _mouth),
        (((x - t["eye_x"]).abs() < 1.25 * t["eye_width"]) & ((y - t["eye_y"]).abs() < 0.2), _eyes),
        ((x > t["brow_inner"] - 0.04) & (x < 0.7) & (y < t["eye_y"]) & (y > -0.75), _brows),
    )
    for near, paint in parts:
        batch, row, column = near.nonzero(as_tuple=True)
        skin = colour[batch, :, row, column].T.contiguous()[None, :, :, None]
        drawn, glossy = paint(_pick(sheet, near, batch), skin, shine[near][None, :, None])
        colour[batch, :, row, column] = drawn[0, :, :, 0].T
        shine[near] = glossy[0, :, 0]
    hair, strands = hair_mask(sheet)
    shade = (1 + 0.3 * strands)[:, None].clamp(min=0.2)
    return mix(colour, hair_colour(t) * shade, hair), shine * (1 - hair)


class _Chosen(dict[str, torch.Tensor]):
    """Traits [1, P, 1] of the faces `batch` [P], looked up when they are asked for."""

    def __init__(self, traits: Traits, batch: torch.Tensor) -> None:
        super().__init__()
        self.traits, self.batch = traits, batch

    def __missing__(self, name: str) -> torch.Tensor:
        self[name] = self.traits[name].flatten()[self.batch][None, :, None]
        return self[name]


def _pick(sheet: Sheet, near: torch.Tensor, batch: torch.Tensor) -> Sheet:
    """The P pixels where `near` [B, H, W] is true, of faces `batch` [P], as one [1, P, 1]."""
    x, y = sheet.x[near][None, :, None], sheet.y[near][None, :, None]
    pixel = sheet.pixel.flatten()[batch][None, :, None]
    return Sheet(_Chosen(sheet.traits, batch), x, y, pixel, sheet.texture)


def _nostrils(
    sheet: Sheet, colour: torch.Tensor, gloss: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    t, x, y = sheet.traits, sheet.fold, sheet.y
    wing = t["nose_width"]
    under = model.nose_under(t, x / wing)
    hole = torch.hypot(
        (x - 0.47 * wing) / (0.30 * wing), (y - under + 0.03 + 0.1 * (x - 0.47 * wing)) / 0.026
    )
    edge = hill(y - under, 0.02) * step(1.0 - x / wing, 0.12)
    dark = 0.85 * step(1 - hole, 0.45) + 0.42 * edge
    tint = torch.tensor([0.86, 1.0, 1.0], device=x.device).view(3, 1, 1)
    return colour * (1 - dark.clamp(max=0.92)[:, None] * tint), gloss * (1 - dark.clamp(max=1))


def _brows(
    sheet: Sheet, colour: torch.Tensor, gloss: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    t = sheet.traits
    along = (sheet.fold - t["brow_inner"]) / t["brow_length"]
    upper, lower = model.brow(t, along.clamp(0, 1), sheet.side)
    inside = torch.minimum(sheet.y - upper, lower - sheet.y)
    ends = torch.minimum(along + 0.01, 1.02 - along) * t["brow_length"]
    soft = sheet.pixel * 0.9
    hairs = torch.sin(sheet.fold * 75 + sheet.y * 90 + 3 * torch.sin(sheet.fold * 17))
    mask = step(inside, soft) * step(ends, soft * 1.3)
    mask = mask * (t["brow_density"] + 0.07 * hairs).clamp(0, 1)
    return mix(colour, hair_colour(t) * 0.8, mask), gloss * (1 - mask)


def _mouth(
    sheet: Sheet, colour: torch.Tensor, gloss: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    t, y, soft = sheet.traits, sheet.y, sheet.pixel * 0.8
    along = sheet.x / t["mouth_width"]
    ends = (1 - along.abs()) * t["mouth_width"]
    top, inner_top, inner_bottom, bottom = model.lips(t, along.clamp(-1, 1))
    body = step(torch.minimum(y - top, bottom - y), soft) * step(ends, soft * 0.7)
    middle = (inner_top + inner_bottom) / 2
    upper = step(middle - y, 0.01)
    grain = torch.sin(along * 70 + 4 * torch.sin(along * 9))
    tint = t["lip_colour"].clamp(min=0)
    factor = [0.86 + 0 * tint, 0.60 - 0.28 * tint, 0.62 - 0.2 * tint]
    lip = skin_colour(t) * torch.stack(factor, 1).clamp(min=0.1)
    lip = lip * (1 - 0.26 * upper + 0.03 * grain)[:, None]
    colour = mix(colour, lip, body * (0.82 + 0.15 * tint))
    shine = hill(y - (inner_bottom * 0.45 + bottom * 0.55), 0.03) * hill(along, 0.5) * body
    gap = inner_bottom - inner_top
    inside = step(torch.minimum(y - inner_top, inner_bottom - y), soft) * step(gap - soft, soft)
    inside = inside * step(0.9 - along.abs(), 0.03)
    colour = mix(colour, _inside_mouth(sheet, along, inner_top, inner_bottom), inside)
    seam = hill(y - middle, 0.011 + 0.3 * sheet.pixel) * step(0.98 - along.abs(), 0.06)
    seam = seam * (1 - inside) * step(0.03 - gap, 0.02)
    corner = hill(torch.hypot(ends - 0.012, y - middle), 0.026)
    colour = colour * (1 - 0.78 * torch.maximum(seam, 0.55 * corner)[:, None])
    return colour, (gloss + 0.07 * shine * t["light_power"]) * (1 - inside)


def _inside_mouth(
    sheet: Sheet, along: torch.Tensor, top: torch.Tensor, bottom: torch.Tensor
) -> torch.Tensor:
    """Teeth, tongue and dark between the lips."""
    device = along.device
    y = sheet.y
    dark = torch.tensor([0.035, 0.010, 0.010], device=device).view(1, 3, 1, 1)
    tongue = torch.tensor([0.30, 0.10, 0.09], device=device).view(1, 3, 1, 1)
    white = torch.tensor([0.72, 0.68, 0.58], device=device).view(1, 3, 1, 1)
    colour = mix(
        dark, tongue, 0.8 * step(y - (0.35 * top + 0.65 * bottom), 0.03) * hill(along, 0.6)
    )
    edge = top + 0.075 * (1 - 0.3 * along**2)
    gaps = 1 - 0.35 * hill(torch.sin(along * 12.6), 0.16)
    return mix(colour, white * (gaps * (1 - 0.6 * along**2))[:, None], step(edge - y, 0.012))


def _eyes(
    sheet: Sheet, colour: torch.Tensor, gloss: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    t, x, y, soft = sheet.traits, sheet.fold, sheet.y, sheet.pixel * 0.8
    along = (x - t["eye_x"]) / t["eye_width"]
    within = along.clamp(-1, 1)
    upper, lower = model.lids(t, within)
    ends = (1 - along.abs()) * t["eye_width"]
    opening = step(torch.minimum(y - upper, lower - y), soft) * step(ends + 0.4 * soft, soft)
    near = step(1.2 - along.abs(), 0.2)
    lid = hill(y - upper + 0.03, 0.05) * near * step(upper - y, 0.03)
    shadow = torch.stack([0.75 * lid, lid, 0.85 * lid], 1) * t["eye_shadow"].clamp(min=0)[:, None]
    crease_height = upper - 0.045 - 0.02 * (1 - within**2)
    crease = hill(y - crease_height, 0.014) * near
    colour = colour * (1 - 0.55 * shadow) * (1 - 0.4 * crease[:, None])
    ball, spark = _eyeball(sheet, upper, lower, within)
    colour = mix(colour, ball, opening)
    # Lashes make the lid's margin dark; more so with make-up, and outwards.
    margin = hill(y - upper, 0.011 + 0.25 * sheet.pixel) * step(1.06 - along.abs(), 0.06)
    rim = hill(y - lower, 0.010) * step(1.04 - along.abs(), 0.06)
    lash = margin * (0.72 + 0.2 * within + 0.3 * t["eye_shadow"].clamp(min=0)) + 0.28 * rim
    colour = colour * (1 - 0.92 * lash.clamp(0, 1))[:, None]
    return colour + (0.8 * spark * opening)[:, None], gloss * (1 - opening)


def _eyeball(
    sheet: Sheet, upper: torch.Tensor, lower: torch.Tensor, along: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """White, iris and pupil of the eye, and the spark of light on it."""
    t, x, y = sheet.traits, sheet.fold, sheet.y
    white = torch.tensor([0.74, 0.70, 0.68], device=x.device).view(1, 3, 1, 1)
    white = white * (1 - 0.35 * along**2)[:, None]
    across, height = model.pupil(t, sheet.side)
    dx, dy = x - across, y - height
    radius = torch.hypot(dx, dy) / t["iris_size"]
    iris = (
        palette(IRIS, t["eye_colour"])
        * (1.5 - 0.9 * hill(radius - 1.0, 0.28) + 0.5 * dy / t["iris_size"])[:, None]
    )
    soft = sheet.pixel / t["iris_size"] * 0.8
    ball = mix(white, iris.clamp(min=0.004), step(1 - radius, soft))
    ball = ball * (1 - 0.95 * step(0.42 - radius, soft))[:, None]
    # The upper lid and its lashes throw a shadow on the ball.
    ball = ball * (1 - 0.55 * hill(y - upper, 0.045) - 0.15 * hill(y - lower, 0.02))[:, None]
    spot = torch.hypot(dx * sheet.side - 0.022 * t["light_x"].sign(), dy + 0.022)
    return ball, step(0.018 - spot, 0.014)
