"""Rules and verdicts: every kind is decided by code, and a wrong rule is named."""

import numpy as np
import pytest
import yaml

from companion.bench import summary as costs
from companion.evidence import ambiguity, claims, rules
from companion.evidence.statistics import contrast
from companion.evidence.verdicts import by_leads, by_not_worse, by_sign, summary
from companion.experiments.paper import EXPERIMENTS
from tests.fakes import write_arms, write_run

ABLATION, RESTRICTION = EXPERIMENTS["ablation_distance"], EXPERIMENTS["restriction"]


def verdicts(results, **options):
    return {v.id: v for v in claims.judge_all(results, **options)}


def judged(tmp_path, rule, results=None):
    """The verdict on one rule, alone in its file."""
    path = tmp_path / "claims.yml"
    path.write_text(yaml.safe_dump([{"id": "x", "claim": "c", "source": "s", "rule": rule}]))
    return claims.judge_all(results or tmp_path, path=path)[0]


EFFECT = {
    "kind": "effect", "table": "t", "experiment": "ablation_distance", "dataset": "300w",
    "comparisons": ["l2"],
}  # fmt: skip


def test_every_claim_has_a_rule_that_code_evaluates_and_no_run_is_no_verdict(tmp_path):
    found = verdicts(tmp_path)
    assert len(found) == 40
    kinds = {v.rule["kind"] for v in found.values()}
    assert kinds == {*rules.KINDS, *claims.DIRECT}
    for verdict in found.values():
        if verdict.rule["kind"] in (*rules.KINDS, "cost"):
            assert verdict.verdict == "not run yet", verdict.id
    assert found["cross-dataset"].verdict == "not testable here"
    assert found["mean-effect-cofw"].verdict == "contradicted"
    assert found["mean-effect-wflw"].verdict == "replicated"
    assert found["parameters"].verdict == "contradicted"
    assert "13,368,708 at depth 4" in found["parameters"].reason


@pytest.mark.parametrize(
    ("with_star", "spread", "verdict"),
    [
        (0.046, 0.0005, "replicated"),
        (0.054, 0.0005, "contradicted"),
        (0.0499, 0.0005, "no effect of that size"),
        (0.0499, 0.004, "underpowered"),
    ],
)
def test_an_effect_is_judged_by_its_interval_and_the_papers_effect(
    tmp_path, with_star, spread, verdict
):
    write_arms(ABLATION, "300w", tmp_path, {"l2": 0.05, "STAR l2": with_star}, spread=spread)
    found = judged(tmp_path, EFFECT)
    assert found.verdict == verdict
    for word in ("points", "5 seeds", "after Holm", "the paper's +0.40", "power to see it"):
        assert word in found.reason
    assert ("inside" in found.reason) != bool(found.effects[0].excludes_published)


def test_an_effect_above_the_papers_is_not_called_smaller():
    effect = contrast([[0.060, 0.059, 0.061], [0.050, 0.051, 0.049]], published=0.001)
    assert effect.excludes_published and effect.low > effect.published
    assert by_sign(EFFECT, [effect], [0.06])[0] == "underpowered"  # after Holm's correction


def test_two_seeds_are_too_few_for_a_verdict(tmp_path):
    write_arms(ABLATION, "300w", tmp_path, {"l2": 0.05, "STAR l2": 0.04}, seeds=2)
    found = judged(tmp_path, EFFECT)
    assert found.verdict == "not run yet" and "2 of the 3 seeds" in found.reason


