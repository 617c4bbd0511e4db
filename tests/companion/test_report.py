"""Tables, figures and fragments of pages, from any set of runs."""

import json

import numpy as np
import pytest

from companion.evidence import ambiguity, breakdown
from companion.evidence.claims import Judgement
from companion.evidence.effects import comparison_effects
from companion.evidence.verdicts import Verdict
from companion.exhibits import (
    experiment_tables,
    face_figures,
    figures,
    paper_figures,
    plotted,
    run_tables,
    tables,
)
from companion.experiments.paper import EXPERIMENTS
from companion.experiments.records import Records
from companion.text import facts, paper_tables, verdicts
from starlib.runs.finished import load_all
from starlib.training.config import RunConfig, describe
from tests.fakes import write_arms, write_run

ABLATION = EXPERIMENTS["ablation_distance"]
NMES = {"l2": 0.052, "STAR l2": 0.050, "l1": 0.05, "STAR l1": 0.051}


def table_of(results, dataset, comparisons, **which):
    effects = comparison_effects(Records.load(results), ABLATION, dataset, comparisons, **which)
    return tables.effect_table(ABLATION, dataset, effects)


def test_a_table_puts_the_papers_numbers_beside_ours(tmp_path):
    write_arms(ABLATION, "300w", tmp_path, NMES, spread=0.001)
    table = table_of(tmp_path, "300w", ["l1", "l2", "wing"])
    assert list(table.index) == ["l1", "l2", "Wing"]
    assert table.loc["l2", "without → with (%)"] == "5.20 → 5.00"
    assert table.attrs["data"][0]["without (%), SD"] == pytest.approx(0.158, abs=0.001)
    assert table.loc["l2", "effect in points [95 %]"].startswith("+0.20 [-0.03")
    assert table.loc["l2", "the paper's"] == "3.45 → 3.05: +0.40"
    assert table.loc["l1", "effect in points [95 %]"].startswith("-0.10 [")
    assert table.loc["Wing", "without → with (%)"] == "not run"
    assert table.attrs["data"][2]["seeds"] == "0"


def test_a_data_set_that_the_paper_lacks_has_ours_alone(tmp_path):
    write_arms(ABLATION, "synthface", tmp_path, NMES)
    table = table_of(tmp_path, "synthface", ["l2"])
    assert list(table.columns) == ["without → with (%)", "effect in points [95 %]"]
    with pytest.raises(ValueError, match="comparisons: expected one of l1, .*, got 'l3'"):
        table_of(tmp_path, "synthface", ["l3"])


def test_a_table_takes_a_subset_and_a_region(tmp_path):
    write_arms(ABLATION, "300w", tmp_path, NMES)
    for which in ({"subset": "common"}, {"region": "mouth"}):
        table = table_of(tmp_path, "300w", ["l2"], **which)
        assert table.loc["l2", "without → with (%)"].startswith("5.20 → ")


def lines_of(figure):
    """The lines that are drawn, none where a figure says that there are no runs."""
    return [line for axes in figure.axes for line in axes.lines]


def test_what_the_book_shows_can_be_drawn_from_any_set_of_runs(tmp_path):
    for nmes in ({}, {"l2": 0.05}, NMES):
        write_arms(ABLATION, "300w", tmp_path, nmes, seeds=3)
        runs = Records.load(tmp_path).arm_runs(ABLATION, "300w")
        every = [run for seeds in runs.values() for run in seeds.values()]
        effects = comparison_effects(Records.load(tmp_path), ABLATION, "300w")
        assert bool(lines_of(figures.forest(effects))) == (len(nmes) > 1)
        assert bool(lines_of(figures.curves(runs, {"l2": ("l2", "STAR l2")}))) == bool(nmes)
        assert figures.curves(runs, curve="width").texts  # these records have none
        pairs = {"l2": ABLATION.comparisons["l2"]}
        for highest in (0.06, 1e-6):  # the latter below all spreads, as of networks hardly trained
            spread = paper_figures.spread_distribution(runs, pairs, highest)
            assert bool(lines_of(spread)) == (len(nmes) > 1)
        regions = experiment_tables.region_errors(runs, pairs)
        assert len(regions) == (6 if len(nmes) > 1 else 0)
        assert set(tables.arm_table(runs).index) == {tables.label(arm) for arm in nmes}
        assert len(run_tables.run_table(every)) == len(every)
        assert bool(run_tables.sources(every, ABLATION.configs("300w"))) == bool(every)
        assert tables.against_truth(runs).empty
    with pytest.raises(ValueError, match="curve: expected one of error"):
        figures.curves({}, curve="nonsense")


