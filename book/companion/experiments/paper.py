"""Every experiment as data: its arms, what is compared with what, and which runs that takes.

Adding an experiment is adding an entry to EXPERIMENTS: the list of runs, every table and figure,
and the rules in claims.yml read their arms and comparisons from it.
"""

from typing import Any

from companion.experiments import beyond, schedule
from companion.experiments.experiment import (
    BASELINE,
    BLOCKS,
    DISTANCES,
    LEVELS,
    SUFFIXES,
    Arms,
    Comparison,
    Experiment,
    planned,
    star_over,
    star_pair,
    star_pairs,
    table3,
)

__all__ = ["DISTANCES", "EXPERIMENTS", "WEIGHTS", "Comparison", "Experiment"]

WEIGHTS = (2, 3, 5, 10, 20)  # w of the value restriction, beside 1


def _blocks() -> Arms:
    arms: Arms = {}
    for block, fields in BLOCKS.items():
        arms |= star_pairs(after=SUFFIXES[block], **fields)
    return arms


def _ablation_distance() -> Experiment:
    arms = _blocks()
    basic = star_pairs()
    comparisons = {d: star_pair(d) for d in DISTANCES}
    for block in ("dr", "aam"):
        comparisons |= {f"{block} {d}": star_pair(d, block=block) for d in DISTANCES}
    for d in DISTANCES:
        published = (table3("dr", d)[1], table3("aam", d)[1])
        pair = (f"STAR {d} +DR", f"STAR {d} +AAM")
        comparisons[f"aam over dr {d}"] = Comparison(*pair, published)
    common = [name for name, fields in arms.items() if fields["distance"] in ("smooth_l1", "l2")]
    return Experiment(
        name="ablation_distance",
        title="STAR loss with each distance, with DR and with AAM",
        paper="Table 3 and Figure 5",
        arms=arms,
        comparisons=comparisons,
        datasets=("300w", "synthface", "scut-fbp5500"),
        plan={
            "300w": dict.fromkeys([*common, *star_pairs(after=SUFFIXES["aam"])], 3)
            | dict.fromkeys(basic, 5),
            "synthface": dict.fromkeys(star_pairs(("smooth_l1", "l2")), 3),
            "scut-fbp5500": {},
        },
    )


def _resolution() -> Experiment:
    arms: Arms = {}
    comparisons: dict[str, Comparison] = {}
    for size in (64, 96, 128, 256):
        # 96 pixels can be halved three times alone after the stem, as `reduced` does.
        fields: dict[str, Any] = {"image_size": size} | ({"depth": 3} if size == 96 else {})
        arms |= star_pairs(before=f"{size} ", **fields)
        printed = (f"figure4/{size}",) if size != 96 else None
        for d in DISTANCES:
            comparisons[f"{size} {d}"] = Comparison(f"{size} {d}", f"{size} STAR {d}", printed)
    for half in (64, 128):
        for d in DISTANCES:
            name = f"{d}, {half} px with STAR over {2 * half} px without"
            comparisons[name] = Comparison(f"{2 * half} {d}", f"{half} STAR {d}")
    seeds = {64: 3, 96: 5, 128: 3, 256: 0}  # 256 pixels take seven times the 96
    return Experiment(
        "resolution", "Resolution of the input", "Figure 4", arms, comparisons,
        plan={"300w": {name: seeds[fields["image_size"]] for name, fields in arms.items()}},
    )  # fmt: skip


