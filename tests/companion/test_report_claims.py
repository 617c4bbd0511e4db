"""Rules and verdicts: every kind is decided by code, and a wrong rule is named."""

import numpy as np
import pytest
import yaml

from companion.evidence import ambiguity, claims, rules
from companion.evidence.statistics import contrast
from companion.evidence.verdicts import Measured, Verdict, by_sign
from companion.experiments.paper import EXPERIMENTS
from companion.experiments.records import Records
from companion.text.verdicts import PARTS, counts
from starlib.data.own.schemes import scheme_of
from starlib.schemes import SCHEME_OF
from tests.fakes import write_arms, write_run

ABLATION, RESTRICTION = EXPERIMENTS["ablation_distance"], EXPERIMENTS["restriction"]


def verdicts(results, **options):
    return {j.id: j for j in claims.judge_all(Records.load(results), **options)}


def judged(tmp_path, rule, results=None):
    """The judgement of one rule, alone in its file."""
    path = tmp_path / "claims.yml"
    path.write_text(yaml.safe_dump([{"id": "x", "claim": "c", "source": "s", "rule": rule}]))
    claims.read_claims.cache_clear()  # of this path with another rule
    return claims.judge_all(Records.load(results or tmp_path), path=path)[0]


EFFECT = {
    "kind": "effect", "family": "t", "experiment": "ablation_distance", "dataset": "300w",
    "comparisons": ["l2"],
}  # fmt: skip


def test_every_claim_has_a_rule_that_code_evaluates_and_no_run_is_no_verdict(tmp_path):
    found = verdicts(tmp_path)
    assert len(found) == 40
    kinds = {j.rule["kind"] for j in found.values()}
    assert kinds == {*rules.KINDS, *claims.DIRECT}
    for judgement in found.values():
        if judgement.rule["kind"] in (*rules.KINDS, "cost"):
            assert judgement.verdict is Verdict.NOT_RUN, judgement.id
    assert found["cross-dataset"].verdict is Verdict.NOT_TESTABLE
    assert found["mean-effect-cofw"].verdict is Verdict.AGREES  # 0.3325 of rounded numbers
    assert found["mean-effect-wflw"].verdict is Verdict.AGREES
    assert found["parameters"].verdict is Verdict.DISAGREES
    assert "13,368,708 at depth 4" in found["parameters"].reason


@pytest.mark.parametrize(
    ("with_star", "spread", "verdict"),
    [
        (0.046, 0.0005, Verdict.SAME_SIZE),
        (0.040, 0.0005, Verdict.OTHER_SIZE),
        (0.054, 0.0005, Verdict.OPPOSITE),
        (0.0499, 0.0005, Verdict.NOT_SEEN),
        (0.0499, 0.004, Verdict.TOO_FEW),
    ],
)
def test_an_effect_is_judged_by_its_sign_and_by_the_papers_size(
    tmp_path, with_star, spread, verdict
):
    write_arms(ABLATION, "300w", tmp_path, {"l2": 0.05, "STAR l2": with_star}, spread=spread)
    found = judged(tmp_path, EFFECT)
    assert found.verdict is verdict
    for word in ("points", "5 seeds", "p ", "the paper +0.40"):
        assert word in found.reason
    assert ("seeds would show it" in found.reason) == (verdict is Verdict.TOO_FEW)


def test_the_size_of_another_data_set_is_not_judged(tmp_path):
    arms = {"baseline": 0.05, "STAR none": 0.07, "STAR": 0.049}
    write_arms(RESTRICTION, "300w", tmp_path, arms)
    found = verdicts(tmp_path)
    assert found["restriction-essential"].verdict is Verdict.OTHER_SETTING
    assert found["restriction-essential"].reason.startswith("baseline over none: +2.00")
    assert found["restriction-essential"].reason.endswith("the paper +0.26 in another setting")
    assert found["value-better-than-none"].verdict is Verdict.OTHER_SETTING
    assert found["detach-better-than-none"].verdict is Verdict.NOT_RUN
    write_arms(RESTRICTION, "wflw", tmp_path, {"baseline": 0.05, "STAR none": 0.07})
    there = verdicts(tmp_path, dataset="wflw", experiment="restriction")
    assert there["restriction-essential"].verdict is Verdict.OTHER_SIZE  # Table 5 is of WFLW


def test_an_effect_above_the_papers_is_not_called_smaller():
    effect = contrast([[0.060, 0.059, 0.061], [0.050, 0.051, 0.049]], published=0.001)
    assert effect.excludes_published and effect.low > effect.published
    assert by_sign(Measured(EFFECT, [effect], [0.06]))[0] is Verdict.TOO_FEW  # after Holm


