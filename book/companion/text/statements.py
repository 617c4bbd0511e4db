"""The finding of each page: a sentence by its author, with numbers from the records and the
condition under which it is true."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import pandas as pd

from companion.bench.summary import NEGLIGIBLE
from companion.evidence.annotators import Agreement
from companion.evidence.mechanism import Line, misfit
from companion.evidence.statistics import Effect
from companion.experiments.paper import EXPERIMENTS
from companion.files import BOOK, read_yaml

Effects = Mapping[str, Effect]


@dataclass(frozen=True)
class Statement:
    """text: the sentence, its numbers inserted. holds: whether the records still say so."""

    text: str
    holds: bool


def gain(effect: Effect, unit: str = " points") -> str:
    """How much lower the error is, with its interval."""
    mean, low, high = (f"{100 * v:.2f}" for v in (effect.mean, effect.low, effect.high))
    return f"{mean}{unit} [{low}, {high}]"


def cost(effect: Effect) -> str:
    """How much higher the error is, with its interval."""
    mean, low, high = (f"{-100 * v:.2f}" for v in (effect.mean, effect.high, effect.low))
    return f"{mean} points [{low}, {high}]"


def paper(effect: Effect) -> str:
    return "none" if effect.published is None else f"{100 * effect.published:.2f}"


def lower(*effects: Effect) -> bool:
    """Whether every interval lies above zero: the error is lower."""
    return all(effect.low > 0 for effect in effects)


def higher(*effects: Effect) -> bool:
    """Whether every interval lies below zero: the error is higher."""
    return all(effect.high < 0 for effect in effects)


def open_(*effects: Effect) -> bool:
    """Whether every interval contains zero."""
    return all(effect.low <= 0 <= effect.high for effect in effects)


def unseen(*effects: Effect) -> bool:
    """Whether every interval contains zero and excludes the paper's effect."""
    return open_(*effects) and all(e.published and e.high < e.published for e in effects)


class _Shown:
    """A word of the templates in statements.yml: its text for each comparison."""

    def __init__(self, effects: Effects, form: Callable[[Effect], str]) -> None:
        self.effects, self.form = effects, form

    def __getitem__(self, name: str) -> str:
        return self.form(self.effects[name])


WORDS: dict[str, Callable[[Effect], str]] = {
    "gain": gain,
    "cost": cost,
    "paper": paper,
    "bare": lambda effect: gain(effect, ""),
    "mean": lambda effect: f"{100 * effect.mean:.2f}",
}
CONDITIONS: dict[str, Callable[[Effect], bool | None]] = {
    "lower": lower,
    "higher": higher,
    "open": open_,
    "unseen": unseen,
    "inside": lambda effect: not effect.excludes_published,
}


def written(entry: Mapping[str, Any], effects: Effects) -> Statement:
    """A sentence of statements.yml from effects; KeyError names a comparison that is not there."""
    words = {word: _Shown(effects, form) for word, form in WORDS.items()}
    holds = (
        holds(effects[name]) for key, holds in CONDITIONS.items() for name in entry.get(key, ())
    )
    return Statement(entry["text"].format_map(words), all(holds))


def training_length(e: Effects) -> Statement:
    pairs = {d: (e[f"18 epochs {d}"], e[f"60 epochs {d}"]) for d in ("l2", "smooth_l1")}
    long = {d: f"{100 * longer.mean:.2f}" for d, (_, longer) in pairs.items()}
    return Statement(
        "As far as one seed tells, a training of 60 epochs in place of 18 leaves the picture as it "
        f"is: STAR loss gains {long['l2']} points with l2 and {long['smooth_l1']} with smooth-l1, "
        f"both inside the intervals after 18 epochs; that with l2 is {gain(e['18 epochs l2'])}.",
        all(short.low < longer.mean < short.high for short, longer in pairs.values())
        and all(longer.seeds == (1, 1) for _, longer in pairs.values()),
    )


def step_size(e: Effects) -> Statement:
    pairs = EXPERIMENTS["step_size"].comparisons
    rivals = [n for n in e if pairs[n].without != "l2" and pairs[n].with_ == "STAR l2"]
    least, most = (100 * f(e[n].mean for n in rivals) for f in (min, max))
    return Statement(
        "The gain with l2 is no matter of the step size: STAR loss stays ahead of every learning "
        f"rate and every factor of the loss that we tried, by {least:.2f} to {most:.2f} points.",
        lower(*(e[name] for name in rivals)),
    )


STATEMENTS: dict[tuple[str, str, str], Callable[[Effects], Statement]] = {
    **{tuple(entry["of"]): partial(written, entry) for entry in read_yaml(BOOK / "statements.yml")},
    ("training_length", "300w", "reduced"): training_length,
    ("step_size", "300w", "reduced"): step_size,
}


def stability(spread: Effects) -> Statement:
    """spread: comparison -> effect on the spread of the seeds' predictions."""
    l2, smooth = spread["l2"], spread["smooth_l1"]
    share = 100 * l2.mean / l2.means[0]
    return Statement(
        "Networks trained with l2 agree more with each other under STAR loss, whose spread is "
        f"{share:.0f} % smaller (the paper: 13 %), by {gain(l2, ' %')} of the inter-ocular "
        "distance; with smooth-l1 no difference is seen.",
        lower(l2) and open_(smooth),
    )


def mechanism(
    noise: Mapping[str, Effects],
    widths: pd.DataFrame,
    law: Line,
    people: Mapping[str, Agreement],
) -> Statement:
    """noise: strength of the labels' noise -> comparison -> effect against the truth. people:
    network -> agreement of its heatmaps with people's scatter."""
    with_, without = noise["strength 3"]["l2"], noise["strength 0"]["l2"]
    ours, null = misfit(widths)
    plain, star, random = (people[n] for n in ("smooth-l1", "STAR smooth-l1", "random directions"))
    return Statement(
        "We do not see that the gain comes from ambiguous labels: with l2 STAR loss gains "
        f"{gain(without)} on faces without any label noise, and {gain(with_)} with it, while error "
        f"and weight alone predict the width of its heatmaps to {100 * ours:.0f} % (median; a "
        f"constant: {100 * null:.0f} %) and the training error its test error (r = {law.r:.3f}). "
        "The areas of its heatmaps grow where three people's labels scatter (rank correlation "
        f"{star.areas[0]:.2f}; without STAR loss {plain.areas[0]:.2f}), but with random directions "
        f"as well ({random.areas[0]:.2f}).",
        lower(with_, without) and with_.low < without.mean and ours < 0.5 * null and law.r > 0.98
        and star.areas[1] > 0 and random.areas[1] > 0 and plain.areas[2] < 0,
    )  # fmt: skip


def training_step(closed: float, literal: float) -> Statement:
    """Shares of a training step that STAR loss takes in both forms."""
    limit = f"{100 * NEGLIGIBLE:.0f} %"
    return Statement(
        f"STAR loss takes {100 * closed:.2f} % of a training step in closed form, and "
        f"{100 * literal:.2f} % as the equations stand; negligible is at most {limit} here.",
        closed <= NEGLIGIBLE < literal,
    )


def ambiguity(angle: float, null: float) -> Statement:
    """angle, null: means over seeds, in degrees, of STAR l2 with DR on noisy labels and of STAR l2
    on exact ones."""
    return Statement(
        f"The heatmap's long axis lies {angle:.0f}° from the direction in which the labels scatter "
        f"(chance: 45°), and already {null:.0f}° in a network, without DR, whose labels were "
        "exact: part of the agreement comes from the picture and not from ambiguity.",
        angle < null < 40,
    )