def _restriction() -> Experiment:
    restricted = {"loss": "restricted_regression"}
    arms = {
        **BASELINE,
        **{f"STAR w {w}": {"weight": w} for w in WEIGHTS},
        "STAR none": {"restriction": "none"},
        "STAR detach": {"restriction": "detach"},
        "regression with restriction": restricted,
        "regression with restriction w 20": {**restricted, "weight": 20},
        **star_pairs(("l2",)),
        "l2 with restriction": {**restricted, "distance": "l2"},
        "AAM": {"loss": "regression", "aam": True},
        "STAR +AAM": {"aam": True},
        "STAR none +AAM": {"restriction": "none", "aam": True},
        "STAR detach +AAM": {"restriction": "detach", "aam": True},
    }
    basic = "table5/basic"
    restriction = "regression with restriction"
    published = (f"{basic}/baseline", f"{basic}/value")
    comparisons = {
        "STAR over baseline": Comparison("baseline", "STAR", published),
        **{
            f"w {w} over w 1": Comparison("STAR", f"STAR w {w}", ("table4/1", f"table4/{w}"))
            for w in WEIGHTS
        },
        "baseline over none": Comparison(
            "STAR none", "baseline", (f"{basic}/none", f"{basic}/baseline")
        ),
        "value over none": Comparison("STAR none", "STAR", (f"{basic}/none", f"{basic}/value")),
        "detach over none": Comparison(
            "STAR none", "STAR detach", (f"{basic}/none", f"{basic}/detach")
        ),
        "detach over baseline": Comparison(
            "baseline", "STAR detach", (f"{basic}/baseline", f"{basic}/detach")
        ),
        "value over detach": Comparison(
            "STAR detach", "STAR", (f"{basic}/detach", f"{basic}/value")
        ),
        # The paper has no such arm, and so no number beside it.
        f"STAR over {restriction}": Comparison(restriction, "STAR"),
        f"{restriction} over baseline": Comparison("baseline", restriction),
        f"{restriction} w 20 over baseline": Comparison("baseline", f"{restriction} w 20"),
        f"STAR w 20 over {restriction} w 20": Comparison(f"{restriction} w 20", "STAR w 20"),
        "l2 with restriction over l2": Comparison("l2", "l2 with restriction"),
        "STAR l2 over l2 with restriction": Comparison("l2 with restriction", "STAR l2"),
    }
    for name, pair in {
        "STAR over baseline": ("baseline", "value"),
        "baseline over none": ("none", "baseline"),
        "value over none": ("none", "value"),
        "detach over none": ("none", "detach"),
        "value over detach": ("detach", "value"),
    }.items():
        names = {"baseline": "AAM", "value": "STAR +AAM"}
        without, with_ = (names.get(form, f"STAR {form} +AAM") for form in pair)
        printed = (f"table5/aam/{pair[0]}", f"table5/aam/{pair[1]}")
        comparisons[f"aam {name}"] = Comparison(without, with_, printed)
    return Experiment(
        "restriction", "The eigenvalue restriction and its weight", "Tables 4 and 5",
        arms, comparisons, plan=planned(
            arms, "regression with restriction w 20", basic=("baseline", "STAR", "l2", "STAR l2")
        ),
    )  # fmt: skip


def _stability() -> Experiment:
    arms = star_pairs()
    printed = {"l2": ("figure6/l2/0", "figure6/l2/1")}
    return Experiment(
        "stability", "How much the predictions of models trained alike differ",
        "Figures 1 and 6", arms,
        {d: Comparison(d, f"STAR {d}", printed.get(d)) for d in DISTANCES},
        datasets=("300w", "synthface"),
        plan={"300w": dict.fromkeys(arms, 5), "synthface": {}},
    )  # fmt: skip


def _compare_adl() -> Experiment:
    arms = {
        **BASELINE,
        "ADL": {"loss": "adl"},
        "ADL constant 5": {"loss": "adl", "adl_ratio": 5.0},
        "ADL +AAM": {"loss": "adl", "aam": True},
        "STAR +AAM": {"aam": True},
    }
    comparisons = {
        **star_over(arms, ("baseline", "ADL constant 5")),
        # Table 6 is ADNet, which has AAM, against STAR in ADNet.
        "STAR over ADL": Comparison("ADL", "STAR"),
        "STAR +AAM over ADL +AAM": Comparison(
            "ADL +AAM", "STAR +AAM", ("table6/adl/full", "table6/star/full")
        ),
        "ADL over baseline": Comparison("baseline", "ADL"),
        "ADL constant 5 over baseline": Comparison("baseline", "ADL constant 5"),
    }
    return Experiment(
        "compare_adl", "Anisotropic direction loss", "Table 6", arms, comparisons,
        datasets=("300w", "synthface"),
        plan={**planned(arms, "ADL constant 5"), "synthface": {}},
    )  # fmt: skip


