"""Rays from the viewer to the head: where they hit the sheet or ellipsoids, the light there."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F

from starlib.synthface import model
from starlib.synthface.materials import Sheet, palette
from starlib.synthface.model import Head, Traits

STEPS = 15  # samples along a ray
NEAR, FAR = 1.35, -0.6  # view depths between which the sheet lies
SHADOW_STEPS = 5
DIRECTIONS = 180  # of the table that holds the outline
LAMPS = ((255, 214, 170), (255, 244, 232), (214, 230, 255))


@dataclass(frozen=True)
class Scene:
    """A batch of pictures in the making; H and W are the sides they are drawn at."""

    head: Head
    traits: Traits  # each [B, 1, 1]
    x: torch.Tensor  # [1, H, W], picture coordinates
    y: torch.Tensor
    origin: torch.Tensor  # [B, 3, H, W], the pixels in head coordinates, at view depth 0
    toward: torch.Tensor  # [B, 3, 1, 1], direction to the viewer, in head coordinates
    light: torch.Tensor  # [B, 3, 1, 1], direction to the light
    pixel: torch.Tensor  # [B, 1, 1], size of a pixel in head units
    texture: torch.Tensor  # [B, 2, K, K], smooth random numbers of about unit variance


@dataclass(frozen=True)
class Hit:
    """Where rays meet an ellipsoid."""

    cover: torch.Tensor  # [B, H, W], 0 .. 1
    point: torch.Tensor  # [B, 3, H, W], from the centre, in units of the radii
    normal: torch.Tensor  # [B, 3, H, W]


def dot(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """Inner product over dimension 1, of size 3; much faster than a sum over that dimension."""
    products = first * second
    return products[:, 0] + products[:, 1] + products[:, 2]


def unit(vectors: torch.Tensor) -> torch.Tensor:
    """Vectors [B, 3, ...] scaled to length 1."""
    return vectors * dot(vectors, vectors).clamp(min=1e-12).rsqrt()[:, None]


def make_scene(head: Head, texture: torch.Tensor, side: int) -> Scene:
    """The scene before anything is drawn; `texture` [B, 2, K, K] are standard normal numbers."""
    device = texture.device
    centres = (2 * torch.arange(side, device=device) + 1) / side - 1
    x, y = centres.expand(1, side, side), centres[:, None].expand(1, side, side)
    traits = model.shaped(head.traits, 2)
    rows = head.rotation[:, :, :, None, None]
    view = (torch.stack([x, y], 1) - head.shift[:, :, None, None]) / head.scale.view(-1, 1, 1, 1)
    origin = view[:, 0, None] * rows[:, 0] + view[:, 1, None] * rows[:, 1]
    ahead = torch.full_like(traits["yaw"], 0.8)
    ray = torch.stack([1.1 * traits["light_x"], 0.8 * traits["light_y"], ahead], 1)
    light = torch.einsum("bij,bihw->bjhw", head.rotation, F.normalize(ray, dim=1))
    pixel = 2 / (side * head.scale.view(-1, 1, 1))
    smooth = F.avg_pool2d(F.pad(texture, (1, 1, 1, 1), mode="circular"), 3, 1) * 2.2
    return Scene(head, traits, x, y, origin, rows[:, 2], light, pixel, smooth)


def trace(scene: Scene) -> tuple[Sheet, torch.Tensor, torch.Tensor, torch.Tensor]:
    """What the pixels see of the sheet: positions, normals [B, 3, h, w], shadow and cavity.

    The shadow [B, h, w] is that of the lamp, 0 .. 1; the cavity [B, h, w] is how deep a position
    lies below its surroundings. Traced at half the resolution, as the sheet is smooth; its
    outline is not drawn here.
    """
    even = scene.x.shape[-1] % 2 == 0
    start = F.avg_pool2d(scene.origin, 2) if even else scene.origin
    point = start + scene.toward * _depth(scene.head, start, scene.toward)[:, None]
    x, y, z = point.unbind(1)
    shadow, cavity = model.sample(_shadow_and_cavity(scene), x, y).unbind(1)
    sheet = Sheet(scene.traits, x, y, scene.pixel, scene.texture)
    return sheet, _normals(scene.head.relief, x, y, z), shadow, cavity


def _gap(relief: torch.Tensor, x: torch.Tensor, y: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
    """Negative inside the sheet's body, which goes straight back from its rim."""
    edge, base = model.sample(relief, x, y).unbind(1)
    return edge - 1 + ((z - base).clamp(min=0) / model.dome(y)) ** 2


