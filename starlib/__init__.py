"""STAR loss for facial landmark detection (CVPR 2023): train, evaluate and use a network."""

import importlib
from typing import Any

from starlib import metrics
from starlib.losses import RegressionLoss, STARLoss
from starlib.models.heads import StackOutput
from starlib.models.hourglass import StackedHourglass
from starlib.models.released import load_released
from starlib.moments import heatmap_moments, principal_components, soft_argmax

__version__ = "0.1.0"

__all__ = [
    "RegressionLoss",
    "STARLoss",
    "StackOutput",
    "StackedHourglass",
    "heatmap_moments",
    "load_dataset",
    "load_released",
    "metrics",
    "predict",
    "principal_components",
    "soft_argmax",
]


def __getattr__(name: str) -> Any:
    # Reading data and pictures needs Pillow, which the losses do without.
    places = {"load_dataset": "starlib.data", "predict": "starlib.inference.faces"}
    if name in places:
        try:
            return getattr(importlib.import_module(places[name]), name)
        except ImportError as error:
            raise ImportError(f"{name} needs Pillow: pip install 'starloss[data]'") from error
    raise AttributeError(f"module 'starlib' has no attribute {name!r}")