def test_other_claims_of_a_table_make_a_verdict_harder(tmp_path):
    write_arms(ABLATION, "300w", tmp_path, {"l2": 0.05, "STAR l2": 0.0484}, spread=0.0006)
    alone = verdicts(tmp_path)["improves-l2"]
    assert alone.verdict == "replicated" and alone.adjusted[0] < 0.05
    others = {"l1": 0.05, "STAR l1": 0.05, "smooth_l1": 0.05, "STAR smooth_l1": 0.05}
    write_arms(ABLATION, "300w", tmp_path, others)
    beside = verdicts(tmp_path)["improves-l2"]
    assert beside.adjusted[0] == pytest.approx(3 * alone.adjusted[0])
    # Those of a page are corrected for the whole table too.
    page = verdicts(tmp_path, experiment="ablation_distance", dataset="300w")
    assert page["improves-l2"].adjusted == beside.adjusted
    assert set(page) < set(verdicts(tmp_path))
    full = verdicts(tmp_path, experiment="ablation_distance", scale="full")
    assert {v.verdict for v in full.values()} == {"no verdict"}


def test_the_largest_effect_must_beat_each_of_the_others(tmp_path):
    nmes = {"l2": 0.06, "STAR l2": 0.05, "l1": 0.05, "STAR l1": 0.049}
    write_arms(ABLATION, "300w", tmp_path, nmes)
    rule = {**EFFECT, "kind": "largest", "comparisons": ["l2", "l1"]}
    assert judged(tmp_path, rule).verdict == "replicated"
    assert judged(tmp_path, {**rule, "comparisons": ["l1", "l2"]}).verdict == "contradicted"
    write_arms(ABLATION, "300w", tmp_path, {"wing": 0.06, "STAR wing": 0.05})
    found = judged(tmp_path, {**rule, "comparisons": ["l2", "l1", "wing"]})
    assert found.verdict == "underpowered" and "l2 minus wing" in found.reason


def test_effects_are_averaged_over_comparisons(tmp_path):
    nmes = {"smooth_l1 +DR": 0.05, "STAR smooth_l1 +DR": 0.048}
    nmes |= {"l2 +DR": 0.06, "STAR l2 +DR": 0.054}
    write_arms(ABLATION, "300w", tmp_path, nmes)
    (effect,) = verdicts(tmp_path)["improves-with-dr"].effects
    assert effect.mean == pytest.approx(0.004, abs=1e-4)
    assert effect.published == pytest.approx((0.06 + 0.21) / 2 / 100)


@pytest.mark.parametrize(
    ("nme", "spread", "verdict"),
    [(0.0501, 0.0002, "replicated"), (0.06, 0.0002, "contradicted"),
     (0.0501, 0.004, "underpowered")],
)  # fmt: skip
def test_equivalence_needs_the_whole_interval_within_the_margin(tmp_path, nme, spread, verdict):
    arms = {"STAR": 0.05, "STAR w 5": 0.05, "STAR w 10": 0.05, "STAR w 20": nme}
    write_arms(RESTRICTION, "300w", tmp_path, arms, spread=spread)
    found = verdicts(tmp_path)["insensitive-to-weight"]
    assert found.verdict == verdict and "w 20 over w 1" in found.reason


@pytest.mark.parametrize(
    ("nme", "spread", "verdict"),
    [(0.0505, 0.0002, "replicated"), (0.06, 0.0002, "contradicted"),
     (0.0505, 0.004, "underpowered")],
)  # fmt: skip
def test_not_worse_needs_the_interval_above_the_margin(tmp_path, nme, spread, verdict):
    arms = {"128 smooth_l1": 0.05, "64 STAR smooth_l1": nme}
    write_arms(EXPERIMENTS["resolution"], "300w", tmp_path, arms, spread=spread)
    found = verdicts(tmp_path)["half-resolution-suffices"]
    assert found.verdict == verdict
    assert found.reason.startswith("smooth_l1, 64 px with STAR over 128 px without: ")


def around(centre, spread=0.0001):
    """The effect of two arms on three seeds: `centre` points, interval ± 3 spreads or so."""
    seeds = spread * np.array([-1, 0, 1])
    return contrast([0.05 + centre / 100 + seeds, 0.05 + seeds])


