"""The rules of the settled scale: what they name exists, and its seeds are planned."""

from pathlib import Path

import pytest
import yaml

from companion.experiments.paper import EXPERIMENTS
from companion.experiments.schedule import ARMS, CANDIDATES, judged, schedule
from starlib.training.config import SCALES

RULES = yaml.safe_load((Path(__file__).parents[2] / "book" / "settled.yml").read_text("utf-8"))
PARTS = [*RULES["claims"], *(h["runs"] for h in RULES["hypotheses"])]


@pytest.mark.parametrize("rule", [p for p in PARTS if p["experiment"] != "all"], ids=str)
def test_every_arm_of_a_rule_is_planned_on_three_seeds(rule):
    experiment = EXPERIMENTS[rule["experiment"]]
    names = [name for key in ("each", "mean", "minus", "others") for name in rule.get(key, [])]
    names += [rule[key] for key in ("first", "comparison") if key in rule]
    arms = rule.get("arms", [])
    for name in names:
        arms = [*arms, experiment.comparisons[name].without, experiment.comparisons[name].with_]
    assert arms
    for dataset in rule.get("datasets") or [rule["dataset"]]:
        for arm in arms:
            assert len(experiment.seeds_of(arm, dataset)) >= 3


def test_hypotheses_say_what_supports_and_what_refutes_them_and_have_a_null():
    for hypothesis in RULES["hypotheses"]:
        assert {"id", "states", "runs", "control", "supported", "refuted"} == set(hypothesis)


def test_the_schedule_is_chosen_on_arms_without_star_loss():
    assert all(arm.value("loss") == "regression" for arm in schedule().arms.values())
    chosen = {name: SCALES["long"][name] for name in ("epochs", "milestones")}
    assert chosen in [{"milestones": (0.4, 0.7, 0.9)} | fields for fields in CANDIDATES.values()]


def test_a_schedule_is_settled_where_all_criteria_are_met():
    nmes = dict(zip(ARMS, (3.55, 4.1, 3.35, 3.31), strict=True))
    found = judged(nmes)
    assert found.settled and found.gains["DR"] == pytest.approx(0.2)
    assert found.penalty == pytest.approx(0.55)
    assert not judged(nmes | {"smooth_l1 +AAM": 3.29}).settled
    assert not judged(nmes | {"smooth_l1": 3.61, "smooth_l1 +AAM": 3.5}).settled
    assert judged({"smooth_l1": 3.5}).settled is None and judged({}) is None
