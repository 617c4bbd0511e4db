"""A trained network with all it takes to use it on a picture: scheme, crop, units of its output.

A picture's coordinates are pixels, 0 at its left and top edge. A face's box is (left, top, side)
of the square that the network sees.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from starlib.data.augment import view
from starlib.data.crops import crop, store_size, stored_boxes, view_boxes
from starlib.data.released import released_crop
from starlib.devices import available_device
from starlib.metrics import cell_variance
from starlib.models.heads import output_moments
from starlib.models.released import IMAGE_SIZE, is_released, load_released, released_points
from starlib.models.weights import read_tensors
from starlib.schemes import SCHEMES, Scheme, get_scheme
from starlib.training.config import RunConfig
from starlib.training.precision import forward_pass
from starlib.training.state import build_model


class Predictor(nn.Module):
    """RGB images [B, 3, S, S] in [-1, 1] -> landmarks [B, N, 2] in [-1, 1], their covariance
    [B, N, 2, 2] and the heatmaps [B, N, h, w] of the last stack.

    The covariance is that of `starlib.models.heads.output_moments`. A network without it gives its
    landmarks alone, one without heatmaps those two.

    bgr: the network's order of colours. grid: of its decoder. peaks: whether its heatmaps are
    sigmoid maps. floor: added to the variances, as calibration was fitted with it
    (`starlib.runs.evaluation.calibration`). with_heatmaps: set it to False to leave them out.
    """

    def __init__(
        self, model: nn.Module, bgr: bool, grid: str, peaks: bool = False, floor: float = 0.0
    ):
        super().__init__()
        self.model, self.bgr, self.grid, self.peaks = model, bgr, grid, peaks
        self.floor, self.with_heatmaps = floor, True

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        output = self.model(images.flip(1) if self.bgr else images)[-1]
        landmarks, covariance = output_moments(output, self.grid, self.peaks)
        if covariance is None:
            return (landmarks,)
        if self.floor:
            covariance = covariance + self.floor * torch.eye(2).to(covariance)
        if output.heatmaps is None or not self.with_heatmaps:
            return landmarks, covariance
        return landmarks, covariance, output.heatmaps


@dataclass(frozen=True)
class Detector:
    """network: RGB crops -> landmarks, see `Predictor`; in evaluation mode, on its device.

    released: the authors' weights, with their crop; else those of a run of this project.
    precision: what the run was evaluated in, "float32" or "bfloat16".
    crop: the run's, of `starlib.data.crops.CROPS`.
    calibration: factor by which covariances are multiplied, the variance of one cell added, so that
        the squared Mahalanobis distance of labels averages 2, as a Gaussian's would; None where the
        weights have none, and covariances stay as the network gives them. calibrated_on: whose
        labels.
    reach: how the landmarks' box lies beside the face detector's (`measured_reach`), of a network
        trained on your own data.
    """

    network: Predictor
    scheme: Scheme
    image_size: int
    released: bool
    precision: str = "float32"
    calibration: float | None = None
    crop: str = "longer"
    calibrated_on: str = "training faces"
    reach: dict[str, Any] = field(default_factory=dict)

    @property
    def device(self) -> torch.device:
        return next(self.network.parameters()).device

    def boxes(self, landmarks: NDArray) -> NDArray[np.float32]:
        """Boxes [F, 3] as in training, around landmarks [F, N, 2] or the corners [F, 2, 2] of
        boxes that reach as far as landmarks do (`starlib.data.face_boxes.box_meaning`)."""
        return view_boxes(landmarks, self.crop)

    def cut(self, image: Image.Image, box: NDArray) -> NDArray[np.uint8]:
        """The pixels [3, S', S'] that `detect` takes for a face of an RGB image."""
        if self.released:
            return released_crop(image, box, self.image_size)
        stored = stored_boxes(np.asarray(box, np.float64)[None])[0]
        return crop(image, stored, store_size(self.image_size))

    @torch.inference_mode()
    def detect(
        self, crops: NDArray[np.uint8], boxes: NDArray, flip_average: bool = False
    ) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
        """Landmarks [B, N, 2] in pixels of the pictures, and covariances [B, N, 2, 2] in pixels²
        where the network has them, of crops [B, 3, S', S'] cut for boxes [B, 3].

        With `flip_average` both are the mean of the crop's and those of its mirror image, mirrored
        back; ValueError for a scheme whose points have no mirror images.
        """
        if flip_average and not self.scheme.mirrors:
            raise ValueError(f"flip_average: scheme {self.scheme.name!r} has no mirror pairs")
        stored = torch.from_numpy(np.ascontiguousarray(crops)).to(self.device)
        images = stored.float() / 127.5 - 1 if self.released else view(stored, self.image_size)
        outputs = self._outputs(images)
        if flip_average:
            mirrored = self._outputs(images.flip(-1))
            signs = (np.array([-1.0, 1.0]), np.array([[1.0, -1.0], [-1.0, 1.0]]))
            order = list(self.scheme.flip)
            outputs = [
                (one + other[:, order] * sign) / 2
                for one, other, sign in zip(outputs, mirrored, signs, strict=False)
            ]
        corner, side = boxes[:, None, :2].astype(np.float64), boxes[:, None, 2:].astype(np.float64)
        landmarks = corner + (outputs[0] + 1) / 2 * side
        if len(outputs) == 1:
            return landmarks, None
        return landmarks, outputs[1] * (side[..., None] / 2) ** 2 * (self.calibration or 1.0)

    def _outputs(self, images: Tensor) -> list[NDArray[np.float64]]:
        """Landmarks and, where there are, covariances of images [B, 3, S, S] in [-1, 1]."""
        images = images.to(memory_format=torch.channels_last)
        outputs = forward_pass(self.network, images, self.precision)[:2]
        arrays = [values.double().cpu().numpy() for values in outputs]
        if not all(np.isfinite(values).all() for values in arrays):
            raise ValueError("weights: expected finite landmarks, the network returned NaN")
        return arrays


def load_detector(
    path: Path | str, scheme: Scheme | str | None = None, ema: bool = False, device: str = "cpu"
) -> Detector:
    """The detector of a weights file: of a run (results/weights/<hash>.pt) or of the authors.

    Args:
        path: distinguished by what is in it. ValueError names the file if it is neither.
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
    if scheme is not None and (wanted := get_scheme(scheme)).points != detector.scheme.points:
        expected = f"expected weights for the {wanted.points} points of scheme {wanted.name}"
        raise ValueError(f"{path}: {expected}, they are for {detector.scheme.points}")
    for name, values in detector.network.state_dict().items():
        if not torch.isfinite(values).all():
            raise ValueError(f"{path}: expected finite weights, {name} holds NaN or infinity")
    network = detector.network.to(available_device(device))
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return detector