def test_two_seeds_are_too_few_for_a_verdict(tmp_path):
    write_arms(ABLATION, "300w", tmp_path, {"l2": 0.05, "STAR l2": 0.04}, seeds=2)
    found = judged(tmp_path, EFFECT)
    assert found.verdict is Verdict.TOO_FEW and "+1.00" in found.reason


def test_other_claims_of_a_family_make_a_verdict_harder(tmp_path):
    write_arms(ABLATION, "300w", tmp_path, {"l2": 0.05, "STAR l2": 0.0484}, spread=0.0006)
    alone = verdicts(tmp_path)["improves-l2"]
    assert alone.verdict.supports and alone.adjusted[0] < 0.05
    others = {"l1": 0.05, "STAR l1": 0.05, "smooth_l1": 0.05, "STAR smooth_l1": 0.05}
    write_arms(ABLATION, "300w", tmp_path, others)
    beside = verdicts(tmp_path)["improves-l2"]
    assert beside.adjusted[0] == pytest.approx(3 * alone.adjusted[0])
    # Those of a page are corrected for the whole family too.
    page = verdicts(tmp_path, experiment="ablation_distance", dataset="300w")
    assert page["improves-l2"].adjusted == beside.adjusted
    assert set(page) < set(verdicts(tmp_path))
    full = verdicts(tmp_path, experiment="ablation_distance", scale="full")
    assert {j.verdict for j in full.values()} == {Verdict.NOT_RUN}
    two = verdicts(tmp_path, experiment="ablation_distance", seeds=[0, 1])
    assert two["improves-l2"].verdict is Verdict.TOO_FEW


def test_the_largest_effect_must_beat_each_of_the_others(tmp_path):
    nmes = {"l2": 0.06, "STAR l2": 0.05, "l1": 0.05, "STAR l1": 0.049}
    write_arms(ABLATION, "300w", tmp_path, nmes)
    rule = {**EFFECT, "kind": "largest", "comparisons": ["l2", "l1"]}
    assert judged(tmp_path, rule).verdict is Verdict.OTHER_SIZE
    assert judged(tmp_path, {**rule, "comparisons": ["l1", "l2"]}).verdict is Verdict.OPPOSITE
    for nme in (0.0501, 0.0499):  # an effect a little smaller, and one a little larger
        write_arms(ABLATION, "300w", tmp_path, {"wing": 0.06, "STAR wing": nme})
        found = judged(tmp_path, {**rule, "comparisons": ["l2", "l1", "wing"]})
        assert found.verdict is Verdict.TOO_FEW and "l2 minus wing" in found.reason
    # One that is larger is enough.
    write_arms(ABLATION, "300w", tmp_path, {"smooth_l1": 0.05, "STAR smooth_l1": 0.0491})
    found = judged(tmp_path, {**rule, "comparisons": ["l1", "l2", "smooth_l1"]})
    assert found.verdict is Verdict.OPPOSITE


def test_effects_are_averaged_over_comparisons(tmp_path):
    nmes = {"smooth_l1 +DR": 0.05, "STAR smooth_l1 +DR": 0.048}
    nmes |= {"l2 +DR": 0.06, "STAR l2 +DR": 0.054}
    write_arms(ABLATION, "300w", tmp_path, nmes)
    (effect,) = verdicts(tmp_path)["improves-with-dr"].effects
    assert effect.mean == pytest.approx(0.004, abs=1e-4)
    assert effect.published == pytest.approx((0.06 + 0.21) / 2 / 100)


def test_a_difference_of_gains_subtracts_one_gain_from_the_other(tmp_path):
    nmes = {"smooth_l1 +DR": 0.05, "STAR smooth_l1 +DR": 0.051}
    nmes |= {"smooth_l1 +AAM": 0.05, "STAR smooth_l1 +AAM": 0.048}
    write_arms(ABLATION, "300w", tmp_path, nmes, spread=0.0003)
    found = verdicts(tmp_path)["aam-suits-star-better-than-dr"]
    assert found.effects[0].mean == pytest.approx(0.003, abs=1e-4)
    assert found.effects[0].published == pytest.approx(0)  # 0.06 and 0.06 in Table 3
    assert found.verdict is Verdict.OTHER_SIZE


