"""The finding of each page: a sentence by its author, with numbers from the records and the
condition under which it is true."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import pandas as pd

from companion.bench.summary import NEGLIGIBLE
from companion.evidence.annotators import Agreement, closer
from companion.evidence.mechanism import misfit
from companion.evidence.rules import headline_effects
from companion.evidence.statistics import Effect, counted, points
from companion.experiments.experiment import SETTLED_SCALE
from companion.experiments.paper import EXPERIMENTS
from companion.experiments.records import Records
from companion.files import BOOK, read_yaml
from starlib.training.config import SCALES

Effects = Mapping[str, Effect]


@dataclass(frozen=True)
class Statement:
    """text: the sentence, its numbers inserted. holds: whether the records still say so."""

    text: str
    holds: bool


def gain(effect: Effect, unit: str = " points", sign: int = 1) -> str:
    """How much lower the error is, with its interval; with `sign` -1 how much higher."""
    low, high = sorted((sign * effect.low, sign * effect.high))
    return f"{plain(sign * effect.mean)}{unit} [{plain(low)}, {plain(high)}]"


def plain(fraction: float) -> str:
    """A fraction in points of NME, without a plus."""
    return points(fraction).removeprefix("+")


# Words of the templates in statements.yml: the text for each comparison
WORDS: dict[str, Callable[[Effect], str]] = {
    "gain": gain,
    "cost": lambda effect: gain(effect, sign=-1),
    "paper": lambda e: "none" if e.published is None else plain(e.published),
    "bare": lambda effect: gain(effect, ""),
    "percent": lambda effect: gain(effect, " %"),
    "mean": lambda effect: plain(effect.mean),
    "without": lambda effect: f"{100 * effect.means[0]:.2f}",
    "with": lambda effect: f"{100 * effect.means[1]:.2f}",
    "share": lambda effect: f"{100 * effect.mean / effect.means[0]:.0f} %",
}
CONDITIONS: dict[str, Callable[[Effect], object]] = {
    "lower": lambda effect: effect.low > 0,  # the error
    "higher": lambda effect: effect.high < 0,
    "open": lambda effect: effect.low <= 0 <= effect.high,
    "unseen": lambda e: e.low <= 0 <= e.high and e.published and e.high < e.published,
    "inside": lambda effect: not effect.excludes_published,
}
SENTENCES: dict[str, dict[str, Any]] = read_yaml(BOOK / "statements.yml")


def written(
    entry: Mapping[str, Any], effects: Effects, holds: bool = True, **values: Any
) -> Statement:
    """A sentence of statements.yml from effects and other values; `holds`: whether what its own
    conditions do not say is true. KeyError names a comparison that is not there."""
    words = {w: {name: form(e) for name, e in effects.items()} for w, form in WORDS.items()}
    own = (true(effects[n]) for key, true in CONDITIONS.items() for n in entry.get(key, ()))
    return Statement(entry["text"].format_map(words | values), holds and all(own))


def step_size(e: Effects) -> Statement:
    """The finding on other learning rates and factors of the loss."""
    pairs = EXPERIMENTS["step_size"].comparisons
    rivals = [e[n] for n in e if pairs[n].without != "l2" and pairs[n].with_ == "STAR l2"]
    least, most = (100 * f(rival.mean for rival in rivals) for f in (min, max))
    entry = SENTENCES["pages"]["step_size 300w reduced"]
    return written(entry, e, all(rival.low > 0 for rival in rivals), least=least, most=most)


STATEMENTS: dict[tuple[str, ...], Callable[[Effects], Statement]] = {
    **{tuple(key.split()): partial(written, entry) for key, entry in SENTENCES["pages"].items()},
    ("step_size", "300w", "reduced"): step_size,
}


# Networks whose axes STAR loss brings closer to people's: whether beyond what faces explain
CLOSER = {"l2 +AAM": True, "l2, scale long": False, "smooth-l1, scale long": False}


def mechanism(
    noise: Mapping[str, Effects],
    widths: pd.DataFrame,
    law: Any,
    people: Mapping[str, Agreement],
) -> Statement:
    """noise: strength of the labels' noise -> comparison -> effect against the truth. people:
    network -> agreement of its heatmaps with people's scatter."""
    effects = {"with": noise["strength 3"]["l2"], "without": noise["strength 0"]["l2"]}
    ours, null = misfit(widths)
    names = {"plain": "smooth-l1", "star": "STAR smooth-l1", "random": "random directions"}
    areas = {name: people[network].areas for name, network in names.items()}
    holds = effects["with"].low < effects["without"].mean and ours < 0.5 * null
    holds &= law.rvalue > 0.98
    holds &= areas["star"][1] > 0 and areas["random"][1] > 0 and areas["plain"][2] < 0
    # What the page says below the table
    axes = {arm: closer(people[f"STAR {arm}"], people[arm]) for arm in CLOSER}
    holds &= all(v > 0 and (low > 0) == CLOSER[arm] for arm, (v, low, _) in axes.items())
    values: dict[str, Any] = {"ours": 100 * ours, "null": 100 * null, "law": law}
    values |= {name: value for name, (value, *_) in areas.items()}
    return written(SENTENCES["named"]["mechanism"], effects, holds, **values)


def training_step(closed: float, literal: float) -> Statement:
    """Shares of a training step that STAR loss takes in both forms."""
    shares = {"closed": 100 * closed, "literal": 100 * literal, "limit": 100 * NEGLIGIBLE}
    holds = closed <= NEGLIGIBLE < literal
    return written(SENTENCES["named"]["training_step"], {}, holds, **shares)


def ambiguity(angle: float, null: float) -> Statement:
    """angle, null: means over seeds, in degrees, of STAR l2 with DR on noisy labels and of STAR l2
    on exact ones."""
    return written(SENTENCES["named"]["ambiguity"], {}, angle < null < 40, angle=angle, null=null)


def first_screen(records: Records) -> str:
    """What holds, what does not, why, and how far to trust it (Markdown).

    ValueError with the sentence that the committed records do not bear.
    """
    e = headline_effects(records)
    if not all(effect.run for effect in e.values()):
        return "The runs behind the first page are not in these records."
    table3 = EXPERIMENTS["ablation_distance"]
    [run, *_] = records.arm_runs(table3, "300w", arms=["l2"])["l2"].values()
    data = run.provenance["data"]["train"]
    values = {
        "image_size": run.config.image_size, "epochs": run.config.epochs, **data,
        "longer": SCALES[SETTLED_SCALE]["epochs"],
        "seeds": counted(sorted({n for effect in e.values() for n in effect.seeds})),
    }  # fmt: skip
    holds = {"How far to trust this.": data["partial"]}
    sentences = {
        name: written(entry, e, holds.get(name, True), **values)
        for name, entry in SENTENCES["first"].items()
    }
    for statement in sentences.values():
        if not statement.holds:
            raise ValueError(f"the first page: no longer true: {statement.text}")
    return "\n\n".join(f"**{name}** {statement.text}" for name, statement in sentences.items())
