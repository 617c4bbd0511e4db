"""Checks of a loss's first inputs, also where checks are off and under torch.compile, whose graph
keeps one operation that does nothing after the first call."""

import itertools
import warnings
import weakref
from typing import Any

import torch
from torch import Tensor

from starlib.checks import FLAG, POSITIVE, check_inputs

FEW = 5  # landmarks, that may well lie in one quarter of the picture

_KEYS = itertools.count()
_CHECKS: weakref.WeakValueDictionary[int, "InputCheck"] = weakref.WeakValueDictionary()


class InputCheck:
    """Checks heatmaps and landmarks of a loss (`check_inputs`): their shapes at every call, their
    values at every one or, for `values=False` and when compiled, at the first alone.

    Where there are no values at the first call (on the meta device, under torch.func.vmap, while a
    CUDA graph is captured or a program exported), `values=False` leaves the check to the next one.
    """

    def __init__(self, values: bool, limit: float):
        POSITIVE.check("landmark_limit", limit)
        self.values, self.limit = FLAG.check("check_values", values), float(limit)
        self.first, self.key = True, next(_KEYS)
        _CHECKS[self.key] = self

    def __reduce__(self) -> tuple[type["InputCheck"], tuple[bool, float]]:
        return InputCheck, (self.values, self.limit)  # a copy has a key of its own

    def __call__(self, heatmaps: Tensor, landmarks: Tensor) -> Tensor:
        """The landmarks; ValueError names the argument that is not as expected."""
        check_inputs(heatmaps, landmarks, values=False)
        if torch.compiler.is_compiling():
            exporting: Any = getattr(torch.compiler, "is_exporting", None)  # torch 2.7
            if exporting is not None and exporting():
                return landmarks
            # 0, which is added so that the operation stays in the graph.
            check = torch.ops.starlib.first_call
            return landmarks + check(heatmaps.detach(), landmarks.detach(), self.key)
        if self.values or self.first:
            self.look(heatmaps, landmarks)
        return landmarks

    def look(self, heatmaps: Tensor, landmarks: Tensor) -> None:
        """Check the values, and on the first call warn of units and of numbers that mean "none"."""
        if heatmaps.is_cuda and torch.cuda.is_current_stream_capturing():
            return
        try:
            check_inputs(heatmaps, landmarks, True, self.limit)
        except RuntimeError:  # no values
            if self.values:
                raise
            return
        if self.first:
            self.first = False
            warn_of_units(landmarks.detach())


# Not `torch.library.custom_op`, whose wrappers cost each call 50 µs more.
SCHEMA = "(Tensor heatmaps, Tensor landmarks, int key) -> Tensor"
torch.library.define("starlib::first_call", SCHEMA)


@torch.library.impl("starlib::first_call", "default")
def _first_call(heatmaps: Tensor, landmarks: Tensor, key: int) -> Tensor:
    check = _CHECKS.get(key)
    if check is not None and check.first:
        check.look(heatmaps, landmarks)
    return landmarks.new_zeros(())


@torch.library.register_fake("starlib::first_call")
def _(heatmaps: Tensor, landmarks: Tensor, key: int) -> Tensor:
    return landmarks.new_zeros(())


def warn_of_units(landmarks: Tensor) -> None:
    """Warn of labels [B, N, 2] that are not in [-1, 1], or not there: UserWarning."""
    labels = landmarks[~landmarks.isnan().any(-1)]
    none = (labels == -1).all(-1) | (labels == 0).all(-1)
    if none.sum() >= max(FEW, 0.02 * len(labels)):
        warnings.warn(
            f"landmarks: {int(none.sum())} of {len(labels)} are exactly (-1, -1) or (0, 0); "
            "NaN marks an unlabelled one, everything else is trained on",
            stacklevel=2,
        )
    labels = labels[~none]
    if len(labels) >= FEW and ((labels >= 0) & (labels <= 1)).all():
        warnings.warn(
            "landmarks: all lie in [0, 1], expected x and y from -1 to 1 across the picture; "
            "2 * landmarks - 1 makes them of shares of its sides",
            stacklevel=2,
        )