def test_a_claim_about_the_truth_is_judged_against_the_true_landmarks(tmp_path):
    """Both arms are equally far from the labels; the one with STAR lies on the true landmarks."""
    config = ABLATION.config("smooth_l1", "synthface", 0)
    target = write_run(config, tmp_path / "first", 0.05).landmarks()["target"]
    for arm, clean in (("smooth_l1", target), ("STAR smooth_l1", target + np.array([0.05, 0.0]))):
        write_arms(ABLATION, "synthface", tmp_path, {arm: 0.05}, clean=clean)
    rule = {**EFFECT, "dataset": "synthface", "comparisons": ["smooth_l1"]}
    labels = judged(tmp_path, rule)
    assert labels.verdict is not Verdict.SAME_SIGN
    assert judged(tmp_path, {**rule, "against": "target"}).reason == labels.reason
    assert judged(tmp_path, {**rule, "against": "clean"}).verdict is Verdict.SAME_SIGN


@pytest.mark.parametrize(
    ("gain", "verdict"), [(0.01, Verdict.SAME_SIGN), (0.002, Verdict.TOO_FEW),
                          (-0.01, Verdict.OPPOSITE)],
)  # fmt: skip
def test_a_gain_with_noise_counts_above_that_without(tmp_path, gain, verdict):
    noise = EXPERIMENTS["noise"]
    for dataset, more in (("synthface", gain), ("synthface-0", 0.002)):
        clean = write_run(noise.config("l2", dataset, 0), tmp_path / "c", 0.0).landmarks()["target"]
        arms = {"l2": 0.06, "STAR l2": 0.06 - more}
        write_arms(noise, dataset, tmp_path, arms, clean=clean, seeds=3)
    found = verdicts(tmp_path)["improves-known-ambiguity-l2"]
    assert found.effects[0].mean == pytest.approx(gain - 0.002, abs=2e-4)
    assert found.verdict is verdict


@pytest.mark.parametrize(
    ("nme", "spread", "verdict"),
    [(0.0501, 0.0002, Verdict.EQUIVALENT), (0.06, 0.0002, Verdict.DIFFERENT),
     (0.0507, 0.0002, Verdict.TOO_FEW), (0.0501, 0.004, Verdict.TOO_FEW)],
)  # fmt: skip
def test_equivalence_needs_the_whole_interval_within_the_margin(tmp_path, nme, spread, verdict):
    arms = {"STAR": 0.05, "STAR w 5": 0.05, "STAR w 10": 0.05, "STAR w 20": nme}
    write_arms(RESTRICTION, "300w", tmp_path, arms, spread=spread)
    found = verdicts(tmp_path)["insensitive-to-weight"]
    assert found.verdict is verdict and "w 20 over w 1" in found.reason
    assert "a third of 0.17" in found.reason


@pytest.mark.parametrize(
    ("nme", "spread", "verdict"),
    [(0.0505, 0.0002, Verdict.NOT_WORSE), (0.06, 0.0002, Verdict.WORSE),
     (0.051, 0.0002, Verdict.TOO_FEW), (0.0505, 0.004, Verdict.TOO_FEW)],
)  # fmt: skip
def test_not_worse_needs_the_interval_above_the_margin(tmp_path, nme, spread, verdict):
    arms = {"128 smooth_l1": 0.05, "64 STAR smooth_l1": nme}
    write_arms(EXPERIMENTS["resolution"], "300w", tmp_path, arms, spread=spread)
    found = verdicts(tmp_path)["half-resolution-suffices"]
    assert found.verdict is verdict
    assert found.reason.startswith("smooth_l1, 64 px with STAR over 128 px without: ")


def test_claims_that_cannot_be_decided_do_not_make_a_verdict_harder(tmp_path):
    decided = {"l2": 0.05, "STAR l2": 0.0484}
    write_arms(ABLATION, "300w", tmp_path, decided, spread=0.0006)
    alone = verdicts(tmp_path)["improves-l2"].adjusted
    write_arms(ABLATION, "300w", tmp_path, {"l1": 0.05, "STAR l1": 0.049}, seeds=2)
    beside = verdicts(tmp_path)
    assert beside["improves-l1"].verdict is Verdict.TOO_FEW
    assert beside["improves-l2"].adjusted == alone


@pytest.mark.parametrize(("widths", "verdict"), [((1.0, 0.3), Verdict.SAME_SIGN),
                                                 ((0.3, 1.0), Verdict.OPPOSITE)])  # fmt: skip
def test_width_compares_the_last_epoch(tmp_path, widths, verdict):
    for arm, width in zip(("STAR none", "STAR"), widths, strict=True):
        for seed in range(3):
            config = RESTRICTION.config(arm, "300w", seed)
            write_run(config, tmp_path, 0.05, width=width + 0.01 * seed)
    found = verdicts(tmp_path)["eigenvalues-grow-without-restriction"]
    assert found.verdict is verdict
    assert "in STAR loss with the value restriction" in found.reason