def test_a_loss_within_the_margin_is_not_worse_and_one_beyond_it_is():
    rule = {"margin": 0.1}
    for centre, verdict in ((-0.06, "replicated"), (-0.1, "underpowered"), (-0.2, "contradicted")):
        effect = around(centre)
        assert by_not_worse(rule, [effect], [])[0] == verdict
    assert around(-0.06).high < 0  # worse than 0, and yet within the margin


def test_one_lead_that_is_lost_contradicts_the_largest():
    rule, ahead, behind = {"comparisons": ["a", "b", "c"]}, around(0.5), around(-0.5)
    assert by_leads(rule, [ahead, ahead], [0.01, 0.01])[0] == "replicated"
    assert by_leads(rule, [ahead, behind], [0.01, 0.01])[0] == "contradicted"
    assert by_leads(rule, [ahead, behind], [0.01, 0.2])[0] == "underpowered"


def test_claims_that_cannot_be_decided_do_not_make_a_verdict_harder(tmp_path):
    decided = {"l2": 0.05, "STAR l2": 0.0484}
    write_arms(ABLATION, "300w", tmp_path, decided, spread=0.0006)
    alone = verdicts(tmp_path)["improves-l2"].adjusted
    write_arms(ABLATION, "300w", tmp_path, {"l1": 0.05, "STAR l1": 0.049}, seeds=2)
    beside = verdicts(tmp_path)
    assert beside["improves-l1"].verdict == "not run yet"
    assert beside["improves-l2"].adjusted == alone


def test_the_claim_that_none_is_worse_holds_if_its_error_is_higher(tmp_path):
    write_arms(RESTRICTION, "300w", tmp_path, {"baseline": 0.05, "STAR none": 0.06, "STAR": 0.049})
    found = verdicts(tmp_path)
    assert found["restriction-essential"].verdict == "replicated"
    assert found["restriction-essential"].reason.startswith("baseline over none: +1.00")
    assert found["value-better-than-none"].verdict == "replicated"
    assert found["detach-better-than-none"].verdict == "not run yet"


@pytest.mark.parametrize(("widths", "verdict"), [((1.0, 0.3), "replicated"),
                                                 ((0.3, 1.0), "contradicted")])  # fmt: skip
def test_width_compares_the_last_epoch(tmp_path, widths, verdict):
    for arm, width in zip(("STAR none", "STAR"), widths, strict=True):
        for seed in range(3):
            config = RESTRICTION.config(arm, "300w", seed)
            write_run(config, tmp_path, 0.05, width=width + 0.01 * seed)
    assert verdicts(tmp_path)["eigenvalues-grow-without-restriction"].verdict == verdict


def test_stability_is_judged_by_region(tmp_path):
    stability = EXPERIMENTS["stability"]
    for arm, noise in (("l2", 0.02), ("STAR l2", 0.015)):
        for seed in range(5):
            write_run(stability.config(arm, "300w", seed), tmp_path, 0.05, noise=noise)
    found = verdicts(tmp_path)
    assert found["more-stable"].verdict == "replicated"
    reason = found["more-stable"].reason
    assert "the paper's change, on our spread, +0.36" in reason  # 12.7 % of 2.83
    assert "as a change of the variance it would be +0.19" in reason  # 1 - sqrt(1 - 0.127)
    assert found["stability-at-the-contour"].verdict == "underpowered"
    assert found["more-stable-smooth-l1"].verdict == "not run yet"


@pytest.mark.parametrize("turned", [False, True])
def test_directions_and_ratios_are_judged_over_seeds(tmp_path, turned):
    noise = 50 * ambiguity.noise_covariance("synthface", 20)
    if turned:  # and as long where nothing is ambiguous
        noise = np.linalg.inv(noise) * np.linalg.det(noise)[..., None, None]
        noise = noise[:, ::-1]
    for seed in range(3):
        config = EXPERIMENTS["ambiguity"].config("STAR l2 +DR", "synthface", seed)
        shaken = noise * (1 + 0.01 * seed)
        write_run(config, tmp_path, 0.05, faces=20, covariance=shaken)
    found = verdicts(tmp_path)
    verdict = "contradicted" if turned else "replicated"
    assert found["first-component-is-the-ambiguous-direction"].verdict == verdict
    assert found["energy-is-ambiguity"].verdict == verdict
    assert found["contour-is-anisotropic"].verdict == verdict
    assert "°" in found["first-component-is-the-ambiguous-direction"].reason


