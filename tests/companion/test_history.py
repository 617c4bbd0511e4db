"""The table of changed rules follows the records."""

import pytest

from companion.evidence.claims import read_claims
from companion.experiments.experiment import DISTANCES
from companion.experiments.paper import EXPERIMENTS
from companion.experiments.records import Records
from companion.files import read_yaml
from companion.text.history import BEFORE, changed_rules, changed_verdicts
from tests.fakes import write_arms

ABLATION = EXPERIMENTS["ablation_distance"]


def verdict(results, claim):
    rows = changed_rules(Records.load(results)).splitlines()
    [row] = [row for row in rows if row.startswith(f"| `{claim}`")]
    return [cell.strip() for cell in row.split("|")[4:6]]


def test_without_runs_nothing_is_judged(tmp_path):
    changed = [claim for claim, known in read_yaml(BEFORE).items() if "first" in known]
    assert len(changed) == 7
    for claim in changed:
        assert verdict(tmp_path, claim)[0] in ("not run yet", "not evaluated")


@pytest.mark.parametrize("nme, expected", [(0.05, "contradicted (-1.00"), (0.03, "replicated (+1")])
def test_the_first_rule_on_dr_is_the_mean_over_all_distances(tmp_path, nme, expected):
    arms = {f"{star}{d} +DR": nme if star else 0.04 for star in ("", "STAR ") for d in DISTANCES}
    write_arms(ABLATION, "300w", tmp_path, arms, seeds=3)
    assert verdict(tmp_path, "improves-with-dr")[0].startswith(expected)


@pytest.mark.parametrize("nme, expected", [(0.0404, "replicated"), (0.0406, "contradicted")])
def test_the_first_rule_on_w_is_the_range_of_its_means(tmp_path, nme, expected):
    arms = dict.fromkeys(("STAR", *(f"STAR w {w}" for w in (2, 3, 5, 10))), 0.04)
    write_arms(EXPERIMENTS["restriction"], "300w", tmp_path, arms | {"STAR w 20": nme}, seeds=3)
    assert verdict(tmp_path, "insensitive-to-weight")[0].startswith(expected)


def test_each_claim_has_its_verdict_before_beside_the_one_that_stands(tmp_path):
    rows = {
        row.split("`")[1]: row for row in changed_verdicts(Records.load(tmp_path)).splitlines()[2:]
    }
    assert set(rows) == {claim["id"] for claim in read_claims()}
    assert "| contradicted | agrees | within the rounding" in rows["mean-effect-cofw"]
    assert "| contradicted | not run | margin 0.06" in rows["detach-comparable"]
