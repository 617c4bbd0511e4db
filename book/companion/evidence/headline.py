"""The effects that the book's first screen shows."""

from companion.evidence.effects import comparison_effects
from companion.evidence.statistics import Effect
from companion.experiments.experiment import SETTLED_SCALE
from companion.experiments.paper import EXPERIMENTS
from companion.experiments.records import Records

TABLE3, NOISE, CLOSED = "ablation_distance", "noise", "reduced"
# Name in the figure -> experiment, data set, scale, comparison, what errors are measured against,
# claim
SHOWN: dict[str, tuple[str, str, str, str, str, str]] = {
    "l1": (TABLE3, "300w", CLOSED, "l1", "target", "improves-l1"),
    "smooth-l1": (TABLE3, "300w", CLOSED, "smooth_l1", "target", "improves-smooth-l1"),
    "smooth-l1, 60 epochs": (
        TABLE3, "300w", SETTLED_SCALE, "smooth_l1", "target", "improves-smooth-l1",
    ),
    "smooth-l1, w = 2": ("released_code", "300w", CLOSED, "w 2 over baseline", "target", ""),
    "Wing": (TABLE3, "300w", CLOSED, "wing", "target", "improves-wing"),
    "l2": (TABLE3, "300w", CLOSED, "l2", "target", "improves-l2"),
    "l2, 60 epochs": (TABLE3, "300w", SETTLED_SCALE, "l2", "target", "improves-l2"),
    "l2 without directions, 60 epochs": (
        "controls", "300w", SETTLED_SCALE, "isotropic l2 over l2", "target", "",
    ),
    "smooth-l1 with DR": (TABLE3, "300w", CLOSED, "dr smooth_l1", "target", "improves-with-dr"),
    "smooth-l1 with AAM": (TABLE3, "300w", CLOSED, "aam smooth_l1", "target", "improves-with-aam"),
    "l2, rendered faces": (
        NOISE, "synthface", CLOSED, "l2", "clean", "improves-known-ambiguity-l2",
    ),
    "l2, rendered faces, exact labels": (
        NOISE, "synthface-0", CLOSED, "l2", "clean", "improves-known-ambiguity-l2",
    ),
}  # fmt: skip


def headline_effects(records: Records) -> dict[str, Effect]:
    """Name -> effect of STAR loss, for the figure and the sentences of the first screen."""
    effects = {}
    for name, (experiment, dataset, scale, comparison, against, _) in SHOWN.items():
        [effects[name]] = comparison_effects(
            records, EXPERIMENTS[experiment], dataset, [comparison], scale, against=against
        ).values()
    return effects


def links() -> dict[str, str]:
    """Name in the figure -> the claim's place in the book."""
    return {name: f"claims.html#claim-{claim}" for name, (*_, claim) in SHOWN.items() if claim}