def test_the_literal_form_is_judged_by_itself():
    times = {"step with star": 1.0, "star loss": 0.01, "regression loss": 0.005}
    sizes = [
        {"batch": b, "points": 98, "side": 64, "seconds": {"transcription": {"median": 0.01 * b}}}
        for b in (1, 16)
    ]
    record = {
        "machine": {"device_name": "one"},
        "step": {
            "batch": 2,
            "config": {"stacks": 4, "image_size": 256},
            "seconds": {name: {"median": value} for name, value in times.items()},
        },
        "loss": {"sizes": sizes},
    }
    share, measured = costs.form_share(record, "literal")
    assert share == pytest.approx(0.08 / 1.07, rel=1e-3) and not measured
    verdict, reason = costs.judged([record], 0.02, "literal")
    assert verdict == "contradicted" and "from the times of the loss alone" in reason
    assert costs.judged([record], 0.02, "ours")[0] == "replicated"
    record["step"]["seconds"]["transcription loss"] = {"median": 0.03}
    assert costs.form_share(record, "literal") == (pytest.approx(0.03 / 1.02), True)
    with pytest.raises(ValueError, match="form: expected ours or literal"):
        costs.form_share(record, "other")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "guess"}, "x: kind: expected one of effect, .*, got 'guess'"),
        ({"margin": 0.1}, "x: margin: a rule of kind effect has no such key"),
        ({"table": None}, "x: a rule of kind effect needs the key 'table'"),
        ({"experiment": "magic"}, "x: experiment: expected one of accuracy, .*, got 'magic'"),
        ({"dataset": "400w"}, "x: dataset: expected one of .*, got '400w'"),
        ({"comparisons": ["l3"]}, "x: comparisons: expected one of l1, .*, got 'l3'"),
        ({"against": "noise"}, "x: against: expected one of target, clean, got 'noise'"),
        ({"kind": "stability", "region": "ear"}, "x: region: expected one of .*, got 'ear'"),
        ({"kind": "width", "arms": ["l2"]}, "x: comparisons: a rule of kind width has no such"),
    ],
)
def test_a_wrong_rule_is_named_with_its_key(tmp_path, change, message):
    rule = {key: value for key, value in (EFFECT | change).items() if value is not None}
    with pytest.raises(ValueError, match=message):
        judged(tmp_path, rule)


def test_a_claim_stands_once_and_whole(tmp_path):
    rule = {"kind": "not_testable", "text": "no"}
    claim = {"id": "x", "claim": "c", "source": "s", "rule": rule}
    path = tmp_path / "claims.yml"
    path.write_text(yaml.safe_dump([claim, claim]))
    with pytest.raises(ValueError, match="claims.yml, x: stands twice"):
        claims.judge_all(tmp_path, path=path)
    path.write_text(yaml.safe_dump([{"id": "x", "rule": rule}]))
    with pytest.raises(ValueError, match="claims.yml, x: expected the key 'claim'"):
        claims.judge_all(tmp_path, path=path)


def test_verdicts_are_counted_in_a_sentence():
    replicated, no_effect = "replicated", "no effect of that size"
    mixed = [replicated, no_effect, no_effect, "not run yet"]
    assert summary(mixed) == (
        "Of four claims, one is replicated, two show no effect of that size and one is not run yet."
    )
    assert summary([no_effect] * 2) == "Both claims show no effect of that size."
    assert summary([replicated], " of the paper") == "The claim of the paper is replicated."
    assert summary([replicated] * 11 + [no_effect]).startswith("Of 12 claims, 11 are replicated")
