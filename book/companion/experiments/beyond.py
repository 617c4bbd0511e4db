"""Experiments that the paper does not have, and its reader asks for."""

from typing import Any

from companion.experiments.experiment import (
    BASELINE,
    LEVELS,
    Arms,
    Comparison,
    Experiment,
    planned,
    star_over,
    star_pair,
    star_pairs,
    table3,
)


def released_code() -> Experiment:
    released = {"convention": "released"}
    everything = {**released, "augmentation": "released", "crop": "released"}
    changes: Arms = {
        "released grid, epsilon and λ1 + λ2": released,
        "released augmentation": {"augmentation": "released"},
        "released crop": {"crop": "released"},
        "w 2, as the released w = 1": {"weight": 2},
        "scale inside d": {"loss": "star_inside"},
        "raw weights": {"ema_half_life": 1},
        "all released": everything,
    }
    arms = {
        **BASELINE,
        **changes,
        "baseline, released conventions": {"loss": "regression", **released},
        "baseline, all released": {"loss": "regression", **everything},
    }
    comparisons = {name: Comparison("STAR", name) for name in changes}
    comparisons["STAR over baseline, both released"] = Comparison(
        "baseline, released conventions", "released grid, epsilon and λ1 + λ2"
    )
    comparisons["STAR over baseline, all released"] = Comparison(
        "baseline, all released", "all released"
    )
    comparisons["w 2 over baseline"] = Comparison("baseline", "w 2, as the released w = 1")
    pair = ("baseline, released conventions", "released grid, epsilon and λ1 + λ2")
    return Experiment(
        "released_code", "What the released code does otherwise", "not in the paper",
        arms, comparisons,
        plan=planned(arms, "raw weights", "scale inside d", basic=("baseline", "STAR", *pair)),
    )  # fmt: skip


def training_length() -> Experiment:
    arms: Arms = {}
    comparisons: dict[str, Comparison] = {}
    for epochs in (18, 60, 180):
        before = f"{epochs} epochs "
        arms |= star_pairs(("smooth_l1", "l2"), before=before, epochs=epochs)
        comparisons |= {f"{before}{d}": star_pair(d, before) for d in ("smooth_l1", "l2")}
    return Experiment(
        "training_length", "Does the length of the training decide it?", "not in the paper",
        arms, comparisons, plan={"300w": {}},
    )  # fmt: skip


def step_size() -> Experiment:
    tuned: Arms = {
        **{f"l2, learning rate {r:g}": {"learning_rate": r} for r in (1e-3, 4e-3, 8e-3)},
        **{f"l2, loss × {w:g}": {"loss_weight": w} for w in (0.1, 10.0)},
    }
    l2 = {"loss": "regression", "distance": "l2"}
    arms = {**star_pairs(("l2",)), **{name: {**l2, **fields} for name, fields in tuned.items()}}
    return Experiment(
        "step_size", "Is it only a step size?", "not in the paper", arms,
        {
            **star_over(arms, ["l2", *tuned], "STAR l2"),
            **{f"{name} over l2": Comparison("l2", name) for name in tuned},
        },
        plan={"300w": {}},
    )  # fmt: skip


def alternatives() -> Experiment:
    regression = BASELINE["baseline"]
    arms: Arms = {
        **BASELINE,
        "STAR w 10": {"weight": 10},
        "STAR detach": {"restriction": "detach"},
        "regression with restriction": {"loss": "restricted_regression"},
        "Laplace NLL, heatmap": {"loss": "laplace_nll"},
        "AWing": {"loss": "awing"},
        "DR": {**regression, "dr": True},
        "STAR +DR": {"dr": True},
        "AAM": {**regression, "aam": True},
        "STAR +AAM": {"aam": True},
        "STAR l2": {"distance": "l2"},
    }
    basic, dr, aam = (table3(block, "smooth_l1") for block in ("basic", "dr", "aam"))
    printed = {
        "STAR": basic[1], "DR": dr[0], "STAR +DR": dr[1], "AAM": aam[0], "STAR +AAM": aam[1],
        "STAR l2": table3("basic", "l2")[1],
    }  # fmt: skip
    return Experiment(
        "alternatives", "What else lowers the error?", "not in the paper", arms,
        {
            f"{name} over baseline": Comparison(
                "baseline", name, (basic[0], printed[name]) if name in printed else None
            )
            for name in arms if name != "baseline"
        },
        plan=planned(arms, basic=("baseline", "STAR", "STAR l2")),
    )  # fmt: skip


