"""The rules of the settled scale: what they name exists and is planned, and code decides them."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

import prepare
from companion.evidence import hypotheses
from companion.evidence.annotators import Agreement
from companion.evidence.claims import SETTLED, claims_of_runs, judge_all, read_claims
from companion.evidence.hypotheses import Answer
from companion.evidence.published import printed_for
from companion.evidence.rules import planned_runs
from companion.evidence.statistics import contrast
from companion.evidence.verdicts import Verdict
from companion.experiments.paper import EXPERIMENTS
from companion.experiments.records import Records
from companion.experiments.schedule import ARMS, CANDIDATES, distances, schedule, settled
from companion.page import experiment_page
from companion.text import facts
from companion.text.verdicts import settled_claims, settled_hypotheses
from starlib.runs.records import Run
from starlib.training.config import SCALES
from tests.fakes import write_arms

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


def verdicts(results):
    found = judge_all(Records.load(results), scale="long", path=SETTLED)
    return {judgement.id: judgement for judgement in found}


def test_each_id_is_a_claim_and_without_runs_none_is_decided(tmp_path):
    found = verdicts(tmp_path)
    assert list(found) == [name for group in RULES["claims"] for name in group["ids"]]
    assert {j.verdict for j in found.values()} == {Verdict.NOT_RUN}
    assert found["improves-wing"].rule["comparisons"] == ["wing"]
    assert len(found["insensitive-to-weight"].rule["comparisons"]) == 5
    assert found["most-with-l2"].rule["comparisons"][0] == "l2"
    assert len(found["improves-with-aam"].rule["comparisons"]) == 4
    named = claims_of_runs("long")
    assert {name for names in named.values() for name in names} == set(found)


@pytest.mark.parametrize("group", RULES["claims"], ids=lambda group: group["ids"][0])
def test_another_setting_is_what_the_paper_prints_of_other_data(group):
    names = [claim for claim in read_claims(SETTLED) if claim["id"] in group["ids"]]
    pairs = [
        EXPERIMENTS[group["experiment"]].comparisons[name]
        for claim in names
        for name in claim["rule"]["comparisons"]
    ]
    printed = {printed_for(pair, group["dataset"]) for pair in pairs} - {None}
    assert (printed != {group["dataset"]}) == (group.get("setting") == "other")


def test_a_rule_decides_when_every_planned_seed_is_there_and_not_before(tmp_path):
    ablation = EXPERIMENTS["ablation_distance"]
    arms = {"l2": 0.05, "STAR l2": 0.046}
    write_arms(ablation, "300w", tmp_path, arms, seeds=4, spread=0.0005, scale="long")
    before = verdicts(tmp_path)["improves-l2"]
    assert before.verdict is Verdict.NOT_RUN and before.reason == "8 of 10 planned runs"
    assert before.effects == () and before.adjusted == ()
    write_arms(ablation, "300w", tmp_path, arms, spread=0.0005, scale="long")
    found = verdicts(tmp_path)
    assert found["improves-l2"].verdict is Verdict.SAME_SIZE
    assert found["improves-l1"].verdict is Verdict.NOT_RUN
    # The whole family counts: four claims, of which three are not run.
    assert found["improves-l2"].adjusted[0] == pytest.approx(4 * found["improves-l2"].effects[0].p)


def test_later_runs_of_a_family_take_back_no_verdict(tmp_path):
    ablation, first = EXPERIMENTS["ablation_distance"], {"l2": 0.05, "STAR l2": 0.0486}
    write_arms(ablation, "300w", tmp_path, first, spread=0.0006, scale="long")
    alone = verdicts(tmp_path)["improves-l2"].adjusted[0]
    others = {"l1": 0.05, "STAR l1": 0.047, "wing": 0.05, "STAR wing": 0.05}
    write_arms(ablation, "300w", tmp_path, others, spread=0.0006, scale="long")
    assert verdicts(tmp_path)["improves-l2"].adjusted[0] <= alone


def test_the_page_shows_no_effect_before_its_runs_are_finished(tmp_path):
    ablation, arms = EXPERIMENTS["ablation_distance"], {"l2": 0.05, "STAR l2": 0.046}
    write_arms(ablation, "300w", tmp_path, arms, seeds=4, scale="long")
    [waiting] = experiment_page("ablation_distance", "300w", "long", results=str(tmp_path),
                                comparisons=["l2"]).judgements  # fmt: skip
    assert waiting.verdict is Verdict.NOT_RUN
    claims, questions = (f(Records.load(tmp_path)) for f in (settled_claims, settled_hypotheses))
    assert "|" not in claims and "`improves-l2` 8 of 10," in claims
    assert f"{len(read_claims(SETTLED))} claims wait" in claims
    assert "|" not in questions and f"{len(RULES['hypotheses'])} hypotheses wait" in questions
    write_arms(ablation, "300w", tmp_path, arms, spread=0.0003, scale="long")
    claims = settled_claims(Records.load(tmp_path))
    assert claims.count("\n|") == 3 and "l2 distance. <claim-improves-l2>`" in claims
    assert "`improves-l2` " not in claims


def test_the_book_compares_arms_of_the_settled_scale_once_all_planned_seeds_are_run(
    tmp_path, monkeypatch
):
    ablation, results = EXPERIMENTS["ablation_distance"], tmp_path / "results"
    monkeypatch.setattr("companion.page.ROOT", tmp_path)  # whose results the book shows

    def compared(scale):
        where = ("ablation_distance", "300w", scale)
        page = experiment_page(*where, results=str(results), comparisons=["l2"], need_runs=False)
        discovered = prepare._compared(Records.load(results), ablation, *where[1:])
        return list(page.comparisons), list(discovered)

    for scale, seeds in (("long", 5), ("reduced", prepare.SEEDS)):
        write_arms(ablation, "300w", results, {"l2": 0.05}, seeds=5, scale=scale)
        write_arms(ablation, "300w", results, {"STAR l2": 0.04}, seeds=seeds - 1, scale=scale)
        assert compared(scale) == ([] if scale == "long" else ["l2"], [])
        write_arms(ablation, "300w", results, {"STAR l2": 0.04}, seeds=seeds, scale=scale)
        assert compared(scale) == (["l2"], ["l2"])


def test_what_the_closed_scale_says_stands_beside_and_answers_no_hypothesis(tmp_path):
    arms = {"l2 with restriction": 0.06, "STAR l2": 0.047}
    write_arms(EXPERIMENTS["restriction"], "300w", tmp_path, arms, seeds=3, spread=0.0003)
    shown = settled_hypotheses(Records.load(tmp_path))
    [row] = [row for row in shown.splitlines() if row.startswith("| The value restriction")]
    assert row.endswith("| **refuted**: +1.30 [+1.23, +1.37] |")
    assert "at the settled scale |" not in shown and "`restriction-alone` 0 of 8" in shown


# Effects in points with five seeds a side; the interval is about ± 2 spreads.
def effect(points, spread=0.02, means=None):
    seeds = spread * np.array([-1.2, -0.6, 0, 0.6, 1.2]) / 100
    one, other = means or (0.05 + points / 100, 0.05)
    return contrast([one + seeds, other + seeds])


WIDE = 0.5  # of a spread that leaves everything open
CASES = {
    "ambiguity-is-the-cause": [
        (effect(0.5), effect(0.4), effect(0.9)),
        (effect(0.1), effect(0.0), effect(0.9)),
        (effect(0.5), effect(0.0, WIDE), effect(0.9)),
    ],
    "heatmap-shows-ambiguity": [
        tuple(contrast([[a, a + 0.01, a - 0.01], [b, b + 0.01, b - 0.01]], w)
              for a, b, w in ((17, angle, (-1, 1)), (0.9, rank, (1, -1)), (2.6, ratio, (1, -1))))
        for angle, rank, ratio in ((29, 0.5, 1.3), (18, 0.9, 2.5), (29, 0.9, 2.5))
    ],
    "helps-where-annotators-disagree": [
        (effect(0.3), effect(0.0), effect(0.3), effect(0.1)),
        (effect(0.0), effect(-0.2), effect(0.3), effect(-0.1)),
        (effect(0.0), effect(-0.01), effect(0.3), effect(-0.1)),
    ],
    "gain-is-four-thirds": [(effect(0.05),), (effect(0.4),), (effect(0.1, WIDE),)],
    "directions-matter": [
        (effect(0.3), effect(0.0)),
        (effect(0.0), effect(0.0)),
        (effect(0.1), effect(0.01)),  # above zero, and within the margin
    ],
    "eccentricity-matters": [
        (effect(0.0), effect(0.3)),
        (effect(0.0), effect(0.0)),
        (effect(0.0, WIDE), effect(0.0)),
    ],
    "restriction-alone": [(effect(0.05),), (effect(1.2),), (effect(-0.5),)],
    "gain-without-value-term": [(effect(0.3),), (effect(0.0),), (effect(0.3, WIDE),)],
    "gain-outlasts-training": [(effect(0.3),), (effect(0.0),), (effect(0.3, WIDE),)],
    "released-weight": [
        (effect(0.12), effect(0.11)),
        (effect(0.0), effect(0.02)),
        (effect(0.12), effect(0.0)),
    ],
}  # fmt: skip
EACH = (Answer.SUPPORTED, Answer.REFUTED, Answer.OPEN)


@pytest.mark.parametrize(
    ("name", "effects", "expected"),
    [(name, *case) for name, cases in CASES.items() for case in zip(cases, EACH, strict=True)],
)
def test_effects_support_refute_or_leave_open_a_hypothesis(name, effects, expected):
    assert hypotheses.DECIDE[name](*effects) is expected


def test_a_hypothesis_on_several_effects_is_corrected_for_their_number():
    once = effect(0.0305)
    assert 0.025 < once.p < 0.05
    assert hypotheses.above(once) == [True] and hypotheses.above(once, once) == [False, False]


def agreement(angle, half=3.0, seed=0):
    draws = np.random.default_rng(seed).normal(angle, half / 2, 2000)
    return Agreement((angle, angle - half, angle + half), (0, 0, 0), (0, 0, 0), draws)


@pytest.mark.parametrize(
    ("star", "plain", "edges", "expected"),
    [
        (20, 35, 40, Answer.SUPPORTED),
        (20, 35, 20, Answer.OPEN),  # no nearer than the picture's edges
        (43, 60, 60, Answer.OPEN),  # chance is not excluded
        (30, 25, 40, Answer.REFUTED),
    ],
)
def test_heatmaps_are_closer_to_people_than_every_control_or_not(star, plain, edges, expected):
    found = hypotheses.heatmap_shows_annotators(
        agreement(star), agreement(plain, seed=1), agreement(edges, seed=2)
    )
    assert found is expected


@pytest.mark.parametrize(
    ("off", "widths", "expected"),
    [
        (1.1, (0.1, 0.2, 0.3, 0.4), Answer.SUPPORTED),
        (1.5, (0.1, 0.2, 0.3, 0.4), Answer.REFUTED),
        (1.1, (0.3, 0.3, 0.3, 0.3), Answer.REFUTED),  # a constant does better
        (1.2, (0.1, 0.2, 0.3, 0.4), Answer.OPEN),
    ],
)
def test_the_width_follows_its_optimum_better_than_a_constant_or_not(off, widths, expected):
    width = np.array(widths)
    table = pd.DataFrame({"width": width, "optimum": width / off})
    assert hypotheses.width_is_an_optimum(table) is expected


def test_the_residual_of_the_error_lies_within_one_percent_outside_or_across():
    assert hypotheses.error_follows_training_error(-0.5, 0.9) is Answer.SUPPORTED
    assert hypotheses.error_follows_training_error(1.1, 2.0) is Answer.REFUTED
    assert hypotheses.error_follows_training_error(-3.0, -1.5) is Answer.REFUTED
    assert hypotheses.error_follows_training_error(0.5, 1.5) is Answer.OPEN


@pytest.mark.parametrize("hypothesis", RULES["hypotheses"], ids=lambda h: h["id"])
def test_what_decides_a_hypothesis_is_among_the_runs_that_it_names(hypothesis):
    assert hypotheses.planned_runs(hypothesis)
    if hypothesis["id"] in hypotheses.DECIDE:
        planned = set(hypotheses.planned_runs(hypothesis))
        needed = {c for r in hypotheses.rules_of(hypothesis) for c in planned_runs(r, "long")}
        assert needed <= planned


def without_value_term(results):
    [one] = [h for h in RULES["hypotheses"] if h["id"] == "gain-without-value-term"]
    return hypotheses.tested(one, Records.load(results), lambda runs: {})


def test_a_hypothesis_is_answered_from_all_its_runs(tmp_path):
    controls = EXPERIMENTS["controls"]
    write_arms(controls, "300w", tmp_path, {"l2": 0.05}, spread=0.0003, scale="long")
    arms = {"STAR detach l2": 0.047}
    write_arms(controls, "300w", tmp_path, arms, seeds=2, spread=0.0003, scale="long")
    before = without_value_term(tmp_path)
    assert before.answer is Answer.NOT_RUN
    assert (before.planned, before.finished, before.reason) == (8, 7, "")
    write_arms(controls, "300w", tmp_path, arms, seeds=3, spread=0.0003, scale="long")
    after = without_value_term(tmp_path)
    assert after.answer is Answer.SUPPORTED and after.reason.startswith("+0.30 [")


def test_the_hypotheses_on_all_arms_are_answered_from_the_curves(tmp_path):
    both = [h for h in RULES["hypotheses"] if h["runs"]["experiment"] == "all"]
    configs = dict.fromkeys(c for h in both for c in hypotheses.planned_runs(h))
    faces = {"faces": 12, "fingerprint": "0123456789abcdef", "partial": True}
    provenance = {"data": {"train": faces, "test": faces}, "finished": "2026-01-01T00:00:00Z"}
    runs = []
    for number, config in enumerate(configs):
        error = 0.02 + 0.0002 * number
        nme = 1.5 * error * (1 + 0.001 * (-1) ** number)
        curves = {"error": [1.0, error], "width": [1.0, 0.0]}
        path = tmp_path / f"{number}.json"
        run = Run(config, {"common": {"nme": nme}}, curves, provenance, path)
        curves["width"][1] = 1.05 * hypotheses.mechanism.optimal_width(run)
        runs.append(run)
    records = Records(tmp_path, tuple(runs))
    found = {h["id"]: hypotheses.tested(h, records, lambda runs: {}) for h in both}
    assert found["width-is-an-optimum"].answer is Answer.SUPPORTED
    assert found["width-is-an-optimum"].reason.startswith("median misfit 5 %")
    assert found["error-follows-training-error"].answer is Answer.SUPPORTED


def test_the_schedule_is_chosen_on_arms_without_star_loss():
    assert all(arm.value("loss") == "regression" for arm in schedule().arms.values())
    chosen = {name: SCALES["long"][name] for name in ("epochs", "milestones")}
    assert chosen in [{"milestones": (0.4, 0.7, 0.9)} | fields for fields in CANDIDATES.values()]


def test_a_schedule_is_settled_where_all_criteria_are_met():
    nmes = dict(zip(ARMS, (3.55, 4.1, 3.35, 3.31), strict=True))
    found = distances(nmes)
    assert settled(found) and found["gain of DR"] == pytest.approx(0.2)
    assert found["penalty of l2"] == pytest.approx(0.55)
    assert not settled(distances(nmes | {"smooth_l1 +AAM": 3.29}))
    assert not settled(distances(nmes | {"smooth_l1": 3.61, "smooth_l1 +AAM": 3.5}))
    assert not settled(distances({"smooth_l1": 3.5}))


def test_what_twice_the_epochs_change_is_said_once_both_runs_are_there(tmp_path):
    experiment = schedule()

    def write(length, nmes, seeds):
        arms = {f"{length}: {arm}": nme / 100 for arm, nme in nmes.items()}
        write_arms(experiment, "300w", tmp_path, arms, seeds, spread=0)
        return facts.schedules(Records.load(tmp_path))

    short = write("60 epochs, late", dict(zip(ARMS, (3.5, 4.0, 3.4, 3.55), strict=True)), 3)
    assert "| 60 epochs, late | 2 |" in short and "Twice" not in short
    write("120 epochs, late", {"l2": 3.7}, 2)  # another experiment's second seed is not read
    both = write("120 epochs, late", {"smooth_l1": 3.4, "l2": 3.7}, 1)
    assert "meets every limit on 2 seeds" in both
    changes = "Twice the epochs take smooth-l1 from 3.50 to 3.40 and l2 from 4.00 to 3.70"
    assert f"{changes} (one seed), and the penalty of l2 from 0.50 to 0.30." in both