def _everything_but(arms: Arms, *names: str) -> list[str]:
    return [name for name in arms if name not in names]


def _compare_luvli() -> Experiment:
    arms: Arms = {
        **BASELINE,
        "Mahalanobis": {"loss": "mahalanobis"},
        "Gaussian NLL, heatmap": {"loss": "gaussian_nll"},
        "Laplace NLL, heatmap": {"loss": "laplace_nll"},
        "Gaussian NLL, Cholesky head": {"loss": "gaussian_nll", "covariance": "cholesky"},
        "Laplace NLL, Cholesky head": {"loss": "laplace_nll", "covariance": "cholesky"},
        "RLE": {"loss": "rle"},
        "AWing": {"loss": "awing"},
        "isotropic control": {"loss": "star_isotropic"},
        "random directions": {"loss": "star_random"},
        "scale inside d": {"loss": "star_inside"},
    }
    others = _everything_but(arms, "baseline", "STAR")
    comparisons = star_over(arms, ["baseline", *others])
    comparisons["STAR over Mahalanobis"] = Comparison(
        "Mahalanobis", "STAR", ("section54/mahalanobis", "section54/star")
    )
    comparisons |= {f"{name} over baseline": Comparison("baseline", name) for name in others}
    return Experiment(
        "compare_luvli", "Likelihoods, other losses and controls", "Section 5.4",
        arms, comparisons, datasets=("300w", "synthface"),
        plan={"300w": {"baseline": 5, "STAR": 5, "Mahalanobis": 3}, "synthface": {}},
    )  # fmt: skip


def _ambiguity() -> Experiment:
    arms = {
        **star_pairs(("l2",), after=" +DR", dr=True),
        **star_pairs(("smooth_l1", "l2")),
    }
    return Experiment(
        "ambiguity", "Is the first principal direction the ambiguous one?",
        "Section 4.1 and Figure 3", arms,
        {"dr l2": star_pair("l2", block="dr")} | {d: star_pair(d) for d in ("smooth_l1", "l2")},
        datasets=LEVELS,
        plan={level: dict.fromkeys(star_pairs(("l2",), after=" +DR"), 3) for level in LEVELS},
    )  # fmt: skip


def _cross_dataset() -> Experiment:
    pairs = ("l1", "smooth_l1", "l2")
    # The paper's numbers are of the videos of 300-VW, so none stands beside errors on 300-W.
    return Experiment(
        "cross_dataset", "Trained on 300-W, tested on another data set", "Table 2",
        star_pairs(pairs), {d: Comparison(d, f"STAR {d}") for d in pairs},
        plan={"300w": dict.fromkeys(star_pairs(pairs), 5)},
    )  # fmt: skip


EXPERIMENTS: dict[str, Experiment] = {
    experiment.name: experiment
    for experiment in (
        Experiment(
            "accuracy", "Accuracy beside published methods", "Table 1",
            star_pairs(("smooth_l1",), after=" +AAM", aam=True),
            {"aam smooth_l1": star_pair("smooth_l1", block="aam")}, seeds=(0, 1, 2),
        ),
        _cross_dataset(),
        _ablation_distance(),
        _resolution(),
        _restriction(),
        _stability(),
        _compare_adl(),
        _compare_luvli(),
        _ambiguity(),
        schedule.schedule(),
        beyond.controls(),
        beyond.annotators(),
        beyond.released_code(),
        beyond.training_length(),
        beyond.step_size(),
        beyond.weight_and_tricks(),
        beyond.noise(),
        beyond.alternatives(),
        beyond.backbones(),
    )
}  # fmt: skip
