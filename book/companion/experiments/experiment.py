"""What an experiment is: arms, what is compared with what, and which runs that takes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from starlib.training.config import PROTOCOL, RunConfig

DISTANCES = ("l1", "smooth_l1", "l2", "wing")
BOTH = ("smooth_l1", "l2")  # the distances of most experiments
# synthface with noise of strength 3, 0 and 6, and of strength 3 without its direction.
LEVELS = ("synthface", "synthface-0", "synthface-6", "synthface-isotropic")
BLOCKS: dict[str, dict[str, Any]] = {"basic": {}, "dr": {"dr": True}, "aam": {"aam": True}}
SETTLED_SCALE = "long"  # the scale chosen by companion.experiments.schedule
# Closed scales: the protocol of their committed runs, of which all seeds are read. Others have the
# protocol of today.
PROTOCOLS = {"reduced": 1}
CLOSED_SEEDS = tuple(range(10))


@dataclass(frozen=True)
class Arm:
    """What a comparison compares: a config without its data set and seed.

    changes: fields of RunConfig that are not the scale's. name: `arm_name`, or one that is given.
    """

    changes: Mapping[str, Any]
    name: str

    def value(self, field: str) -> Any:
        """A field of RunConfig; its default where the arm leaves it as it is."""
        return self.changes.get(field, RunConfig.__dataclass_fields__[field].default)


Arms = dict[str, Arm]  # by name
LOSSES = {
    "regression": "", "star": "STAR", "star_isotropic": "isotropic",
    "star_random": "random directions", "star_inside": "scale inside d", "adl": "ADL",
    "mahalanobis": "Mahalanobis", "gaussian_nll": "Gaussian NLL, heatmap",
    "laplace_nll": "Laplace NLL, heatmap", "rle": "RLE", "awing": "AWing",
}  # fmt: skip


def arm_name(changes: Mapping[str, Any]) -> str:
    """The name of an arm: "STAR l2 +DR" or "96 l2". What is no part of a name, such as the depth,
    is left out."""
    loss, distance = changes.get("loss", "star"), changes.get("distance", "")
    words = [f"{changes['epochs']} epochs"] if "epochs" in changes else []
    words += [str(changes["image_size"])] if "image_size" in changes else []
    if loss == "restricted_regression":
        words.append(f"{distance or 'regression'} with restriction")
    else:
        words += [LOSSES[loss], changes.get("restriction", ""), distance]
    words += [f"constant {changes['adl_ratio']:g}"] if "adl_ratio" in changes else []
    words += [f"+{block.upper()}" for block in ("dr", "aam") if changes.get(block)]
    words += [f"w {changes['weight']}"] if "weight" in changes else []
    return " ".join(word for word in words if word).removeprefix("+") or "baseline"


def arms_of(*changes: Mapping[str, Any]) -> Arms:
    """Arms that are named by `arm_name`."""
    return {name: Arm(fields, name) for fields in changes for name in [arm_name(fields)]}


def named(changes: Mapping[str, Mapping[str, Any]]) -> Arms:
    """Arms with given names."""
    return {name: Arm(fields, name) for name, fields in changes.items()}


@dataclass(frozen=True)
class Comparison:
    """Two arms; the effect is the NME of `without` minus that of `with_`.

    published: addresses in published.yml of the paper's two NMEs, or of its effect alone;
        "{dataset}" stands for the data set. Where none is printed, None.
    """

    without: str
    with_: str
    published: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Experiment:
    """One table or figure of the paper, or a question beside it.

    comparisons: name -> the two arms.
    datasets: those it is run on here; any other works too.
    seeds: of every arm on a data set that `plan` leaves out.
    plan: data set -> arm -> number of seeds; an arm that it leaves out is not run. Written before
        the runs of a scale: no arm gets more seeds because of what they say.
    """

    name: str
    title: str
    paper: str
    arms: Arms
    comparisons: dict[str, Comparison]
    datasets: tuple[str, ...] = ("300w",)
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    plan: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    def seeds_of(self, arm: str, dataset: str, scale: str = "long") -> tuple[int, ...]:
        """The seeds on which an arm is run, without gaps from 0 where `plan` has the data set; all
        that were run at a closed scale."""
        if scale in PROTOCOLS:
            return CLOSED_SEEDS
        if dataset in self.plan:
            return tuple(range(self.plan[dataset].get(arm, 0)))
        return self.seeds

    def config(self, arm: str, dataset: str, seed: int, scale: str = "reduced") -> RunConfig:
        """The config of one run."""
        fields = {"protocol": PROTOCOLS.get(scale, PROTOCOL), **self.arms[arm].changes}
        return RunConfig.at(scale, dataset, seed=seed, **fields)

    def comparisons_at(self, dataset: str, scale: str) -> dict[str, Comparison]:
        """The comparisons, without those whose arms are one at this scale, as STAR loss and
        "float32" are at `full`."""
        at = {arm: self.config(arm, dataset, 0, scale) for arm in self.arms}
        return {n: p for n, p in self.comparisons.items() if at[p.without] != at[p.with_]}

    def configs(
        self,
        dataset: str,
        scale: str = "reduced",
        seeds: Sequence[int] | None = None,
        arms: Sequence[str] | None = None,
    ) -> list[RunConfig]:
        """The runs on a data set, seed by seed: the planned ones, or all arms or seeds that are
        given."""
        runs = [
            (seed, arm)
            for arm in arms or self.arms
            for planned in [self.seeds_of(arm, dataset, scale)]
            if arms or planned
            for seed in seeds or planned or self.seeds
        ]
        runs.sort(key=lambda run: run[0])
        return list(dict.fromkeys(self.config(arm, dataset, seed, scale) for seed, arm in runs))


def star_pairs(distances: Sequence[str] = DISTANCES, **changes: Any) -> Arms:
    """Each distance without and with STAR: "l2" and "STAR l2"."""
    kinds = [(distance, loss) for distance in distances for loss in ("regression", "star")]
    return arms_of(*({"loss": loss, "distance": distance, **changes} for distance, loss in kinds))


def pair(distance: str, published: tuple[str, ...] | None = None, **changes: Any) -> Comparison:
    """A distance without and with STAR."""
    without, with_ = star_pairs((distance,), **changes)
    return Comparison(without, with_, published)


def table3(block: str, distance: str) -> tuple[str, str]:
    """Where the paper's two errors stand in published.yml."""
    where = f"table3/{{dataset}}/{block}/{distance}"
    return f"{where}/0", f"{where}/1"


def pair_of_table3(distance: str, block: str = "basic", **changes: Any) -> Comparison:
    """A distance without and with STAR in a block of Table 3."""
    return pair(distance, table3(block, distance), **BLOCKS[block], **changes)


def over(
    with_: str, *without: str, published: tuple[str, ...] | None = None
) -> dict[str, Comparison]:
    """An arm over others, each a comparison named after both."""
    return {f"{with_} over {name}": Comparison(name, with_, published) for name in without}


REGRESSION: dict[str, Any] = {"loss": "regression"}
BASELINE = arms_of(REGRESSION, {})  # "baseline" and "STAR"


def planned(arms: Arms, *left_out: str, basic: Sequence[str] = ("baseline", "STAR")) -> Any:
    """On 300-W three seeds an arm, and five of those that Table 3's basic block has as well."""
    return {"300w": {n: 5 if n in basic else 3 for n in arms if n not in left_out}}
