"""The effects that the book's first screen shows, as headline.yml lists them."""

from companion.evidence.effects import comparison_effects
from companion.evidence.statistics import Effect
from companion.experiments.paper import EXPERIMENTS
from companion.experiments.records import Records
from companion.files import BOOK, read_yaml

SHOWN: dict[str, dict[str, str]] = read_yaml(BOOK / "headline.yml")


def headline_effects(records: Records) -> dict[str, Effect]:
    """Name -> effect of STAR loss, for the figure and the sentences of the first screen."""
    effects = {}
    for name, one in SHOWN.items():
        [effects[name]] = comparison_effects(
            records, EXPERIMENTS[one.get("experiment", "ablation_distance")],
            one.get("dataset", "300w"), [one["comparison"]], one.get("scale", "reduced"),
            against=one.get("against", "target"),
        ).values()  # fmt: skip
    return effects


def links() -> dict[str, str]:
    """Name in the figure -> the claim's place in the book."""
    return {n: f"claims.html#claim-{one['claim']}" for n, one in SHOWN.items() if "claim" in one}