def test_stability_is_judged_by_region(tmp_path):
    stability = EXPERIMENTS["stability"]
    for arm, noise in (("l2", 0.02), ("STAR l2", 0.015)):
        write_arms(stability, "300w", tmp_path, {arm: 0.05}, spread=0, noise=noise)
    found = verdicts(tmp_path)
    assert found["more-stable"].verdict is Verdict.OTHER_SETTING  # the paper's number is of WFLW
    assert found["stability-at-the-contour"].verdict is Verdict.TOO_FEW
    assert found["more-stable-smooth-l1"].verdict is Verdict.NOT_RUN


AMBIGUITY = ("first-component-is-the-ambiguous-direction", "energy-is-ambiguity",
             "contour-is-anisotropic")  # fmt: skip


@pytest.mark.parametrize("turned", [False, True])
def test_what_the_heatmap_shows_is_judged_beside_a_network_without_label_noise(tmp_path, turned):
    noise = 50 * ambiguity.noise_covariance("synthface", 20)
    # Turned, and as long where nothing is ambiguous.
    other = (np.linalg.inv(noise) * np.linalg.det(noise)[..., None, None])[:, ::-1]
    shown = {"synthface": other if turned else noise, "synthface-0": noise if turned else other}
    for number, (dataset, covariance) in enumerate(shown.items()):
        if number:  # the arm alone is no verdict
            found = verdicts(tmp_path)
            assert {found[claim].verdict for claim in AMBIGUITY} == {Verdict.NOT_RUN}
            assert "without label noise, is not run" in found[AMBIGUITY[0]].reason
        for seed in range(3):
            config = EXPERIMENTS["ambiguity"].config("STAR l2 +DR", dataset, seed)
            shaken = covariance * (1 + 0.01 * seed)
            write_run(config, tmp_path, 0.05, faces=20, covariance=shaken)
    found = verdicts(tmp_path)
    verdict = Verdict.OPPOSITE if turned else Verdict.SAME_SIGN
    assert {found[claim].verdict for claim in AMBIGUITY} == {verdict}
    assert "°" in found[AMBIGUITY[0]].reason


@pytest.mark.parametrize("path", [claims.CLAIMS, claims.SETTLED], ids=lambda path: path.name)
def test_every_rule_names_what_exists_and_has_the_keys_of_its_kind(path):
    written = claims.read_claims(path)
    assert len({claim["id"] for claim in written}) == len(written)
    for claim in written:
        assert {"id", "claim", "source", "rule"} <= claim.keys()
        rule, name = claim["rule"], claim["id"]
        kind = rules.KINDS.get(rule["kind"])
        needed = kind.keys if kind else claims.DIRECT[rule["kind"]][0]
        assert {"kind", *needed} <= rule.keys(), name
        assert rule.keys() <= {"kind", *needed, *(kind.options if kind else ())}, name
        if kind:
            experiment = EXPERIMENTS[rule["experiment"]]
            compared = [*rule.get("comparisons", ()), *rule.get("minus_comparisons", ())]
            assert set(compared) <= experiment.comparisons.keys(), name
            assert set(rules.rule_arms(rule, experiment)) <= experiment.arms.keys(), name
            assert {rule[k] for k in ("dataset", "control") if k in rule} <= SCHEME_OF.keys(), name
            assert rule.get("against", "target") in ("target", "clean"), name
            named = [*rule.get("regions", ()), *(rule[k] for k in ("region", "minus") if k in rule)]
            for region in named:
                scheme_of(rule["dataset"]).region(region)  # a ValueError names those there are


def test_claims_are_counted_by_part_and_comparisons_that_share_an_arm_once(tmp_path):
    arms = {"baseline": 0.05, "STAR none": 0.07, "STAR": 0.049, "STAR detach": 0.04}
    write_arms(RESTRICTION, "300w", tmp_path, arms)
    judgements = claims.judge_all(Records.load(tmp_path))
    _, _, *rows = counts(judgements).splitlines()
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
    assert [row[0] for row in cells] == list(PARTS)
    for _, number, *outcomes, _ in cells:
        assert int(number) == sum(map(int, outcomes))
    # baseline, value and detach over none, detach over baseline and over value: four arms
    assert cells[0][-1] == "2"
    assert cells[2] == ["Errata", "4", "3", "1", "0", "–"]