def test_errors_over_a_number_are_drawn_by_distance_and_those_without_runs_are_not(tmp_path):
    resolution, restriction = EXPERIMENTS["resolution"], EXPERIMENTS["restriction"]
    arms = {f"{size} {star}l2": 5 / size for size in (64, 128) for star in ("", "STAR ")}
    write_arms(resolution, "300w", tmp_path, arms, seeds=2)
    seeds = paper_figures.resolution_seeds(Records.load(tmp_path).arm_runs(resolution, "300w"))
    assert set(seeds["panel"]) == {"l2"} and len(seeds) == 2 * 2 * 2
    assert len(paper_figures.sweep(seeds, "pixels").axes) == 1
    arms = {"baseline": 0.05, "STAR": 0.05, "STAR w 20": 0.04}
    write_arms(restriction, "300w", tmp_path, arms, seeds=2)
    runs = Records.load(tmp_path).arm_runs(restriction, "300w")
    data = plotted.data_of(paper_figures.sweep(paper_figures.weight_seeds(runs), "w"))
    assert list(data["line"]) == ["baseline", "STAR", "STAR"]


def test_the_gain_of_averaging_with_the_mirror_image_is_over_the_same_networks(tmp_path):
    assert run_tables.flip_average_table(tmp_path).empty
    folder = tmp_path / "evaluations" / "flip_average"
    folder.mkdir(parents=True)
    for seed, nmes in enumerate(((0.050, 0.048), (0.052, 0.049))):
        run = write_run(ABLATION.config("smooth_l1", "300w", seed), tmp_path, nmes[0])
        (folder / f"{run.name}.json").write_text(
            json.dumps({"metrics": {"common": {"nme": nmes[1]}}})
        )
    table = run_tables.flip_average_table(tmp_path)
    row = table.loc["regression smooth-l1"]
    assert list(row) == ["5.10 ± 0.14", "4.85 ± 0.07", "+0.25", 2]
    (folder / "0123456789ab.json").write_text("{}")
    with pytest.raises(ValueError, match="0123456789ab.json: expected a file of a run's record"):
        run_tables.flip_average_table(tmp_path)


def test_errors_against_the_truth_and_along_it(tmp_path):
    clean = write_run(ABLATION.config("l2", "synthface", 0), tmp_path, 0.0).landmarks()["target"]
    nmes = {"l2": 0.06, "STAR l2": 0.05}
    write_arms(ABLATION, "synthface", tmp_path, nmes, seeds=3, clean=clean)
    runs = Records.load(tmp_path).arm_runs(ABLATION, "synthface")
    effects = breakdown.direction_effects(runs, ABLATION.comparisons["l2"])
    assert set(effects) == {"along", "across"} and all(e.mean > 0 for e in effects.values())
    assert ambiguity.noise_covariance("synthface-0", 4).shape == (4, 98, 2, 2)


def test_a_face_fails_above_ten_per_cent(tmp_path):
    clean = write_run(ABLATION.config("l2", "synthface", 0), tmp_path, 0.0).landmarks()["target"]
    nmes = {"l2": 0.11, "STAR l2": 0.09}
    write_arms(ABLATION, "synthface", tmp_path, nmes, seeds=2, clean=clean)
    runs = Records.load(tmp_path).arm_runs(ABLATION, "synthface")
    said = face_figures.failure_counts(runs, ABLATION.comparisons["l2"])
    assert said.startswith("100.0 % of 12 rendered faces fail with l2, 0.0 % with STAR l2")


def test_a_network_that_predicts_one_face_for_all_has_no_spread(tmp_path):
    experiment = EXPERIMENTS["restriction"]
    write_arms(experiment, "300w", tmp_path, {"baseline": 0.05}, seeds=2)
    run = write_run(experiment.config("STAR", "300w", 0), tmp_path, 0.05, width=0.25)
    runs = Records.load(tmp_path).arm_runs(experiment, "300w")
    table = experiment_tables.collapse_table(runs)
    assert list(table.index) == ["baseline", "STAR"]
    assert list(table["width of the heatmaps"]) == ["not recorded", "0.250"]
    assert table.loc["STAR", "NME (%)"] == "5.00"
    assert experiment_tables.spread_over_faces(run) == pytest.approx(1, abs=1e-3)
    arrays = run.landmarks()
    arrays["predicted"] = np.broadcast_to(arrays["predicted"][:1], arrays["predicted"].shape)
    run.save(arrays)
    collapsed = Records.load(tmp_path).arm_runs(experiment, "300w")["STAR"][0]
    assert experiment_tables.spread_over_faces(collapsed) == 0