def _depth(head: Head, start: torch.Tensor, toward: torch.Tensor) -> torch.Tensor:
    """View depth [B, h, w] at which rays from `start` [B, 3, h, w] meet the sheet.

    Rays that miss it go to where they come closest; the outline cuts them off later.
    """

    def gap_at(depth: float | torch.Tensor) -> torch.Tensor:
        return _gap(head.relief, *(start[:, i] + toward[:, i] * depth for i in range(3)))

    stride = (NEAR - FAR) / STEPS
    previous = outer = inner = gap_at(NEAR)
    low = torch.full_like(inner, NEAR)
    for index in range(1, STEPS + 1):
        gap = gap_at(NEAR - index * stride)
        closer = (gap < inner) & (inner >= 0)  # once inside, the first hit is kept
        low = torch.where(closer, NEAR - index * stride, low)
        outer = torch.where(closer, previous, outer)
        inner = torch.where(closer, gap, inner)
        previous = gap
    high = low + stride
    for _ in range(3):  # regula falsi
        share = (outer / (outer - inner).clamp(min=1e-6)).clamp(0.05, 0.95)
        middle = high + (low - high) * share
        gap = gap_at(middle)
        outside = gap >= 0
        outer, high = torch.where(outside, gap, outer), torch.where(outside, middle, high)
        inner, low = torch.where(outside, inner, gap), torch.where(outside, low, middle)
    return high + (low - high) * (outer / (outer - inner).clamp(min=1e-6)).clamp(0, 1)


def _normals(
    relief: torch.Tensor, x: torch.Tensor, y: torch.Tensor, z: torch.Tensor
) -> torch.Tensor:
    """Gradient of the body [B, 3, h, w], outwards."""
    reach = 0.022
    across = torch.cat([x + reach, x - reach, x, x], 1)
    down = torch.cat([y, y, y + reach, y - reach], 1)
    right, left, below, above = _gap(relief, across, down, z.repeat(1, 4, 1)).chunk(4, 1)
    base = model.sample(relief, x, y)[:, 1]
    forward = 2 * (z - base).clamp(min=0) / model.dome(y) ** 2
    sides = torch.stack([right - left, below - above], 1) / (2 * reach)
    return unit(torch.cat([sides, forward[:, None]], 1))


def _shadow_and_cavity(scene: Scene) -> torch.Tensor:
    """Textures [B, 2, rows, columns] over the sheet: cast shadow 0 .. 1, depth below around."""
    relief = scene.head.relief
    left, right, top, bottom = model.TEXTURE_BOX
    rows, columns = model.TEXTURE
    y = torch.linspace(top, bottom, rows, device=relief.device)[None, :, None]
    x = torch.linspace(left, right, columns, device=relief.device)[None, None, :]
    edge, base = relief.unbind(1)
    height = base + model.dome(y) * (1 - edge).clamp(min=0).sqrt()
    toward = scene.light[:, :, :, 0]  # [B, 3, 1]
    shadow = torch.zeros_like(height)
    for index in range(1, SHADOW_STEPS + 1):
        reach = 0.075 * index
        moved_x = (x + reach * toward[:, 0, :, None]).expand_as(height)
        moved_y = (y + reach * toward[:, 1, :, None]).expand_as(height)
        above = model.sample(height[:, None], moved_x, moved_y)[:, 0]
        rise = above - height - reach * toward[:, 2, :, None].clamp(min=0.05)
        shadow = torch.maximum(shadow, rise)
    shadow = (shadow / 0.07).clamp(0, 1)
    soft = F.avg_pool2d(shadow, 3, 1, 1, count_include_pad=False)
    around = F.avg_pool2d(base, (9, 1), 1, (4, 0), count_include_pad=False)
    around = F.avg_pool2d(around, (1, 9), 1, (0, 4), count_include_pad=False)
    return torch.stack([soft, around - base], 1)


