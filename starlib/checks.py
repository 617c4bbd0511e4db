"""Checks of what losses and moments are given: each raises ValueError naming the argument."""

import difflib
import math
import numbers
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

DTYPES = (torch.float16, torch.bfloat16, torch.float32, torch.float64)  # of heatmaps
# Labels farther out are in other units; a crop's own end at 1, augmented ones rarely pass 2.
LANDMARK_LIMIT = 2.0
# Predictions farther out: squares of their errors over a variance would overflow.
FARTHEST = 1e6


@dataclass(frozen=True)
class Rule:
    """A condition on a value, in words and as a test; `names`: its usual values, to suggest."""

    expected: str
    holds: Callable[[Any], bool]
    names: tuple[str, ...] = ()

    def check(self, argument: str, value: Any) -> Any:
        """The value; ValueError naming the argument unless the rule holds for it."""
        if not self.holds(value):
            hint = meant(value, self.names)
            raise ValueError(f"{argument}: expected {self.expected}, got {value!r}{hint}")
        return value


FLAG = Rule("True or False", lambda value: isinstance(value, bool))


def one_of(names: Iterable[str]) -> Rule:
    """The rule for one of the names."""
    names = tuple(names)
    return Rule(f"one of {', '.join(names)}", lambda v: isinstance(v, str) and v in names, names)


def integer(least: int, most: float = math.inf) -> Rule:
    """The rule for integers from `least` to `most`."""

    def holds(value: Any) -> bool:
        return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most

    return Rule(f"an integer >= {least}" + (f" and <= {most}" if most < math.inf else ""), holds)


def multiple_of(divisor: int, where: str = "") -> Rule:
    """The rule for positive multiples of an integer; `where`: words that follow it in the error."""
    holds = integer(1).holds
    return Rule(f"a multiple of {divisor}{where}", lambda v: holds(v) and v % divisor == 0)


def number(expected: str, holds: Callable[[float], bool]) -> Rule:
    """The rule for numbers, given the bounds in words and as a test."""

    def is_number(value: Any) -> bool:
        return isinstance(value, numbers.Real) and not isinstance(value, bool)

    return Rule(expected, lambda value: is_number(value) and holds(value))


POSITIVE = number("a number > 0 and <= 1e6", lambda value: 0 < value <= 1e6)


def meant(value: Any, names: Iterable[str]) -> str:
    """The words "; did you mean …?" with the name most like the value, or with one whose words
    begin with its letters (lr: learning_rate); none where no name is like it."""
    names, text = list(names), str(value)
    short = {"".join(re.findall(r"(?<![a-z0-9])[a-z]", name)): name for name in names}
    like = [short[text.strip("-")]] if text.strip("-") in short else []
    like += difflib.get_close_matches(text.lower(), names, 1)
    return f"; did you mean {like[0]}?" if like else ""


def check_number(argument: str, value: Any, least: float) -> float:
    """The value as a float; ValueError naming the argument unless it is finite and >= `least`."""
    number(f"a finite number >= {least:g}", lambda v: least <= v < math.inf).check(argument, value)
    return float(value)


def check_heatmaps(
    heatmaps: Tensor, values: bool = True, name: str = "heatmaps", most: float = math.inf
) -> None:
    """Raise ValueError naming the argument unless heatmaps are [B, N, H, W], finite, >= 0 and at
    `most` as large.

    `values=False` skips the value check, which forces a GPU synchronisation; compiled and exported
    code skips it too.
    """
    FLAG.check("check_values", values)
    whole = isinstance(heatmaps, Tensor) and heatmaps.dim() == 4
    check_tensor(name, heatmaps, "[B, N, H, W]", whole and 0 not in heatmaps.shape[-2:])
    # In this order: a number of elements that is looked at becomes fixed in a graph of torch 2.6.
    if values and not torch.compiler.is_compiling() and heatmaps.numel():
        lowest, highest = torch.aminmax(heatmaps.detach())
        if not (lowest >= 0 and highest < torch.inf):
            raise ValueError(
                f"{name}: expected finite values >= 0, "
                f"got values from {float(lowest):g} to {float(highest):g}"
            )
        if most < math.inf and highest > most:
            raise ValueError(f"{name}: expected values in [0, {most:g}], got {float(highest):g}")


def check_tensor(name: str, values: Any, shape: object, fits: bool) -> None:
    """Raise ValueError naming the argument unless it is a dense tensor that `fits` the shape, in a
    floating dtype."""
    if not isinstance(values, Tensor):
        raise ValueError(f"{name}: expected a tensor, got {type(values).__name__}")
    if values.layout is not torch.strided:
        raise ValueError(f"{name}: expected a dense tensor, got {values.layout}")
    if not fits:
        raise ValueError(f"{name}: expected shape {shape}, got {list(values.shape)}")
    if values.dtype not in DTYPES:
        raise ValueError(f"{name}: expected a floating dtype, got {values.dtype}")


def check_landmarks(
    landmarks: Tensor,
    shape: tuple[int, ...],
    values: bool = True,
    limit: float = LANDMARK_LIMIT,
    name: str = "landmarks",
    labels: bool = True,
) -> None:
    """Raise ValueError naming the argument unless `landmarks` has the shape [B, N, 2], a floating
    dtype and no value beyond the limit; `values` as in `check_inputs`. Only `labels` may be NaN."""
    FLAG.check("check_values", values)
    fits = isinstance(landmarks, Tensor) and landmarks.shape == shape
    check_tensor(name, landmarks, list(shape), fits)
    if values and not torch.compiler.is_compiling():
        size = landmarks.detach().abs()
        limit = min(limit, torch.finfo(size.dtype).max)  # in float16 FARTHEST is infinite
        wrong = size > limit if labels else ~(size <= limit)
        if wrong.any():
            raise ValueError(
                f"{name}: expected finite values in units of [-1, 1], at most {limit:g} "
                f"in size{' (NaN: unlabelled)' * labels}, got {float(size[wrong].max()):g}"
                + "; of pixels (2 x + 1) / side - 1 makes them"
                * (labels and limit < FARTHEST)
            )


def check_decoded(
    predicted: Tensor,
    landmarks: Tensor,
    values: bool = True,
    limit: float = LANDMARK_LIMIT,
    name: str = "predicted",
) -> None:
    """`check_inputs` for landmarks that are decoded already, [B, N, 2] like the annotated ones."""
    fits = isinstance(predicted, Tensor) and predicted.dim() == 3 and predicted.shape[-1] == 2
    check_tensor(name, predicted, "[B, N, 2]", fits)
    check_landmarks(predicted, tuple(predicted.shape), values, FARTHEST, name, labels=False)
    check_landmarks(landmarks, tuple(predicted.shape), values, limit)


def check_inputs(
    heatmaps: Tensor, landmarks: Tensor, values: bool = True, limit: float = LANDMARK_LIMIT
) -> None:
    """Raise ValueError naming the argument unless a loss can be computed from heatmaps
    [B, N, H, W] >= 0 and landmarks [B, N, 2], at most the limit in size; `values` as in
    `check_heatmaps`."""
    check_heatmaps(heatmaps, values)
    if isinstance(landmarks, Tensor) and landmarks.device != heatmaps.device:
        raise ValueError(
            f"landmarks: expected on {heatmaps.device}, they are on {landmarks.device}"
        )
    check_landmarks(landmarks, (*heatmaps.shape[:2], 2), values, limit)
