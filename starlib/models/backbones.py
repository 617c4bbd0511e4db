"""Other people's networks, through timm, in place of the stacked hourglass.

Both return a list with one `StackOutput`, as `starlib.StackedHourglass` does for each stack.
"""

import importlib
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from starlib.models.heads import CholeskyHead, StackOutput, activated, peak_positions
from starlib.moments import soft_argmax
from starlib.schemes import Scheme


class TimmHeatmaps(nn.Module):
    """Heatmaps of a quarter of the input's size from the features of all depths, as HRNetV2 does.

    Feature maps are scaled to the finest of stride 4 or more, concatenated, mixed by two 1x1
    convolutions, and end in ReLU(InstanceNorm(logits)) like the hourglass's; with `sigmoid` in
    sigmoid(logits). `cholesky` adds a predicted covariance.
    """

    def __init__(self, name: str, scheme: Scheme, cholesky: bool = False, sigmoid: bool = False):
        super().__init__()
        # HRNet's own branches, without the classifier's wider copies of them.
        own = {"feature_location": ""} if name.startswith("hrnet") else {}
        self.features = _timm().create_model(name, features_only=True, pretrained=False, **own)
        strides = self.features.feature_info.reduction()
        self.used = [i for i, stride in enumerate(strides) if stride >= 4]
        channels = sum(self.features.feature_info.channels()[i] for i in self.used)
        self.mix = nn.Sequential(
            nn.Conv2d(channels, channels, 1), nn.BatchNorm2d(channels), nn.ReLU()
        )
        self.heat = nn.Conv2d(channels, scheme.points, 1)
        self.scale = CholeskyHead(channels, scheme.points) if cholesky else None
        self.sigmoid = sigmoid

    def forward(self, images: Tensor) -> list[StackOutput]:
        maps = [self.features(images)[i] for i in self.used]
        size = maps[0].shape[-2:]
        scaled = [
            F.interpolate(m, size=size, mode="bilinear", align_corners=False) for m in maps[1:]
        ]
        mixed = self.mix(torch.cat([maps[0], *scaled], dim=1))
        heat = activated(self.heat(mixed), self.sigmoid)
        landmarks = peak_positions(heat) if self.sigmoid else soft_argmax(heat)
        scale = None if self.scale is None else self.scale(mixed)
        return [StackOutput(landmarks, heat, scale_tril=scale)]


class TimmCoordinates(nn.Module):
    """Landmarks straight from pooled features by one linear layer, no heatmaps (Wing's ResNet-50).

    `cholesky` adds a predicted covariance.
    """

    def __init__(self, name: str, scheme: Scheme, cholesky: bool = False):
        super().__init__()
        self.features = _timm().create_model(name, num_classes=0, pretrained=False)
        channels = self.features.num_features
        self.points = nn.Linear(channels, 2 * scheme.points)
        self.scale = CholeskyHead(channels, scheme.points) if cholesky else None

    def forward(self, images: Tensor) -> list[StackOutput]:
        features = self.features(images)
        landmarks = self.points(features).float().unflatten(-1, (-1, 2))
        scale = None if self.scale is None else self.scale(features)
        return [StackOutput(landmarks, None, scale_tril=scale)]


def _timm() -> Any:
    _torchvision()
    try:
        return importlib.import_module("timm")
    except ImportError as error:
        raise ImportError("this backbone needs timm: pip install 'starloss[backbones]'") from error


def _torchvision() -> None:
    """Import torchvision, which timm does for image transforms that its networks do not need.

    Its operators fit one build of torch; beside another (a CPU build) it cannot be imported, for
    want of the names of two of them. They are given then: the networks call neither.
    """
    try:
        importlib.import_module("torchvision")
    except ImportError:  # timm's own import says so
        pass
    except RuntimeError:
        for name in ("nms", "qnms"):
            schema = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
            torch.library.define(f"torchvision::{name}", schema)