def weight_and_tricks() -> Experiment:
    """Planned when STAR was known to lose with DR at w = 1, and before any run at another w."""
    arms: Arms = {}
    comparisons: dict[str, Comparison] = {}
    for block, trick in (("dr", "DR"), ("aam", "AAM")):
        arms[trick] = {**BASELINE["baseline"], block: True}
        arms[f"STAR +{trick}"] = {block: True}
        comparisons[f"STAR +{trick} over {trick}"] = Comparison(
            trick, f"STAR +{trick}", table3(block, "smooth_l1")
        )
        for w in (10, 20):
            name = f"STAR +{trick} w {w}"
            arms[name] = {block: True, "weight": w}
            comparisons[f"{name} over {trick}"] = Comparison(trick, name)
    return Experiment(
        "weight_and_tricks", "The weight of the restriction with DR and with AAM",
        "not in the paper", arms, comparisons,
        plan={"300w": {}},
    )  # fmt: skip


def noise() -> Experiment:
    pairs = ("smooth_l1", "l2")
    arms = star_pairs(pairs)
    return Experiment(
        "noise", "When does STAR help? Known annotation noise of other strengths",
        "not in the paper", arms, {d: Comparison(d, f"STAR {d}") for d in pairs},
        datasets=(*LEVELS, "synthface-1"),
        plan={level: dict.fromkeys(star_pairs(("l2",)), 3) for level in LEVELS}
        | {"synthface-1": {}},
    )  # fmt: skip


def backbones() -> Experiment:
    hrnet = {"backbone": "hrnet_w18", "stacks": 1}
    resnet = {"backbone": "resnet50", "stacks": 1, "output": "coordinates"}
    arms = {
        "HRNet-W18": {**hrnet, "loss": "regression"},
        "HRNet-W18 STAR": hrnet,
        "ResNet-50 coordinates, Wing": {**resnet, "loss": "regression", "distance": "wing"},
        "ResNet-50 coordinates, RLE": {**resnet, "loss": "rle"},
    }
    return Experiment(
        "backbones", "Other networks", "not in the paper", arms,
        {
            "HRNet-W18": Comparison("HRNet-W18", "HRNet-W18 STAR"),
            "RLE over Wing": Comparison(
                "ResNet-50 coordinates, Wing", "ResNet-50 coordinates, RLE"
            ),
        },
        plan={"300w": {}},
    )  # fmt: skip


def controls() -> Experiment:
    """What of STAR lowers the error, where it does: with l2, and with AAM."""
    l2 = {"distance": "l2"}
    arms = {
        **star_pairs(("l2",)),
        "isotropic l2": {"loss": "star_isotropic", **l2},
        "random directions l2": {"loss": "star_random", **l2},
        "STAR detach l2": {"restriction": "detach", **l2},
        "l2 with restriction": {"loss": "restricted_regression", **l2},
        "|e|^(4/3)": {"loss": "regression", "distance": "power_4_3"},
        **star_pairs(("l2",), after=" +AAM", aam=True),
        "isotropic l2 +AAM": {"loss": "star_isotropic", "aam": True, **l2},
        "random directions l2 +AAM": {"loss": "star_random", "aam": True, **l2},
    }
    basic = [name for name, fields in arms.items() if not fields.get("aam")]
    attentive = [name for name in arms if name not in basic]
    comparisons = {
        f"{name} over l2": Comparison("l2", name) for name in basic if name not in ("l2", "STAR l2")
    }
    for star, rivals in (("STAR l2", basic), ("STAR l2 +AAM", attentive)):
        comparisons |= star_over(arms, [name for name in rivals if name != star], star)
    return Experiment(
        "controls", "Which part of STAR loss lowers the error?", "not in the paper",
        arms, comparisons, plan=planned(arms, basic=("l2", "STAR l2")),
    )  # fmt: skip


def annotators() -> Experiment:
    """Labels of two people: their mean, or those of one of them drawn for each film."""
    sizes: dict[str, Any] = {"image_size": 128, "epochs": 150}
    arms = star_pairs(("l2", "smooth_l1"), **sizes)
    return Experiment(
        "annotators", "Does STAR loss help where annotators disagree?", "not in the paper",
        arms, {d: Comparison(d, f"STAR {d}") for d in ("l2", "smooth_l1")},
        datasets=("cephalo", "cephalo-one"), seeds=(0, 1, 2),
    )  # fmt: skip
