"""A trained network with all it takes to use it on a picture: scheme, crop, units of its output.

A picture's coordinates are pixels, 0 at its left and top edge. A face's box is (left, top, side)
of the square that the network sees.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from starlib.data import FaceSet
from starlib.data.augment import view
from starlib.data.crops import STORE_MARGIN, VIEW_MARGIN, crop, landmark_boxes, store_size
from starlib.data.released import released_boxes, released_crop
from starlib.models.released import IMAGE_SIZE, is_released, released_network, released_points
from starlib.models.weights import read_tensors
from starlib.moments import heatmap_moments
from starlib.schemes import SCHEMES, Scheme, get_scheme
from starlib.training.build import build_model
from starlib.training.config import RunConfig


class Predictor(nn.Module):
    """RGB images [B, 3, S, S] in [-1, 1] -> landmarks [B, N, 2] in [-1, 1], their covariance
    [B, N, 2, 2] and the heatmaps [B, N, h, w] of the last stack.

    A network that has no heatmaps gives its landmarks alone.
    """

    def __init__(self, model: nn.Module, bgr: bool, grid: str):
        super().__init__()
        self.model, self.bgr, self.grid = model, bgr, grid

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        output = self.model(images.flip(1) if self.bgr else images)[-1]
        if output.heatmaps is None:
            return (output.landmarks.float(),)
        covariance = heatmap_moments(output.heatmaps, self.grid)[1]
        return output.landmarks.float(), covariance, output.heatmaps


@dataclass(frozen=True)
class Detector:
    """network: RGB crops -> landmarks, see `Predictor`; in evaluation mode, on its device.

    released: the authors' weights, with their crop; else those of a run of this project.
    precision: what the run was evaluated in, "float32" or "bfloat16".
    """

    network: Predictor
    scheme: Scheme
    image_size: int
    released: bool
    precision: str = "float32"

    @property
    def device(self) -> torch.device:
        return next(self.network.parameters()).device

    def boxes(self, landmarks: NDArray) -> NDArray[np.float32]:
        """Boxes [F, 3] as in training, around landmarks [F, N, 2] or the corners of face boxes
        [F, 2, 2] (chin to brows, ear to ear)."""
        if self.released:
            return released_boxes(landmarks)
        return landmark_boxes(landmarks, VIEW_MARGIN)

    def cut(self, image: Image.Image, box: NDArray) -> NDArray[np.uint8]:
        """The pixels [3, S', S'] that `detect` takes for a face of an RGB image."""
        if self.released:
            return released_crop(image, box, self.image_size)
        left, top, side = (float(value) for value in box)
        room = side * (STORE_MARGIN / VIEW_MARGIN - 1) / 2
        stored = np.array([left - room, top - room, side + 2 * room])
        return crop(image, stored, store_size(self.image_size))

    @torch.inference_mode()
    def detect(
        self, crops: NDArray[np.uint8], boxes: NDArray
    ) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
        """Landmarks [B, N, 2] in pixels of the pictures, and covariances [B, N, 2, 2] in pixels²
        where the network has heatmaps, of crops [B, 3, S', S'] cut for boxes [B, 3]."""
        stored = torch.from_numpy(np.ascontiguousarray(crops)).to(self.device)
        if self.released:
            images = stored.float() / 127.5 - 1
        else:
            none = torch.zeros(len(stored), 1, 2, device=self.device)
            images = view(stored, none, self.image_size)[0]
        images = images.to(memory_format=torch.channels_last)
        half = self.precision == "bfloat16"
        with torch.autocast(self.device.type, torch.bfloat16, enabled=half):
            found = [values.double().cpu().numpy() for values in self.network(images)[:2]]
        if not all(np.isfinite(values).all() for values in found):
            raise ValueError("weights: expected finite landmarks, the network returned NaN")
        corner, side = boxes[:, None, :2].astype(np.float64), boxes[:, None, 2:].astype(np.float64)
        covariance = found[1] * (side[..., None] / 2) ** 2 if len(found) > 1 else None
        return corner + (found[0] + 1) / 2 * side, covariance


def load_detector(
    path: Path | str, scheme: Scheme | str | None = None, ema: bool = False, device: str = "cpu"
) -> Detector:
    """The detector of a weights file: of a run (results/weights/<hash>.pt) or of the authors.

    Args:
        path: told apart by what is in it. ValueError names the file if it is neither.
        scheme: of a released file; None takes the one known scheme with as many points. A run's
            file has its own, and the number of points must agree.
        ema: the averaged weights of a released file.
    """
    parts = read_tensors(path)
    if is_released(parts):
        detector = _released(parts, scheme, ema, str(path))
    elif isinstance(parts, dict) and {"config", "scheme", "weights"} <= set(parts):
        if ema:
            raise ValueError(f"{path}: --ema is for released weights, a run's are averaged")
        detector = _of_a_run(parts, str(path))
    else:
        keys = ", ".join(map(str, list(parts)[:6])) if isinstance(parts, dict) else type(parts)
        raise ValueError(
            f"{path}: expected weights of a run (results/weights/) or of the authors' release, "
            f"found {keys}"
        )
    if scheme is not None and get_scheme(scheme).points != detector.scheme.points:
        raise ValueError(
            f"{path}: expected weights for the {get_scheme(scheme).points} points of scheme "
            f"{get_scheme(scheme).name}, they are for {detector.scheme.points}"
        )
    try:
        network = detector.network.to(device)
    except (RuntimeError, AssertionError) as error:
        raise ValueError(f"device: expected one that is here, got {device!r} ({error})") from error
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return detector


def _released(parts: dict, scheme: Scheme | str | None, ema: bool, name: str) -> Detector:
    if scheme is None:
        points = released_points(parts, name)
        scheme = next((s for s in SCHEMES.values() if s.points == points), None)
        if scheme is None:
            raise ValueError(f"{name}: expected --scheme, none is known with {points} points")
    model = released_network(parts, scheme, ema, name)
    network = Predictor(model, bgr=True, grid=model.grid).eval()
    return Detector(network, model.scheme, IMAGE_SIZE, released=True)


def _of_a_run(parts: dict, name: str) -> Detector:
    try:
        config = RunConfig.from_dict(parts["config"])
        scheme = Scheme.from_dict(parts["scheme"])
        model = build_model(config, scheme)
        model.load_state_dict(parts["weights"])
    except (ValueError, KeyError, TypeError, RuntimeError) as error:
        raise ValueError(f"{name}: expected the weights of a run ({error})") from error
    network = Predictor(model, bgr=False, grid=getattr(model, "grid", "centers")).eval()
    return Detector(network, scheme, config.image_size, False, config.precision)


def detect_faces(
    detector: Detector,
    faces: FaceSet,
    boxes: NDArray | None = None,
    batch_size: int = 32,
    report: Callable[[int], object] = lambda faces: None,
) -> NDArray[np.float64]:
    """Landmarks [F, N, 2] in pixels of a data set's images, each face in its box.

    `boxes` [F, 3]: where they are not those around the annotated landmarks. `report` hears how
    many faces are done.
    """
    if batch_size < 1:
        raise ValueError(f"batch_size: expected an integer >= 1, got {batch_size!r}")
    boxes = detector.boxes(faces.landmarks) if boxes is None else boxes
    found = []
    for start in range(0, len(faces), batch_size):
        batch = range(start, min(start + batch_size, len(faces)))
        crops = np.stack([detector.cut(faces.read(i), boxes[i]) for i in batch])
        found.append(detector.detect(crops, boxes[list(batch)])[0])
        report(len(batch))
    return np.concatenate(found)
