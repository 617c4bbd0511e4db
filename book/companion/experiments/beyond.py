"""Experiments that the paper does not have, and its reader asks for."""

from typing import Any

from companion.experiments.experiment import (
    BASELINE,
    BOTH,
    LEVELS,
    REGRESSION,
    Arms,
    Comparison,
    Experiment,
    arms_of,
    named,
    over,
    pair,
    pair_of_table3,
    planned,
    star_pairs,
    table3,
)

NOT_IN_THE_PAPER = "not in the paper"


def _released_code() -> Experiment:
    released = {"convention": "released"}
    everything = {**released, "augmentation": "released", "crop": "released"}
    star, baseline = "released grid, epsilon and λ1 + λ2", "baseline, released conventions"
    doubled = "w 2, as the released w = 1"
    changes = named(
        {
            star: released,
            "released augmentation": {"augmentation": "released"},
            "released crop": {"crop": "released"},
            doubled: {"weight": 2},
            "scale inside d": {"loss": "star_inside"},
            "raw weights": {"ema_half_life": 1},
            "float32": {"precision": "float32"},
            "all released": everything,
        }
    )
    baselines = {baseline: released, "baseline, all released": everything}
    arms = BASELINE | changes | named({n: REGRESSION | own for n, own in baselines.items()})
    comparisons = {name: Comparison("STAR", name) for name in changes} | {
        "STAR over baseline, both released": Comparison(baseline, star),
        "STAR over baseline, all released": Comparison("baseline, all released", "all released"),
        "w 2 over baseline": Comparison("baseline", doubled),
    }
    basic = ("baseline", "STAR", baseline, star)
    return Experiment(
        "released_code", "What the released code does otherwise", NOT_IN_THE_PAPER,
        arms, comparisons, plan=planned(arms, "raw weights", "scale inside d", basic=basic),
    )  # fmt: skip


def _training_length() -> Experiment:
    lengths = (18, 60, 180)
    arms = [star_pairs(BOTH, epochs=n).items() for n in lengths]
    return Experiment(
        "training_length", "Does the length of the training decide it?", NOT_IN_THE_PAPER,
        {name: arm for pairs in arms for name, arm in pairs},
        {f"{n} epochs {d}": pair_of_table3(d, epochs=n) for n in lengths for d in BOTH},
        plan={"300w": {}},
    )  # fmt: skip


def _step_size() -> Experiment:
    l2 = REGRESSION | {"distance": "l2"}
    tuned = named(
        {f"l2, learning rate {r:g}": {**l2, "learning_rate": r} for r in (1e-3, 4e-3, 8e-3)}
        | {f"l2, loss × {w:g}": {**l2, "loss_weight": w} for w in (0.1, 10.0)}
    )
    comparisons = over("STAR l2", "l2", *tuned)
    for name in tuned:
        comparisons |= over(name, "l2")
    return Experiment(
        "step_size", "Is it only a step size?", NOT_IN_THE_PAPER,
        {**star_pairs(("l2",)), **tuned}, comparisons, plan={"300w": {}},
    )  # fmt: skip


def _alternatives() -> Experiment:
    dr, aam = {"dr": True}, {"aam": True}
    arms = BASELINE | arms_of(
        *({"weight": 10}, {"restriction": "detach"}),
        *({"loss": loss} for loss in ("restricted_regression", "laplace_nll", "awing")),
        *(REGRESSION | dr, dr, REGRESSION | aam, aam, {"distance": "l2"}),
    )
    basic = table3("basic", "smooth_l1")
    printed = {
        "STAR": basic[1],
        **dict(zip(("DR", "STAR +DR"), table3("dr", "smooth_l1"), strict=True)),
        **dict(zip(("AAM", "STAR +AAM"), table3("aam", "smooth_l1"), strict=True)),
        "STAR l2": table3("basic", "l2")[1],
    }
    comparisons: dict[str, Comparison] = {}
    for name in list(arms)[1:]:
        published = (basic[0], printed[name]) if name in printed else None
        comparisons |= over(name, "baseline", published=published)
    return Experiment(
        "alternatives", "What else lowers the error?", NOT_IN_THE_PAPER, arms, comparisons,
        plan=planned(arms, basic=("baseline", "STAR", "STAR l2")),
    )  # fmt: skip


