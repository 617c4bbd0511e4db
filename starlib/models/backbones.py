"""Other people's networks, through timm, in place of the stacked hourglass.

Both return a list with one `StackOutput`, as `starlib.StackedHourglass` does for each stack.
"""

import contextlib
import importlib
import sys
import types
from collections.abc import Iterator
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
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
    try:
        with _without_torchvision():
            return importlib.import_module("timm")
    except ModuleNotFoundError as error:
        raise ImportError("this backbone needs timm: pip install 'starlib[backbones]'") from error


@contextlib.contextmanager
def _without_torchvision() -> Iterator[None]:
    """Let timm be imported where torchvision is absent or does not fit the build of torch.

    timm imports it for image transforms that its networks do not need. Meanwhile stand-ins answer
    for it; they are gone afterwards.
    """
    try:
        importlib.import_module("torchvision")
        yield
        return
    except (ImportError, RuntimeError):  # RuntimeError: its operators are missing
        pass
    finder = _StandIns()
    _forget("torchvision")
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        _forget("torchvision")


def _forget(package: str) -> None:
    for name in [n for n in sys.modules if n == package or n.startswith(f"{package}.")]:
        del sys.modules[name]


class _StandIn(types.ModuleType):
    __path__: list[str] = []  # noqa: RUF012

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name == "InterpolationMode":  # timm does without the latter
            raise AttributeError(name)
        return type(name, (), {})


class _StandIns(MetaPathFinder, Loader):
    def find_spec(self, name: str, path: Any, target: Any = None) -> ModuleSpec | None:
        return ModuleSpec(name, self) if name.split(".")[0] == "torchvision" else None

    def create_module(self, spec: ModuleSpec) -> types.ModuleType:
        return _StandIn(spec.name)

    def exec_module(self, module: types.ModuleType) -> None:
        pass