def _released(parts: dict, scheme: Scheme | str | None, ema: bool, name: str) -> Detector:
    if scheme is None:
        points = released_points(parts, name)
        scheme = next((s for s in SCHEMES.values() if s.points == points), None)
        if scheme is None:
            raise ValueError(f"{name}: expected --scheme, none is known with {points} points")
    model = load_released(parts, scheme, ema, name)
    network = Predictor(model, bgr=True, grid=model.grid).eval()
    return Detector(network, model.scheme, IMAGE_SIZE, released=True, crop="released")


def _of_a_run(parts: dict, name: str) -> Detector:
    try:
        config = RunConfig.from_dict(parts["config"])
        scheme = Scheme.from_dict(parts["scheme"])
        model = build_model(config, scheme)
        model.load_state_dict(parts["weights"])
    except (ValueError, KeyError, TypeError, RuntimeError) as error:
        raise ValueError(f"{name}: expected the weights of a run ({error})") from error
    grid, fitted = getattr(model, "grid", "centers"), parts.get("calibration", {})
    held = fitted.get("held_out")
    floor = cell_variance(config.image_size / 4) if fitted else 0.0
    peaks = getattr(model, "sigmoid", False)
    return Detector(
        Predictor(model, bgr=False, grid=grid, peaks=peaks, floor=floor).eval(),
        scheme,
        config.image_size,
        released=False,
        precision=config.precision,
        calibration=fitted.get("factor"),
        crop=config.crop,
        calibrated_on=f"{held:.0f} faces held out from training" if held else "training faces",
        reach=parts.get("detector", {}),
    )
