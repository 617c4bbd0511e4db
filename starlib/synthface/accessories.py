"""What covers faces in part: glasses, a hand, a bar."""

from __future__ import annotations

from dataclasses import replace

import torch

from starlib.synthface.materials import hill, mix, palette, random_colour, skin_colour, step
from starlib.synthface.trace import Scene


def _on_plane(
    scene: Scene, axis: int, place: torch.Tensor | float
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Head coordinates x, y, z at which rays cross the plane where coordinate `axis` is `place`."""
    slope = scene.toward[:, axis]
    slope = torch.where(slope.abs() < 0.02, 0.02, slope)
    travel = (place - scene.origin[:, axis]) / slope
    x, y, z = (scene.origin + scene.toward * travel[:, None]).unbind(1)
    return x, y, z


def add_accessories(scene: Scene, image: torch.Tensor) -> torch.Tensor:
    """Draw glasses, a hand or a bar on those pictures [B, 3, H, W] that have them."""
    image = image.clone()
    for name, add in (("glasses", _glasses), ("occluder", _occluder)):
        chosen = (scene.traits[name].flatten() > 0).nonzero()[:, 0]
        if len(chosen) > 0:
            some = replace(
                scene,
                traits={key: value[chosen] for key, value in scene.traits.items()},
                origin=scene.origin[chosen],
                toward=scene.toward[chosen],
                pixel=scene.pixel[chosen],
            )
            image[chosen] = add(some, image[chosen])
    return image


def _glasses(scene: Scene, image: torch.Tensor) -> torch.Tensor:
    t, soft = scene.traits, scene.pixel * 0.8
    front = 0.92
    x, y, _ = _on_plane(scene, 2, front)
    side, fold, middle = x.sign(), x.abs(), t["eye_y"] + 0.02
    wide, high = 0.235 + 0.04 * t["glasses_tone"], 0.15 + 0.06 * t["glasses"].clamp(min=0)
    power = 2.6
    dx, dy = (fold - t["eye_x"] + 0.005).abs() / wide, (y - middle).abs() / high
    radius = (dx**power + dy**power) ** (1 / power)
    distance = (radius - 1) * torch.minimum(wide, high)
    thick = 0.014 + 0.016 * t["paint_2"]
    bridge = torch.maximum(
        (y - middle + 0.05 + 0.3 * fold**2).abs() - thick, fold - t["eye_x"] + wide
    )
    frame = step(thick - torch.minimum(distance.abs(), bridge), soft)
    lens = step(-distance, soft)
    glare = (fold - t["eye_x"]) * side + y - middle - 0.1 * t["light_x"]
    glint = step(0.02 - glare.abs(), 0.03) * 0.1
    dark = torch.where(t["glasses"] > 0.8, 0.9, 0.06)
    image = image * (1 - dark * lens)[:, None] + (glint * lens * t["light_power"])[:, None]
    tone = palette(((20, 18, 18), (60, 36, 24), (150, 140, 130)), t["glasses_tone"])
    frame_colour = tone * (0.4 + 0.6 * t["light_power"])[:, None]
    image = mix(image, frame_colour, frame)
    # Only the temple on the side that is turned to the viewer is seen.
    outward = scene.toward[:, 0].sign()
    _, y, z = _on_plane(scene, 0, outward * (t["eye_x"] + wide))
    seen = step(z, soft) * step(front - z, soft) * (scene.toward[:, 0].abs() > 0.1)
    temple = step(thick + 0.004 - (y - middle + 0.04).abs(), soft) * seen
    return mix(image, frame_colour * 0.8, temple)


def _occluder(scene: Scene, image: torch.Tensor) -> torch.Tensor:
    """A hand's four fingers, or a bar."""
    t = scene.traits
    hand = t["occluder"] > 0.5
    cosine, sine = torch.cos(t["occluder_angle"]), torch.sin(t["occluder_angle"])
    # The tips lie somewhere on the face and the rest points away from it.
    x, y = scene.x - 0.55 * t["occluder_x"], scene.y - 0.2 - 0.5 * t["occluder_y"]
    along, across = x * cosine + y * sine, y * cosine - x * sine
    width = torch.where(hand, 0.09, t["occluder_width"])
    colour = torch.where(hand[:, None], skin_colour(t), random_colour(t, 6))
    for finger in (-1.5, -0.5, 0.5, 1.5):
        reach = 0.1 * abs(finger)
        offset = across - torch.where(hand, 1.9 * width * finger, 0.0)
        distance = torch.hypot((reach - along).clamp(min=0), offset) / width
        bulge = (1 - distance.clamp(0, 1) ** 2).sqrt()
        light = (0.25 + 0.7 * bulge) * (t["ambient"] + 0.6 * t["light_power"])
        nail = hand * hill(torch.hypot((along - reach) / 0.07, offset / 0.05), 1.0)
        # The finger dims what is close behind it.
        image = image * (1 - 0.4 * hill(distance.clamp(min=1) - 1, 0.5))[:, None]
        cover = step((1 - distance) * width, 1.5 / scene.x.shape[-1])
        image = mix(image, colour * light[:, None] + 0.05 * nail[:, None], cover)
    return image
