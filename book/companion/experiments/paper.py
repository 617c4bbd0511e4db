"""Every experiment as data: its arms, what is compared with what, and which runs that takes.

Adding an experiment is adding an entry to EXPERIMENTS: the list of runs, every table and figure,
and the rules in claims.yml read their arms and comparisons from it.
"""

from typing import Any

from companion.experiments import beyond, schedule
from companion.experiments.experiment import (
    BASELINE,
    BLOCKS,
    BOTH,
    DISTANCES,
    LEVELS,
    REGRESSION,
    Arms,
    Comparison,
    Experiment,
    arm_name,
    arms_of,
    named,
    over,
    pair,
    pair_of_table3,
    planned,
    star_pairs,
    table3,
)

WEIGHTS = (2, 3, 5, 10, 20)  # w of the value restriction, beside 1


def _ablation_distance() -> Experiment:
    arms: Arms = {}
    comparisons: dict[str, Comparison] = {}
    for block, changes in BLOCKS.items():
        arms |= star_pairs(**changes)
        before = "" if block == "basic" else f"{block} "
        comparisons |= {f"{before}{d}": pair_of_table3(d, block) for d in DISTANCES}
    for d in DISTANCES:
        published = (table3("dr", d)[1], table3("aam", d)[1])
        dr, aam = (arm_name({"distance": d, block: True}) for block in ("dr", "aam"))
        comparisons[f"aam over dr {d}"] = Comparison(dr, aam, published)
    common = [name for name, arm in arms.items() if arm.value("distance") in BOTH]
    return Experiment(
        "ablation_distance", "STAR loss with each distance, with DR and with AAM",
        "Table 3 and Figure 5", arms, comparisons,
        datasets=("300w", "synthface", "scut-fbp5500"),
        plan={
            "300w": dict.fromkeys([*common, *star_pairs(aam=True)], 3)
            | dict.fromkeys(star_pairs(), 5),
            "synthface": dict.fromkeys(star_pairs(BOTH), 3),
            "scut-fbp5500": {},
        },
    )  # fmt: skip


def _resolution() -> Experiment:
    arms: Arms = {}
    comparisons: dict[str, Comparison] = {}
    for size in (64, 96, 128, 256):
        # 96 pixels can be halved three times alone after the stem, as `reduced` does.
        changes: dict[str, Any] = {"image_size": size} | ({"depth": 3} if size == 96 else {})
        arms |= star_pairs(**changes)
        printed = (f"figure4/{size}",) if size != 96 else None
        comparisons |= {f"{size} {d}": pair(d, printed, **changes) for d in DISTANCES}
    for half in (64, 128):
        for d in DISTANCES:
            name = f"{d}, {half} px with STAR over {2 * half} px without"
            comparisons[name] = Comparison(f"{2 * half} {d}", f"{half} STAR {d}")
    seeds = {64: 3, 96: 5, 128: 3, 256: 0}  # 256 pixels take seven times the 96
    return Experiment(
        "resolution", "Resolution of the input", "Figure 4", arms, comparisons,
        plan={"300w": {name: seeds[arm.value("image_size")] for name, arm in arms.items()}},
    )  # fmt: skip


# The rows of Table 5.
FORMS: dict[str, dict[str, Any]] = {
    "baseline": REGRESSION,
    "value": {},
    "none": {"restriction": "none"},
    "detach": {"restriction": "detach"},
}


def _table5(with_: str, without: str, **block: Any) -> Comparison:
    one, other = (arm_name(FORMS[form] | block) for form in (without, with_))
    where = f"table5/{'aam' if block else 'basic'}"
    return Comparison(one, other, (f"{where}/{without}", f"{where}/{with_}"))


def _restriction() -> Experiment:
    control = {"loss": "restricted_regression"}
    arms = arms_of(
        *(REGRESSION, {}, *({"weight": w} for w in WEIGHTS), FORMS["none"], FORMS["detach"]),
        *(control, {**control, "weight": 20}),
        *(form | {"distance": "l2"} for form in (REGRESSION, {}, control)),
        *(form | {"aam": True} for form in FORMS.values()),
    )
    alone = "regression with restriction"  # the paper has no such arm, and so no number beside it
    forms = [
        *(("baseline", "none"), ("value", "none"), ("detach", "none")),
        *(("detach", "baseline"), ("value", "detach")),
    ]
    comparisons = {
        "STAR over baseline": _table5("value", "baseline"),
        **{
            f"w {w} over w 1": Comparison("STAR", f"STAR w {w}", ("table4/1", f"table4/{w}"))
            for w in WEIGHTS
        },
        **{f"{with_} over {without}": _table5(with_, without) for with_, without in forms},
        **over("STAR", alone),
        **over(alone, "baseline"),
        **over(f"{alone} w 20", "baseline"),
        **over("STAR w 20", f"{alone} w 20"),
        **over("l2 with restriction", "l2"),
        **over("STAR l2", "l2 with restriction"),
        "aam STAR over baseline": _table5("value", "baseline", aam=True),
        **{
            f"aam {with_} over {without}": _table5(with_, without, aam=True)
            for with_, without in forms
            if (with_, without) != ("detach", "baseline")
        },
    }
    return Experiment(
        "restriction", "The eigenvalue restriction and its weight", "Tables 4 and 5",
        arms, comparisons,
        plan=planned(arms, f"{alone} w 20", basic=("baseline", "STAR", "l2", "STAR l2")),
    )  # fmt: skip


