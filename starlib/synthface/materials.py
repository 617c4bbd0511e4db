"""Colours of the face: bare skin with its lines, and the hair that grows on it.

Every function gets the same `Sheet`, a position on the face for every pixel, and returns linear
RGB [B, 3, H, W] or a mask [B, H, W] in 0 .. 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F

from starlib.synthface.model import Traits

SKIN = (
    (252, 222, 202),
    (240, 196, 166),
    (226, 176, 136),
    (196, 138, 100),
    (146, 94, 66),
    (92, 58, 42),
)
HAIR = (
    (20, 16, 14),
    (34, 24, 20),
    (64, 42, 30),
    (98, 62, 38),
    (150, 74, 40),
    (206, 166, 106),
    (176, 174, 170),
)


@dataclass(frozen=True)
class Sheet:
    """What the pixels of a batch of pictures see of the face."""

    traits: Traits  # each [B, 1, 1]
    x: torch.Tensor  # [B, H, W], position on the sheet
    y: torch.Tensor
    pixel: torch.Tensor  # [B, 1, 1], size of a pixel in head units
    texture: torch.Tensor  # [B, 2, K, K], smooth random numbers of about unit variance

    @property
    def fold(self) -> torch.Tensor:
        """|x|: most of the face is symmetric."""
        return self.x.abs()

    @property
    def side(self) -> torch.Tensor:
        """-1 on the left half, 1 on the right."""
        return self.x.sign()


def palette(colours: tuple[tuple[int, int, int], ...], position: torch.Tensor) -> torch.Tensor:
    """Linear RGB [B, 3, 1, 1] at positions [B, 1, 1] in 0 .. 1 along a list of sRGB colours."""
    table = (torch.tensor(colours, device=position.device) / 255.0) ** 2.2
    place = position.clamp(0, 1) * (len(colours) - 1)
    index = place.long().clamp(max=len(colours) - 2)
    colour = table[index].lerp(table[index + 1], (place - index)[..., None])
    return colour.movedim(-1, 1)


def random_colour(t: Traits, first: int) -> torch.Tensor:
    """A random linear colour [B, 3, 1, 1]."""
    colour = torch.stack([t[f"paint_{first + index}"] for index in range(3)], 1) ** 1.8
    return 0.6 * colour.mean(1, keepdim=True) + 0.4 * colour


def mix(under: torch.Tensor, over: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """`over` drawn on `under` ([B, 3, H, W] each) where `mask` [B, H, W] is 1."""
    return under + (over - under) * mask[:, None]


def step(value: torch.Tensor, width: torch.Tensor | float) -> torch.Tensor:
    """Soft edge: 0 below -width, 1 above width."""
    ramp = (0.5 + 0.5 * value / width).clamp(0, 1)
    return ramp * ramp * (3 - 2 * ramp)


def hill(value: torch.Tensor, width: torch.Tensor | float) -> torch.Tensor:
    """Gaussian bell of height 1 around 0."""
    return torch.exp(-((value / width) ** 2))


def lookup(texture: torch.Tensor, x: torch.Tensor, y: torch.Tensor, channel: int) -> torch.Tensor:
    """Random texture [B, H, W] at positions in units of the texture, repeated beyond its edges."""
    grid = (torch.stack([x, y], -1) + 1).remainder(2) - 1
    picked = texture[:, channel : channel + 1]
    return F.grid_sample(picked, grid, padding_mode="border", align_corners=False)[:, 0]


def skin_colour(t: Traits) -> torch.Tensor:
    """Base colour [B, 3, 1, 1] of the skin."""
    warm = torch.stack(
        [1 + 0.06 * t["warmth"], torch.ones_like(t["warmth"]), 1 - 0.10 * t["warmth"]], 1
    )
    return palette(SKIN, t["skin_tone"]) * warm


def hair_colour(t: Traits) -> torch.Tensor:
    """Colour [B, 3, 1, 1] of the hair; dark skin goes with dark hair, up to grey."""
    position = torch.where(t["hair_tone"] < 0.9, t["hair_tone"] * (1 - 0.75 * t["skin_tone"]), 1.0)
    return palette(HAIR, position)


def paint_skin(sheet: Sheet) -> tuple[torch.Tensor, torch.Tensor]:
    """Colour [B, 3, H, W] and gloss [B, H, W] of the bare skin; smooth, so few pixels will do."""
    colour, gloss = _skin(sheet)
    return _lines(sheet, colour), gloss


def _skin(sheet: Sheet) -> tuple[torch.Tensor, torch.Tensor]:
    t, x, y = sheet.traits, sheet.fold, sheet.y
    blotch = lookup(sheet.texture, sheet.x * 0.9, sheet.y * 0.9, 0)
    pores = lookup(sheet.texture, sheet.x * 3.1, sheet.y * 3.1, 1)
    tone = 1 + 0.035 * blotch + 0.02 * pores * (1 + t["age"].clamp(min=0))
    freckles = (pores - 1.2).clamp(0, 1) * t["freckles"].clamp(min=0) * hill(y - 0.05, 0.35)
    red = t["blush"] * (
        hill(x - 0.43, 0.2) * hill(y - 0.16, 0.2)
        + 0.7 * hill(x, 0.14) * hill(y - t["nose_base"] + 0.1, 0.14)
    )
    stubble = 0.22 * t["stubble"].clamp(min=0) * _jaw_area(sheet)
    channels = [
        tone * (1 - 0.3 * freckles - 1.1 * stubble),
        tone * (1 - 0.30 * red - 0.5 * freckles - stubble),
        tone * (1 - 0.26 * red - 0.6 * freckles - 0.9 * stubble),
    ]
    gloss = 0.5 + 0.5 * hill(x, 0.25) + 0.2 * pores
    return skin_colour(t) * torch.stack(channels, 1), gloss * t["oily"]


def _lines(sheet: Sheet, colour: torch.Tensor) -> torch.Tensor:
    """Folds and wrinkles: beside the mouth, under the eyes, on the forehead, around the wings."""
    t, x, y = sheet.traits, sheet.fold, sheet.y
    age = t["age"].clamp(min=0)
    smile = t["smile"].clamp(min=0) * 5
    base, wing = t["nose_base"], t["nose_width"]
    mouth = base + t["mouth_drop"]
    down = ((y - base + 0.1) / (mouth - base + 0.1)).clamp(0, 1)
    fold = (
        hill(x - wing - 0.03 - 0.17 * down, 0.03)
        * step(y - base + 0.08, 0.06)
        * step(mouth - 0.02 - y, 0.1)
    )
    bag = hill(y - t["eye_y"] - 0.115 - 0.15 * (x - t["eye_x"]) ** 2, 0.022) * hill(
        x - t["eye_x"] + 0.04, 0.12
    )
    rows = (
        torch.sin((y + 0.06 * x**2) * 62).clamp(min=0) ** 3 * step(-0.62 - y, 0.06) * hill(x, 0.45)
    )
    frown = hill(x - 0.06, 0.014) * hill(y - t["eye_y"] + 0.2, 0.07)
    crease = hill(torch.hypot((x - wing + 0.06) / 0.075, (y - base + 0.085) / 0.085) - 1, 0.2)
    crease = crease * step(x - wing + 0.03, 0.03) * step(base + 0.03 - y, 0.03)
    philtrum = hill(x, 0.025) * step(y - base - 0.02, 0.02) * step(mouth - 0.1 - y, 0.03)
    dark = (0.1 + 0.35 * age + 0.35 * smile).clamp(max=0.6) * fold + (0.10 + 0.3 * age) * bag
    dark = dark + 0.3 * age * rows + 0.35 * age * frown + 0.38 * crease + 0.1 * philtrum
    tint = torch.tensor([0.75, 1.0, 1.0], device=x.device).view(3, 1, 1)
    return colour * (1 - 0.75 * dark[:, None].clamp(0, 1) * tint)


def _jaw_area(sheet: Sheet) -> torch.Tensor:
    """Where a beard would grow."""
    t, x, y = sheet.traits, sheet.fold, sheet.y
    mouth = t["nose_base"] + t["mouth_drop"]
    lip = step(y - t["nose_base"] - 0.03, 0.03) * step(0.36 - x, 0.08)
    cheek_line = 0.12 + 0.42 * step(0.62 - x, 0.25)
    jaw = step(y - cheek_line, 0.1)
    below = 1 - 0.6 * hill(x, 0.1) * hill(y - mouth - 0.17, 0.035)
    return torch.maximum(lip, jaw) * below


def beard_mask(sheet: Sheet) -> torch.Tensor:
    t = sheet.traits
    hairs = lookup(sheet.texture, sheet.x * 4.1 + sheet.y, sheet.y * 1.7, 0)
    area = _jaw_area(sheet)
    full = t["beard"].clamp(0, 1)
    moustache = step(t["beard"] + 0.35, 0.02) * (t["beard"] < 0) * hill(sheet.fold, 0.34)
    mouth = t["nose_base"] + t["mouth_drop"]
    goatee = hill(sheet.fold, 0.3) * step(sheet.y - t["nose_base"] - 0.03, 0.03)
    moustache = (
        moustache * torch.where(t["hair_tone"] < 0.4, step(mouth - sheet.y, 0.05), 1.0) * goatee
    )
    cover = (1.6 * full).clamp(max=0.95) * area + 0.9 * moustache * area
    return (cover * (0.85 + 0.22 * hairs)).clamp(0, 1)


def hair_mask(sheet: Sheet) -> tuple[torch.Tensor, torch.Tensor]:
    """Mask of the hair that grows on or hangs over the sheet, and its strands."""
    t, x, y = sheet.traits, sheet.fold, sheet.y
    part = sheet.x - 0.35 * t["parting"]
    strands = lookup(sheet.texture, sheet.x * 5 + 0.4 * t["parting"] * y, y * 0.35, 0)
    fringe = t["fringe"].clamp(min=0)
    line = t["hairline"] + 0.42 * fringe + 0.12 * (part.abs() - 0.2) * (1 - 2 * fringe)
    line = line + 0.03 * strands * (1 + 1.5 * fringe)
    temple = step(
        x - 0.60 * t["face_width"] - 0.25 * (y + 0.5).clamp(min=0) + 0.015 * strands, 0.03
    )
    temple = temple * step(0.02 + 0.05 * strands - y, 0.08)
    mask = torch.maximum(step(line - y, 0.03), temple)
    return mask * step(t["baldness"] - 0.12, 0.02), strands