def illuminate(scene: Scene, normal: torch.Tensor, shadow: torch.Tensor | float) -> torch.Tensor:
    """Light [B, 3, H, W] on surfaces with these normals; `shadow` 1 blocks the lamp."""
    t = scene.traits
    facing = dot(normal, scene.light)
    lamp = ((facing + 0.25) / 1.25).clamp(min=0) * (1 - 0.75 * shadow) * t["light_power"]
    # Light from all around comes mostly from above (y points down).
    sky = t["ambient"] * (0.75 - 0.35 * normal[:, 1])
    sky = sky * (0.75 + 0.25 * dot(normal, scene.toward))
    return palette(LAMPS, 0.5 + 0.5 * t["light_warmth"]) * lamp[:, None] + sky[:, None]


def highlight(scene: Scene, normal: torch.Tensor, sharpness: float) -> torch.Tensor:
    """Mirror-like light [B, H, W]."""
    half = unit(scene.light + scene.toward)
    return dot(normal, half).clamp(min=0) ** sharpness * scene.traits["light_power"]


def ellipsoid(
    scene: Scene, centre: tuple[float | torch.Tensor, ...], radii: tuple[float | torch.Tensor, ...]
) -> Hit:
    """Rays against an ellipsoid in head coordinates; numbers or traits [B, 1, 1]."""
    middle, size = (
        torch.stack([torch.as_tensor(v).to(scene.pixel).expand_as(scene.pixel) for v in numbers], 1)
        for numbers in (centre, radii)
    )
    start, ray = (scene.origin - middle) / size, scene.toward / size
    square = dot(ray, ray)
    along = -dot(start, ray) / square
    nearest = start + ray * along[:, None]
    closest = dot(nearest, nearest)
    point = start + ray * (along + ((1 - closest).clamp(min=0) / square).sqrt())[:, None]
    least = size.amin(1)
    cover = (0.5 + (1 - closest.sqrt()) * least / scene.pixel).clamp(0, 1)
    return Hit(cover, point, unit(point / size))


def outline_distance(scene: Scene) -> torch.Tensor:
    """Distance [B, H, W] of the pixels from the sheet's outline, positive inside, head units.

    The outline is seen from the mean of its points as radii in all directions.
    """
    points = scene.head.silhouette
    centre = points.mean(1, keepdim=True)
    spokes = points - centre
    angle, order = torch.atan2(spokes[..., 1], spokes[..., 0]).sort(1)
    radius = spokes.norm(dim=-1).gather(1, order)
    turn = 2 * torch.pi
    angle = torch.cat([angle[:, -1:] - turn, angle, angle[:, :1] + turn], 1)
    radius = torch.cat([radius[:, -1:], radius, radius[:, :1]], 1)
    knots = torch.linspace(-torch.pi, torch.pi, DIRECTIONS + 1, device=points.device)
    index = torch.searchsorted(angle, knots.expand(len(points), -1).contiguous())
    index = index.clamp(1, angle.shape[1] - 1)
    start, end = angle.gather(1, index - 1), angle.gather(1, index)
    share = ((knots - start) / (end - start).clamp(min=1e-6)).clamp(0, 1)
    table = radius.gather(1, index - 1).lerp(radius.gather(1, index), share)
    dx, dy = scene.x - centre[..., :1], scene.y - centre[..., 1:]
    place = (torch.atan2(dy, dx) / turn + 0.5) * DIRECTIONS
    cell = place.long().clamp(max=DIRECTIONS - 1)
    flat = cell.flatten(1)
    low, high = table.gather(1, flat).view_as(place), table.gather(1, flat + 1).view_as(place)
    reach = low.lerp(high, place - cell)
    slope = (high - low) / (turn / DIRECTIONS) / reach.clamp(min=1e-3)
    return (reach - torch.hypot(dx, dy)) / (1 + slope**2).sqrt() / scene.head.scale.view(-1, 1, 1)
