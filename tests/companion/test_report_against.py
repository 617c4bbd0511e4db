"""Effects against the true landmarks are not those against the labels."""

import numpy as np
import pytest
import yaml

from companion.evidence import claims
from companion.evidence.effects import face_errors
from companion.evidence.verdicts import Verdict
from companion.experiments.paper import EXPERIMENTS
from companion.experiments.records import Records
from tests.fakes import write_arms, write_run

EXPERIMENT = EXPERIMENTS["ablation_distance"]
PAIR = EXPERIMENT.comparisons["smooth_l1"]


@pytest.fixture
def results(tmp_path):
    """Both arms are equally far from the labels; the one with STAR lies on the true landmarks."""
    config = EXPERIMENT.config(PAIR.without, "synthface", 0)
    target = write_run(config, tmp_path / "first", 0.05).landmarks()["target"]
    shifted = target + np.array([0.05, 0.0])
    for arm, clean in ((PAIR.without, target), (PAIR.with_, shifted)):
        write_arms(EXPERIMENT, "synthface", tmp_path, {arm: 0.05}, clean=clean)
    return tmp_path


def verdict(results, **against):
    rule = {"kind": "effect", "family": "t", "experiment": EXPERIMENT.name, "dataset": "synthface"}
    rule |= {"comparisons": ["smooth_l1"], **against}
    claim = {"id": "x", "claim": "it helps", "source": "here", "rule": rule}
    path = results / "claims.yml"
    path.write_text(yaml.safe_dump([claim]), encoding="utf-8")
    [found] = claims.judge_all(Records.load(results), path=path)
    return found


def test_a_claim_about_the_truth_is_judged_against_the_true_landmarks(results):
    assert verdict(results, against="clean").verdict == Verdict.SAME_SIGN
    assert verdict(results).verdict != Verdict.SAME_SIGN
    assert verdict(results, against="target").reason == verdict(results).reason


def test_errors_against_the_truth_are_those_of_the_true_landmarks(tmp_path):
    config = EXPERIMENT.config(PAIR.without, "synthface", 0)
    target = write_run(config, tmp_path / "first", 0.05).landmarks()["target"]
    run = write_run(config, tmp_path, 0.05, clean=target + np.array([0.02, 0.0]))
    assert face_errors(run) == pytest.approx(np.full(12, 0.05), abs=1e-4)
    assert face_errors(run, against="clean") == pytest.approx(np.full(12, 0.03), abs=1e-4)
