"""The numbers on the page of limitations follow from the records."""

import dataclasses
import json

import pytest
from scipy import stats

from companion.evidence.limits import chosen_epoch, cut_off, processor_difference, shift_cost
from companion.experiments.paper import EXPERIMENTS
from companion.experiments.records import Records
from companion.text.numbers import RELEASED, RELEASED_BASELINE, limits, released
from starlib.runs.records import read_record
from starlib.training.config import RunConfig
from tests.fakes import write_arms, write_run

ABLATION = EXPERIMENTS["ablation_distance"]


def run_on(processor, arm, seed, nme, results):
    run = write_run(ABLATION.config(arm, "300w", seed), results, nme)
    provenance = {**run.provenance, "device_name": f"x86_64 {processor}"}
    return dataclasses.replace(run, provenance=provenance)


def test_processors_are_compared_within_arms_that_have_both(tmp_path):
    plan = [("AVX2", "l2", 0.052), ("AVX512", "l2", 0.050), ("AVX512", "l2", 0.050)]
    plan += [("AVX2", "l1", 0.032), ("AVX512", "l1", 0.030), ("AVX2", "l1", 0.032)]
    plan += [("AVX512", "wing", 0.9)]  # has no other
    runs = [run_on(p, arm, n, nme, tmp_path) for n, (p, arm, nme) in enumerate(plan)]
    assert processor_difference(runs) == pytest.approx((0.002, 0.002, 0.002))
    apart = [run_on("AVX2", "l2", 7, 0.054, tmp_path), *runs]
    mean, low, high = processor_difference(apart)
    assert low < 0.002 < mean < high
    assert processor_difference(runs[-1:]) is None


def test_the_interval_between_processors_is_student_s(tmp_path):
    nmes = {"AVX2": (0.052, 0.054), "AVX512": (0.050, 0.049)}
    runs = [run_on(p, "l2", n + 2 * (p == "AVX2"), v, tmp_path)
            for p, values in nmes.items() for n, v in enumerate(values)]  # fmt: skip
    interval = stats.ttest_ind(*nmes.values()).confidence_interval(0.95)
    assert processor_difference(runs)[1:] == pytest.approx((interval.low, interval.high))


@pytest.mark.parametrize("noise", [0.0, 0.01])
def test_a_shift_of_the_labels_costs_what_its_removal_gains(tmp_path, noise):
    # Every prediction lies 0.05 to the right; the normalising distance is 1.
    run = write_run(ABLATION.config("l2", "300w", 0), tmp_path, 0.05, noise=noise)
    cost = shift_cost(run)
    if noise:
        assert 0.03 < cost < 0.05
    else:
        assert cost == pytest.approx(0.05, abs=1e-4)
    arrays = run.landmarks()
    shift = (arrays["predicted"] - arrays["target"])[..., 0].mean()
    assert shift == pytest.approx(0.05, abs=0.002)


def test_without_records_nothing_is_measured_and_with_them_it_is(tmp_path):
    assert set(limits(Records.load(tmp_path)).values()) == {"not measured", "0"}
    stability = EXPERIMENTS["stability"]
    write_arms(stability, "300w", tmp_path, {"l2": 0.05}, seeds=2, spread=0.02)
    rows = [
        {"source": name, "size": "all", "faces": faces, "right_percent": shift}
        for name, faces, shift in (("helen", 30, -0.5), ("lfpw", 10, -0.9))
    ]
    (tmp_path / "analyses").mkdir()
    (tmp_path / "analyses/label_shift.json").write_text(json.dumps({"rows": rows}))
    found = limits(Records.load(tmp_path))
    assert (found["helen"], found["shift"]) == ("75 %", "0.60 %")
    assert found["cost"] == "5.00 points (4.00 to 6.00 by network)"
    assert found["processors"] == found["r"] == "not measured"


def test_changed_code_is_counted(tmp_path):
    run = write_run(ABLATION.config("l2", "300w", 0), tmp_path, 0.05)
    changed = dataclasses.replace(run, provenance={**run.provenance, "dirty": True})
    records = Records(tmp_path, (run, changed))
    assert limits(records)["changed"] == "1"
    assert list(records.by_config.values()) == [run]  # nobody can repeat the other


def test_changed_code_of_today_is_compared_as_it_can_be_run_again(tmp_path):
    run = write_run(ABLATION.config("l2", "300w", 0, "long"), tmp_path, 0.05)
    changed = dataclasses.replace(run, provenance={**run.provenance, "dirty": True})
    assert list(Records(tmp_path, (changed,)).by_config.values()) == [changed]


def test_labels_outside_the_view_count_and_cost_less_when_clamped(tmp_path):
    run = write_run(RunConfig.at("long", "300w", crop="released"), tmp_path, 0.0)
    assert cut_off(run) == (0, 0)
    arrays = run.landmarks()
    target, predicted = arrays["target"].copy(), arrays["predicted"].copy()
    target[:, 0], predicted[:, 0] = (-1.0, 0.0), (-0.8, 0.0)  # as far out as the network can
    run.save({**arrays, "target": target, "predicted": predicted})
    outside, less = cut_off(read_record(run.path))
    assert outside == pytest.approx(1 / 68) and less == pytest.approx(0.2 / 68)


def test_the_released_code_s_effects_are_of_the_settled_scale_once_its_runs_are_finished(tmp_path):
    experiment = EXPERIMENTS["released_code"]

    def train(scale, arm, nme, seeds):
        write_arms(experiment, "300w", tmp_path, {arm: nme}, seeds, spread=1e-5, scale=scale)

    def shown():
        return released(Records.load(tmp_path))["crop"]

    assert shown() == "not trained yet"
    train("reduced", "STAR", 0.05, 3)
    train("reduced", "released crop", 0.04, 3)
    assert shown() == "+1.00 [+1.00, +1.00] (`reduced`)"
    train("long", "STAR", 0.05, 5)
    train("long", "released crop", 0.03, 2)  # of three
    assert shown().endswith("(`reduced`)")
    train("long", "released crop", 0.03, 3)
    assert shown() == "+2.00 [+2.00, +2.00] (`long`)"


def test_the_best_epoch_on_the_test_faces_is_looked_for_in_both_curves(tmp_path):
    config = EXPERIMENTS["released_code"].config(RELEASED["form"], "300w", 0, "long")
    run = write_run(config, tmp_path, 0.05)
    assert chosen_epoch(run) is None
    curves = {"test_nme": [0.06] * 59 + [0.05], "test_nme_raw": [0.06, 0.047] + [0.06] * 58}
    tested = dataclasses.replace(run, curves=run.curves | curves)
    assert chosen_epoch(tested) == pytest.approx(0.003)
    late = dataclasses.replace(
        run, curves=run.curves | {"test_nme": [0.05], "test_nme_raw": [0.04]}
    )
    assert chosen_epoch(late) is None  # the epochs before it went on were not tested
    other = EXPERIMENTS["released_code"].config(RELEASED_BASELINE, "300w", 0, "long")
    both = [
        dataclasses.replace(tested, config=dataclasses.replace(of, seed=seed))
        for seed in range(3)
        for of in (config, other)
    ]
    assert released(Records(tmp_path, tuple(both[:5])))["epoch"] == "not trained yet"
    found = released(Records(tmp_path, tuple(both)))["epoch"]
    assert found.startswith("+0.30 for STAR loss, +0.30 for the baseline (released form")
