"""What an experiment is: arms, what is compared with what, and which runs that takes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from starlib.training.config import PROTOCOL, RunConfig

Arms = dict[str, dict[str, Any]]
DISTANCES = ("l1", "smooth_l1", "l2", "wing")
# synthface with noise of strength 3, 0 and 6, and of strength 3 without its direction.
LEVELS = ("synthface", "synthface-0", "synthface-6", "synthface-isotropic")
BLOCKS: Arms = {"basic": {}, "dr": {"dr": True}, "aam": {"aam": True}}  # of Table 3
# Closed scales: the protocol of their committed runs, of which all seeds are read.
PROTOCOLS = {"reduced": 1}
CLOSED_SEEDS = tuple(range(10))


def protocol_of(scale: str) -> int:
    """The protocol of a scale's runs."""
    return PROTOCOLS.get(scale, PROTOCOL)


SUFFIXES = {"basic": "", "dr": " +DR", "aam": " +AAM"}


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

    arms: name -> fields of RunConfig.
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
        fields = {"protocol": protocol_of(scale), **self.arms[arm]}
        return RunConfig.at(scale, dataset, seed=seed, **fields)

    def configs(
        self,
        dataset: str,
        scale: str = "reduced",
        seeds: Sequence[int] | None = None,
        arms: Sequence[str] | None = None,
    ) -> list[RunConfig]:
        """The runs on a data set, seed by seed: the planned ones, or all arms or seeds that are
        given. ValueError names what is not a list, stands twice, or is no arm."""
        for name, values, kind in (("seeds", seeds, int), ("arms", arms, str)):
            if values is not None:
                _check_list(name, values, kind)
        for arm in arms or ():
            if arm not in self.arms:
                raise ValueError(f"arms: expected some of {', '.join(self.arms)}, got {arm!r}")
        wanted = {
            arm: tuple(seeds)
            if seeds is not None
            else self.seeds_of(arm, dataset, scale) or self.seeds
            for arm in arms or self.arms
            if arms or self.seeds_of(arm, dataset, scale)
        }
        every = sorted({seed for chosen in wanted.values() for seed in chosen})
        configs = (
            self.config(arm, dataset, seed, scale)
            for seed in every
            for arm, chosen in wanted.items()
            if seed in chosen
        )
        return list(dict.fromkeys(configs))


def _check_list(name: str, values: object, kind: type) -> None:
    if isinstance(values, str) or not isinstance(values, Sequence) or not values:
        raise ValueError(f"{name}: expected a list of {kind.__name__}, got {values!r}")
    if len(set(values)) < len(values):
        raise ValueError(f"{name}: expected each once, got {values!r}")


def star_pairs(
    distances: Sequence[str] = DISTANCES, before: str = "", after: str = "", **fields: Any
) -> Arms:
    """Each distance without and with STAR: "l2" and "STAR l2", with what stands around it."""
    return {
        f"{before}{star}{distance}{after}": {"loss": loss, "distance": distance, **fields}
        for distance in distances
        for star, loss in (("", "regression"), ("STAR ", "star"))
    }


def table3(block: str, distance: str) -> tuple[str, str]:
    where = f"table3/{{dataset}}/{block}/{distance}"
    return f"{where}/0", f"{where}/1"


def star_pair(distance: str, before: str = "", block: str = "basic") -> Comparison:
    after = SUFFIXES[block]
    return Comparison(
        f"{before}{distance}{after}", f"{before}STAR {distance}{after}", table3(block, distance)
    )


def star_over(arms: Arms, without: Sequence[str], with_: str = "STAR") -> dict[str, Comparison]:
    return {f"{with_} over {name}": Comparison(name, with_) for name in arms if name in without}


BASELINE: Arms = {"baseline": {"loss": "regression"}, "STAR": {}}


def planned(arms: Arms, *left_out: str, basic: Sequence[str] = ("baseline", "STAR")) -> Any:
    """On 300-W three seeds an arm, and five of those that Table 3's basic block has as well."""
    return {"300w": {n: 5 if n in basic else 3 for n in arms if n not in left_out}}
