"""Draw a batch of parametric faces: background, head and hair, face, glasses, occluder, camera."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from starlib.synthface.accessories import add_accessories
from starlib.synthface.features import paint_features
from starlib.synthface.materials import (
    Sheet,
    hair_colour,
    hill,
    lookup,
    mix,
    paint_skin,
    random_colour,
    skin_colour,
    step,
)
from starlib.synthface.model import Head, Traits
from starlib.synthface.trace import (
    Hit,
    Scene,
    dot,
    ellipsoid,
    highlight,
    illuminate,
    make_scene,
    outline_distance,
    trace,
)

NOISE_SIZE = 64  # side of the random textures of a face
LEAST_SIDE = 96  # smaller pictures are drawn larger and averaged
# How a face looks, apart from its shape; uniform, as in face_model.TRAITS.
LOOKS: dict[str, tuple[float, float]] = {
    **{"skin_tone": (0.0, 1.0), "warmth": (-1.0, 1.0), "blush": (0.2, 1.0), "oily": (0.3, 1.0)},
    **{"freckles": (-1.5, 1.0), "age": (-0.6, 1.0), "stubble": (-1.5, 1.0), "beard": (-2.6, 1.0)},
    **{"hair_tone": (0.0, 1.0), "hair_length": (-1.0, 1.0), "hairline": (-0.98, -0.72)},
    **{"fringe": (-1.5, 1.0), "parting": (-1.0, 1.0), "baldness": (0.0, 1.0)},
    **{"eye_colour": (0.0, 1.0), "eye_shadow": (-1.0, 1.0), "lip_colour": (-0.8, 1.0)},
    **{"brow_density": (0.6, 1.0), "glasses": (-3.5, 1.0), "glasses_tone": (0.0, 1.0)},
    **{"light_x": (-1.0, 1.0), "light_y": (-1.0, 0.35), "light_power": (0.5, 1.3)},
    **{"light_warmth": (-1.0, 1.0), "ambient": (0.2, 0.6), "exposure": (-0.35, 0.3)},
    **{f"paint_{index}": (0.0, 1.0) for index in range(9)},
    **{"pattern": (-1.0, 1.0), "blur": (-1.7, 1.0), "grain": (0.0, 1.0), "contrast": (0.85, 1.15)},
    **{"occluder": (-5.0, 1.0), "occluder_x": (-1.0, 1.0), "occluder_y": (-1.0, 1.0)},
    **{"occluder_angle": (-3.14, 3.14), "occluder_width": (0.06, 0.2)},
}


def draw(head: Head, texture: torch.Tensor, grain: torch.Tensor, size: int) -> torch.Tensor:
    """Pictures, uint8 [B, 3, size, size].

    `texture` [B, 2, K, K] and `grain` [B, 3, size, size] are standard normal numbers.
    """
    factor = -(-LEAST_SIDE // size)
    side = size * factor
    scene = make_scene(head, texture, side)
    # What lies behind the face is soft in a portrait: half the resolution will do.
    behind = make_scene(head, texture, (side + 1) // 2)
    image = _behind_face(behind, _background(behind), outline_distance(behind))
    image = F.interpolate(image, (side, side), mode="bilinear", align_corners=False)
    image = _face(scene, image, outline_distance(scene))
    image = add_accessories(scene, image)
    image = F.avg_pool2d(image, factor) if factor > 1 else image
    return _camera(scene.traits, image, grain)


def _background(scene: Scene) -> torch.Tensor:
    """Two colours that flow into each other over several octaves of noise, or as stripes."""
    t = scene.traits
    turn = 3 * t["pattern"]
    across = scene.x * torch.cos(turn) + scene.y * torch.sin(turn)
    flow = 0.5 + 0.5 * across
    for octave, weight in ((0.1, 0.28), (0.25, 0.16), (0.6, 0.08)):
        x, y = (scene.x * octave).expand_as(across), (scene.y * octave).expand_as(across)
        flow = flow + weight * lookup(scene.texture, x + 0.3, y - 0.2, 0)
    stripes = step(torch.sin(across * (4 + 14 * t["paint_0"]) + 6 * t["paint_4"]), 0.3)
    flow = torch.where(t["pattern"].abs() > 0.8, 0.7 * stripes + 0.3 * flow, flow)
    return mix(random_colour(t, 0), random_colour(t, 3), flow.clamp(0, 1)) * 0.8


def _over(
    scene: Scene, image: torch.Tensor, hit: Hit, colour: torch.Tensor, shadow: torch.Tensor | float
) -> torch.Tensor:
    return mix(image, colour * illuminate(scene, hit.normal, shadow), hit.cover)


def _strands(scene: Scene, hit: Hit) -> torch.Tensor:
    """Colour [B, 3, H, W] of hair that falls down an ellipsoid."""
    x, y, z = hit.point.unbind(1)
    fine = lookup(scene.texture, 1.6 * x + 0.5 * z, 0.2 * y, 0)
    coarse = lookup(scene.texture, 0.7 * x - 0.3 * z, 0.1 * y, 1)
    band = hill(dot(hit.normal, scene.light) - 0.75, 0.25) * (1 + fine).clamp(min=0)
    shade = (1 + 0.28 * fine + 0.22 * coarse).clamp(min=0.15)
    return hair_colour(scene.traits) * shade[:, None] + (0.05 * band)[:, None]


def _behind_face(scene: Scene, image: torch.Tensor, outline: torch.Tensor) -> torch.Tensor:
    """Clothes, neck, hair, skull and ears."""
    t = scene.traits
    haired = step(t["baldness"] - 0.12, 0.02)
    long = t["hair_length"].clamp(min=0) * haired
    skin = skin_colour(t)
    # The face throws its shadow on what lies behind it, most of all below the chin.
    contact = 0.85 * hill(outline.clamp(max=0), 0.22)
    back = ellipsoid(scene, (0.0, 0.1 + 0.5 * long, -0.4), (0.98, 0.6 + 1.3 * long, 0.55))
    back = Hit(back.cover * (long > 0.15), back.point, back.normal)
    image = _over(scene, image, back, _strands(scene, back), 0.7)
    clothes = ellipsoid(scene, (0.0, 2.35, -0.45), (1.8, 0.85, 0.8))
    image = _over(scene, image, clothes, random_colour(t, 6), 0.0)
    neck = ellipsoid(scene, (0.0, 1.1, -0.3), (0.42 * t["face_width"] + 0.1, 1.8, 0.5))
    occluded = (1 - 0.55 * contact)[:, None]
    image = _over(scene, image, neck, skin * occluded, contact)
    skull = ellipsoid(scene, (0.0, -0.5, -0.15), (0.86 * t["face_width"], 0.98, 0.95))
    colour = mix(skin.expand_as(skull.point), _strands(scene, skull), haired.expand_as(contact))
    image = _over(scene, image, skull, colour * (1 - 0.3 * contact)[:, None], 0.3 * contact)
    for side in (-1.0, 1.0):
        centre = (side * 0.8 * t["face_width"], -0.02, -0.13)
        ear = ellipsoid(scene, centre, (0.075, 0.27, 0.15))
        _, y, z = ear.point.unbind(1)
        rim = hill(torch.hypot(1.1 * y, z) - 0.5, 0.2)
        colour = skin * torch.stack([1 - 0.4 * rim, 1 - 0.55 * rim, 1 - 0.55 * rim], 1)
        image = _over(scene, image, ear, colour * (1 - 0.25 * contact)[:, None], 0.2 * contact)
    for side in (-1.0, 1.0):
        lock = ellipsoid(
            scene, (side * 0.86, 0.1 + 0.5 * long, -0.1), (0.17, 0.5 + 1.2 * long, 0.4)
        )
        lock = Hit(lock.cover * (long > 0.15), lock.point, lock.normal)
        image = _over(scene, image, lock, _strands(scene, lock), 0.0)
    return image


def _face(scene: Scene, image: torch.Tensor, outline: torch.Tensor) -> torch.Tensor:
    # Shape, light and skin are smooth and made at half the resolution, features at the full one.
    coarse, normal, shadow, cavity = trace(scene)
    skin, gloss = paint_skin(coarse)
    hollow = 1 - 0.55 * (cavity * 6).clamp(-0.4, 0.8)
    light = illuminate(scene, normal, shadow * 0.9)
    # Light that goes under the skin comes out red where the lamp only grazes it.
    graze = 0.1 * hill(dot(normal, scene.light) - 0.05, 0.25)
    turned = hollow * (0.72 + 0.28 * dot(normal, scene.toward).clamp(0, 1))
    light = light * torch.stack([1 + graze, 1 - 0.3 * graze, 1 - 0.5 * graze], 1) * turned[:, None]
    shine = highlight(scene, normal, 18.0) * gloss * (1 - shadow) * 0.1
    layers = torch.cat([skin, light, torch.stack([shine, coarse.x, coarse.y], 1)], 1)
    layers = F.interpolate(layers, image.shape[-2:], mode="bilinear", align_corners=False)
    shine, x, y = layers[:, 6:].unbind(1)
    sheet = Sheet(scene.traits, x, y, scene.pixel, scene.texture)
    colour, shine = paint_features(sheet, layers[:, :3].contiguous(), shine)
    face = colour * layers[:, 3:6] + shine[:, None]
    return mix(image, face, (0.5 + outline / scene.pixel).clamp(0, 1))


def _box_blur(image: torch.Tensor, reach: int) -> torch.Tensor:
    """Mean over a square of side 2 reach + 1; sums of slices beat pooling on a CPU."""
    side, width = image.shape[-1], 2 * reach + 1
    padded = F.pad(image, (reach,) * 4, mode="replicate")
    rows = padded[:, :, :side]
    for offset in range(1, width):
        rows = rows + padded[:, :, offset : offset + side]
    total = rows[..., :side]
    for offset in range(1, width):
        total = total + rows[..., offset : offset + side]
    return total / width**2


def _camera(t: Traits, image: torch.Tensor, grain: torch.Tensor) -> torch.Tensor:
    """Exposure, blur, contrast and noise; linear light to uint8."""
    image = (image * 1.05 * torch.exp2(t["exposure"])[:, None]).clamp(min=0)
    image = image / (1 + 0.25 * image)  # bright parts run out softly
    image = image.clamp(min=1e-5) ** (1 / 2.2)
    for pixels, least in ((1, 0.0), (2, 0.5)):  # at 128 pixels
        reach = round(pixels * image.shape[-1] / 128)
        if reach > 0:
            amount = (1.6 * (t["blur"] - least)).clamp(0, 0.8)[:, None]
            image = image.lerp(_box_blur(image, reach), amount)
    image = 0.5 + (image - 0.5) * t["contrast"][:, None]
    image = image + 0.026 * t["grain"][:, None] ** 2 * grain
    return (image.clamp(0, 1) * 255 + 0.5).to(torch.uint8)