def _compare_adl() -> Experiment:
    adl = {"loss": "adl"}
    arms = BASELINE | arms_of(adl, {**adl, "adl_ratio": 5.0}, {**adl, "aam": True}, {"aam": True})
    table6 = ("table6/adl/full", "table6/star/full")  # ADNet, which has AAM, against STAR in it
    return Experiment(
        "compare_adl", "Anisotropic direction loss", "Table 6", arms,
        {
            **over("STAR", "baseline", "ADL constant 5", "ADL"),
            **over("STAR +AAM", "ADL +AAM", published=table6),
            **over("ADL", "baseline"),
            **over("ADL constant 5", "baseline"),
        },
        datasets=("300w", "synthface"),
        plan={**planned(arms, "ADL constant 5"), "synthface": {}},
    )  # fmt: skip


def _compare_luvli() -> Experiment:
    cholesky = {"covariance": "cholesky"}
    arms = {
        **BASELINE,
        **arms_of(*({"loss": loss} for loss in ("mahalanobis", "gaussian_nll", "laplace_nll"))),
        **named(
            {
                "Gaussian NLL, Cholesky head": {"loss": "gaussian_nll", **cholesky},
                "Laplace NLL, Cholesky head": {"loss": "laplace_nll", **cholesky},
            }
        ),
        **arms_of({"loss": "rle"}, {"loss": "awing"}),
        **named({"isotropic control": {"loss": "star_isotropic"}}),
        **arms_of({"loss": "star_random"}, {"loss": "star_inside"}),
    }
    others = [name for name in arms if name not in BASELINE]
    comparisons = over("STAR", "baseline", *others)
    comparisons |= over(
        "STAR", "Mahalanobis", published=("section54/mahalanobis", "section54/star")
    )
    for name in others:
        comparisons |= over(name, "baseline")
    return Experiment(
        "compare_luvli", "Likelihoods, other losses and controls", "Section 5.4",
        arms, comparisons, datasets=("300w", "synthface"),
        plan={"300w": {"baseline": 5, "STAR": 5, "Mahalanobis": 3}, "synthface": {}},
    )  # fmt: skip


WITH_DR = star_pairs(("l2",), dr=True)
OF_TABLE2 = ("l1", "smooth_l1", "l2")
OF_FIGURE6 = {"l2": ("figure6/l2/0", "figure6/l2/1")}
EXPERIMENTS: dict[str, Experiment] = {
    experiment.name: experiment
    for experiment in (
        Experiment(
            "accuracy", "Accuracy beside published methods", "Table 1",
            star_pairs(("smooth_l1",), aam=True),
            {"aam smooth_l1": pair_of_table3("smooth_l1", "aam")}, seeds=(0, 1, 2),
        ),
        # The paper's numbers are of the videos of 300-VW, so none stands beside errors on 300-W.
        Experiment(
            "cross_dataset", "Trained on 300-W, tested on another data set", "Table 2",
            star_pairs(OF_TABLE2), {d: pair(d) for d in OF_TABLE2},
            plan={"300w": dict.fromkeys(star_pairs(OF_TABLE2), 5)},
        ),
        _ablation_distance(),
        _resolution(),
        _restriction(),
        Experiment(
            "stability", "How much the predictions of models trained alike differ",
            "Figures 1 and 6", star_pairs(), {d: pair(d, OF_FIGURE6.get(d)) for d in DISTANCES},
            datasets=("300w", "synthface"),
            plan={"300w": dict.fromkeys(star_pairs(), 5), "synthface": {}},
        ),
        _compare_adl(),
        _compare_luvli(),
        Experiment(
            "ambiguity", "Is the first principal direction the ambiguous one?",
            "Section 4.1 and Figure 3", WITH_DR | star_pairs(BOTH),
            {"dr l2": pair_of_table3("l2", "dr"), **{d: pair_of_table3(d) for d in BOTH}},
            datasets=LEVELS, plan={level: dict.fromkeys(WITH_DR, 3) for level in LEVELS},
        ),
        schedule.schedule(),
        *beyond.EXPERIMENTS,
    )
}  # fmt: skip
