"""The numbers printed in the paper (published.yml), and where they contradict each other."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from companion.experiments.experiment import Comparison
from companion.files import BOOK, read_yaml

PUBLISHED = BOOK / "published.yml"


@dataclass(frozen=True)
class Published:
    """What the paper prints for a comparison, in points of NME; `without` and `with_` where it
    prints both, the effect alone elsewhere."""

    effect: float
    without: float | None = None
    with_: float | None = None


@cache
def published() -> dict[str, Any]:
    """The numbers printed in the paper."""
    return read_yaml(PUBLISHED)


def _at(address: str) -> Any:
    """What stands at an address such as "table3/300w/basic/l2/0"; None if there is nothing."""
    node: Any = published()
    for key in address.split("/"):
        keys: Any = range(len(node)) if isinstance(node, list) else node
        node = next((node[k] for k in keys if str(k) == key), None)
        if node is None:
            return None
    return node


def printed_number(address: str, dataset: str = "") -> float | None:
    """The number at an address such as "table3/{dataset}/basic/l2/0", or None if there is none."""
    number = _at(address.format(dataset=dataset))
    return None if number is None else float(number)


def printed_for(comparison: Comparison, dataset: str) -> str | None:
    """The data set of which the paper prints a comparison's numbers; None where it prints none."""
    if published_values(comparison, dataset) is None:
        return None
    table = (comparison.published or ("",))[0].split("/")[0]
    return published()["data"].get(table, dataset)


def published_values(comparison: Comparison, dataset: str) -> Published | None:
    """What the paper prints for a comparison on a data set; None if nothing."""
    numbers = [printed_number(address, dataset) for address in comparison.published or ()]
    known = [number for number in numbers if number is not None]
    if not known or len(known) < len(numbers):
        return None
    if len(known) == 1:
        return Published(known[0])
    return Published(known[0] - known[1], *known)


# How far a difference of two numbers of the tables, or a mean of such, can be from the true one
ROUNDED_DIFFERENCE = 0.01


@dataclass(frozen=True)
class Contradiction:
    """A place where the paper disagrees with itself; `printed` and `computed` where numbers do."""

    where: str
    text: str
    printed: tuple[float, ...] = ()
    computed: tuple[float, ...] = ()


def contradictions() -> list[Contradiction]:
    """The statements that their tables contradict beyond rounding, then those without numbers."""
    found = []
    for statement in published()["statements"]:
        printed = tuple(np.atleast_1d(statement["printed"]).tolist())
        computed = _computed(statement["kind"], statement["of"])
        digits = max(len(str(number).split(".")[1]) for number in printed)
        within = 0.5 * 10.0**-digits + ROUNDED_DIFFERENCE + 1e-9
        close = np.abs(np.subtract(printed, computed)) <= within
        if not close.all():
            found.append(Contradiction(statement["where"], statement["what"], printed, computed))
    return found + [Contradiction(**item) for item in published()["contradictions"]]


def _computed(kind: str, of: Sequence[str]) -> tuple[float, ...]:
    if kind == "mean":
        return (mean_effect(of[0]),)
    if kind == "effects":
        without, with_star = (_at(address) for address in of)
        return tuple(round(without[key] - with_star[key], 4) for key in without)
    others = [method[of[0]] for method in published()["table1"]["methods"] if of[0] in method]
    return (round(min(others) - published()["table1"]["ours"][of[0]], 4),)


def mean_effect(address: str) -> float:
    """Mean of without minus with over the pairs of a row of a table."""
    return round(float(np.mean([a - b for a, b in _at(address).values()])), 6)