def test_every_fragment_is_written_with_and_without_runs(tmp_path):
    empty = paper_tables.fragments(Records.load(tmp_path))
    assert all(empty.values())
    assert "| COFW | basic | 5.00 / 4.76 |" in empty["printed3"] and "4.05" in empty["printed5"]
    assert "No run" in empty["provenance"]
    write_arms(ABLATION, "300w", tmp_path, NMES, seeds=3)
    filled = paper_tables.fragments(Records.load(tmp_path))
    assert "| 300-W | reduced |" in filled["provenance"]
    assert filled["table1"].count("\n") > 14 and "Feng et al., CVPR 2018" in filled["table1"]


def test_runs_of_several_data_sets_name_theirs(tmp_path):
    for dataset in ("synthface", "300w"):
        write_run(ABLATION.config("l2", dataset, 0), tmp_path, 0.05)
    both = run_tables.run_table(load_all(tmp_path))
    assert list(both["data"]) == ["300-W", "synthface"]
    assert "data" not in run_tables.run_table(load_all(tmp_path)[:1])


def test_runs_that_differ_in_their_convention_do_not_share_a_name(tmp_path):
    for convention in ("paper", "released"):
        config = RunConfig.at("reduced", "300w", convention=convention, ema_half_life=1)
        write_run(config, tmp_path, 0.05)
    arms = list(run_tables.run_table(load_all(tmp_path))["arm"])
    usual = "STAR-value smooth-l1 ema half life 1"
    assert arms == [usual, f"{usual} convention released"]
    assert describe(config).endswith("ema half life 1 convention released seed 0")


def test_only_runs_that_can_be_trained_are_planned_and_a_closed_scale_says_so(tmp_path):
    closed = ABLATION.configs("300w", "reduced")
    run = write_run(closed[0], tmp_path, 0.05)
    said = run_tables.sources([run], closed[1:])
    assert "train=True" not in said and "older version of the training" in said
    planned = ABLATION.configs("300w", "long")
    run = write_run(planned[0], tmp_path, 0.05)
    said = run_tables.sources([run], planned[1:] + closed[1:])
    assert f"{len(planned) - 1} planned runs are not in the records" in said
    assert "closed" not in said


def test_widths_stand_by_comparison_and_say_what_is_missing(tmp_path):
    for seed, width in enumerate((0.1, 0.3)):
        write_run(ABLATION.config("l2", "300w", seed), tmp_path, 0.05, width=width)
    write_run(ABLATION.config("l1", "300w", 0), tmp_path, 0.05)  # an older record, without widths
    runs = Records.load(tmp_path).arm_runs(ABLATION, "300w")
    table = experiment_tables.width_table(
        runs, {name: ABLATION.comparisons[name] for name in ("l1", "l2")}
    )
    assert list(table.loc["l2"]) == ["0.200 ± 0.141", "not run"]
    assert list(table.loc["l1"]) == ["not recorded", "not run"]


def test_times_are_given_by_processor_and_the_fastest_first(tmp_path):
    machines = {"Slow": ("AVX2 avx2", 1200.0), "Fast": ("AVX512 avx512_bf16", 300.0)}
    for seed, (name, (found, seconds)) in enumerate(machines.items()):
        run = write_run(ABLATION.config("l2", "300w", seed), tmp_path, 0.05)
        where = {"processor": name, "instructions": found, "seconds": seconds}
        run.provenance.update(where)
        run.save(run.landmarks())
    aam = write_run(ABLATION.config("l2 +AAM", "300w", 0), tmp_path, 0.05)
    _, _, *rows = facts.processors([*load_all(tmp_path), aam]).splitlines()
    assert rows == [
        "| Fast (none) | yes | 5.0 | 5.0 to 5.0 | 1 |",
        "| Slow (none) | no | 20.0 | 20.0 to 20.0 | 1 |",
    ]


def test_a_finding_without_a_sentence_counts_the_verdicts_and_folds_the_claims():
    verdict = Judgement("id", "STAR wins.", "Section 5.4", Verdict.SAME_SIGN, "+0.1", rule={})
    opening, folded, *_ = verdicts.finding(None, [verdict], "compare_luvli", True).split("\n\n")
    assert opening.endswith("1 claim (1 same sign).") and folded.startswith("<details>")
    assert "decide no claim" in verdicts.finding(None, [], "compare_luvli", True)