def _weight_and_tricks() -> Experiment:
    """Planned when STAR was known to lose with DR at w = 1, and before any run at another w."""
    arms: Arms = {}
    comparisons: dict[str, Comparison] = {}
    for block in ("dr", "aam"):
        changes: list[dict[str, Any]] = [REGRESSION, {}, {"weight": 10}, {"weight": 20}]
        own = arms_of(*(fields | {block: True} for fields in changes))
        trick, usual, *others = own
        arms |= own
        comparisons |= over(usual, trick, published=table3(block, "smooth_l1"))
        for name in others:
            comparisons |= over(name, trick)
    return Experiment(
        "weight_and_tricks", "The weight of the restriction with DR and with AAM",
        NOT_IN_THE_PAPER, arms, comparisons, plan={"300w": {}},
    )  # fmt: skip


def _backbones() -> Experiment:
    hrnet = {"backbone": "hrnet_w18", "stacks": 1}
    resnet = {"backbone": "resnet50", "stacks": 1, "output": "coordinates"}
    wing, rle = (f"ResNet-50 coordinates, {loss}" for loss in ("Wing", "RLE"))
    arms = {
        "HRNet-W18": hrnet | REGRESSION, "HRNet-W18 STAR": hrnet,
        wing: resnet | REGRESSION | {"distance": "wing"}, rle: resnet | {"loss": "rle"},
    }  # fmt: skip
    return Experiment(
        "backbones", "Other networks", NOT_IN_THE_PAPER, named(arms),
        {
            "HRNet-W18": Comparison("HRNet-W18", "HRNet-W18 STAR"),
            "RLE over Wing": Comparison(wing, rle),
        },
        plan={"300w": {}},
    )  # fmt: skip


def _controls() -> Experiment:
    """What of STAR lowers the error, where it does: with l2, and with AAM."""
    l2, losses = {"distance": "l2"}, ("regression", "star", "star_isotropic", "star_random")
    basic = {
        **arms_of(*({"loss": loss, **l2} for loss in losses)),
        **arms_of({"restriction": "detach", **l2}, {"loss": "restricted_regression", **l2}),
        **named({"|e|^(4/3)": {"loss": "regression", "distance": "power_4_3"}}),
    }
    attentive = arms_of(*({"loss": loss, "aam": True, **l2} for loss in losses))
    comparisons: dict[str, Comparison] = {}
    for name in basic:
        if name not in ("l2", "STAR l2"):
            comparisons |= over(name, "l2")
    for star, rivals in (("STAR l2", basic), ("STAR l2 +AAM", attentive)):
        comparisons |= over(star, *(name for name in rivals if name != star))
    arms = basic | attentive
    return Experiment(
        "controls", "Which part of STAR loss lowers the error?", NOT_IN_THE_PAPER,
        arms, comparisons, plan=planned(arms, basic=("l2", "STAR l2")),
    )  # fmt: skip


SIZES = {"image_size": 128, "epochs": 150}  # of every arm on cephalograms, so in no name

EXPERIMENTS = (
    _controls(),
    # Labels of two people: their mean, or those of one of them drawn for each film.
    Experiment(
        "annotators", "Does STAR loss help where annotators disagree?", NOT_IN_THE_PAPER,
        named({n: {**arm.changes, **SIZES} for n, arm in star_pairs(("l2", "smooth_l1")).items()}),
        {d: pair(d) for d in ("l2", "smooth_l1")},
        datasets=("cephalo", "cephalo-one"), seeds=(0, 1, 2),
    ),
    _released_code(),
    _training_length(),
    # The pair of l2, which 60 epochs do not settle, at twice the epochs of the settled scale.
    Experiment(
        "longer", "Does the gain with l2 outlast the training?", NOT_IN_THE_PAPER,
        star_pairs(("l2",), epochs=120), {"120 epochs l2": pair_of_table3("l2", epochs=120)},
        plan=planned(star_pairs(("l2",), epochs=120)),
    ),
    # Half and twice the settled scale's batch, as the released code's settings are of the paper's.
    Experiment(
        "batch", "Does the batch decide it?", NOT_IN_THE_PAPER,
        named({f"batch {n}": {"batch_size": n, "epochs": 60} for n in (4, 8, 16)}),
        over("batch 4", "batch 8") | over("batch 16", "batch 8"),
        plan={"300w": {"batch 4": 3, "batch 8": 5, "batch 16": 3}},
    ),
    _step_size(),
    _weight_and_tricks(),
    Experiment(
        "noise", "When does STAR help? Known annotation noise of other strengths",
        NOT_IN_THE_PAPER, star_pairs(BOTH), {d: pair(d) for d in BOTH},
        datasets=(*LEVELS, "synthface-1"),
        plan={level: dict.fromkeys(star_pairs(("l2",)), 3) for level in LEVELS}
        | {"synthface-1": {}},
    ),
    _alternatives(),
    _backbones(),
)  # fmt: skip
