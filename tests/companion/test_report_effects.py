"""Arms, the choice of their runs, and the statistics of effects."""

import numpy as np
import pytest
from scipy import stats

from companion.evidence import ambiguity, breakdown
from companion.evidence.effects import comparison_effects, face_errors
from companion.evidence.published import contradictions, published_values
from companion.evidence.statistics import contrast, holm, interval, pooled_deviation, power
from companion.experiments.experiment import Comparison, Experiment, arm_name, named, star_pairs
from companion.experiments.paper import EXPERIMENTS
from companion.experiments.records import Records
from starlib.schemes import PARTS, SCHEME_OF, SCHEMES
from starlib.training.config import RunConfig
from tests.fakes import write_arms, write_run

ABLATION = EXPERIMENTS["ablation_distance"]


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_arm_is_a_config_and_every_comparison_has_its_arms(name):
    experiment = EXPERIMENTS[name]
    for dataset in experiment.datasets:
        assert dataset in SCHEME_OF and experiment.configs(dataset)
        assert set(experiment.plan.get(dataset, {})) <= set(experiment.arms)
    for scale in ("smoke", "full"):
        assert experiment.configs("wflw", scale)
    for pair in experiment.comparisons.values():
        assert {pair.without, pair.with_} <= set(experiment.arms)
    assert {pair.without for pair in experiment.comparisons.values()} | {
        pair.with_ for pair in experiment.comparisons.values()
    } >= set(experiment.arms) - {"w 2", "baseline"}


def test_the_name_of_an_arm_follows_from_its_fields():
    for name, changes in {
        "baseline": {"loss": "regression"},
        "STAR w 5": {"weight": 5},
        "STAR detach l2": {"restriction": "detach", "distance": "l2"},
        "AAM": {"loss": "regression", "aam": True},
        "STAR +DR w 10": {"dr": True, "weight": 10},
        "regression with restriction": {"loss": "restricted_regression"},
        "96 l2": {"loss": "regression", "distance": "l2", "image_size": 96, "depth": 3},
    }.items():
        assert arm_name(changes) == name
    assert list(star_pairs(("l2",), epochs=18)) == ["18 epochs l2", "18 epochs STAR l2"]
    assert star_pairs(("l2",))["STAR l2"].value("weight") == 1  # as RunConfig has it


def test_adding_an_experiment_is_adding_data(tmp_path):
    mine = Experiment(
        "mine", "Two controls", "nowhere",
        named({"A": {"loss": "star_isotropic"}, "B": {"loss": "adl", "adl_ratio": 5.0}}),
        {"B over A": Comparison("A", "B")},
    )  # fmt: skip
    write_arms(mine, "300w", tmp_path, {"A": 0.05, "B": 0.04})
    effect = comparison_effects(Records.load(tmp_path), mine, "300w")["B over A"]
    assert effect.mean == pytest.approx(0.01, abs=1e-4) and effect.low > 0
    assert effect.seeds == (5, 5) and effect.published is None


def test_basic_arms_have_five_seeds_on_300w_and_the_others_three():
    assert ABLATION.seeds_of("l2", "300w") == tuple(range(5))
    assert ABLATION.seeds_of("STAR l2 +AAM", "300w") == tuple(range(3))
    assert ABLATION.seeds_of("wing +DR", "300w") == ABLATION.seeds_of("l2 +DR", "synthface") == ()
    seeds = [config.seed for config in ABLATION.configs("300w", "long")]
    assert seeds == sorted(seeds) and len(seeds) == 8 * 5 + 12 * 3
    assert len(ABLATION.configs("wflw", "full", seeds=[7], arms=["l2"])) == 1


def test_a_run_that_the_comparison_does_not_ask_for_never_slips_in(tmp_path):
    plain = ABLATION.config("l2", "300w", 0)
    write_run(plain, tmp_path, 0.05)
    changes = ({"dr": True}, {"aam": True}, {"loss_weight": 2.0}, {"learning_rate": 1e-4})
    for other in (*changes, {"augmentation": "released"}, {"train_faces": 9}, {"seed": 99}):
        fields = {"loss": "regression", "distance": "l2", **other}
        write_run(RunConfig.at("reduced", "300w", **fields), tmp_path, 0.9)
    runs = Records.load(tmp_path).arm_runs(ABLATION, "300w", arms=["l2", "STAR l2"])
    assert {arm: list(seeds) for arm, seeds in runs.items()} == {"l2": [0], "STAR l2": []}
    assert runs["l2"][0].config == plain
    effect = comparison_effects(Records.load(tmp_path), ABLATION, "300w", ["l2"])["l2"]
    assert not effect.run and effect.seeds == (1, 0)


def test_runs_on_other_faces_are_not_compared(tmp_path):
    write_run(ABLATION.config("l2", "300w", 0), tmp_path, 0.05)
    write_run(ABLATION.config("STAR l2", "300w", 0), tmp_path, 0.04, fingerprint="f" * 16)
    with pytest.raises(ValueError, match="expected the same faces of 300w"):
        Records.load(tmp_path).arm_runs(ABLATION, "300w", arms=["l2", "STAR l2"])


def test_rendered_faces_are_the_same_at_one_version_of_the_renderer(tmp_path):
    def both():
        return Records.load(tmp_path).arm_runs(ABLATION, "synthface", arms=["l2", "STAR l2"])

    write_run(ABLATION.config("l2", "synthface", 0), tmp_path, 0.05)
    pixels = "f" * 16  # as another processor rounds them
    with_star = ABLATION.config("STAR l2", "synthface", 0)
    write_run(with_star, tmp_path, 0.04, fingerprint=pixels, renderer=1)
    assert [len(seeds) for seeds in both().values()] == [1, 1]
    write_run(with_star, tmp_path, 0.04, fingerprint=pixels, renderer=2)
    with pytest.raises(ValueError, match="version 1 of the renderer and version 2 of the renderer"):
        both()


RIVALS = Experiment(
    "rivals", "Two losses", "nowhere",
    named({loss: {"loss": loss} for loss in ("mahalanobis", "adl")}),
    {"adl": Comparison("mahalanobis", "adl")},
)  # fmt: skip


def rivals(results):
    return comparison_effects(Records.load(results), RIVALS, "300w")["adl"]


def test_a_run_on_a_copy_of_the_data_that_fewer_runs_share_is_not_compared(tmp_path):
    write_arms(RIVALS, "300w", tmp_path, {"mahalanobis": 0.06, "adl": 0.05}, seeds=3)
    effect = rivals(tmp_path)
    assert effect.mean == pytest.approx(0.01, abs=1e-4) and effect.seeds == (3, 3)
    assert interval(effect).startswith("+1.00 [+0.7")
    for copy in "abc":
        write_run(RIVALS.config("adl", "300w", 0), tmp_path, 0.09, fingerprint=16 * copy)
    assert rivals(tmp_path).mean == effect.mean


def test_one_seed_gives_no_interval(tmp_path):
    for seeds, expected in ((1, "+1.00, no interval"), (2, "+1.00 [")):
        write_arms(RIVALS, "300w", tmp_path, {"mahalanobis": 0.06, "adl": 0.05}, seeds)
        assert interval(rivals(tmp_path)).startswith(expected)


def test_welch_agrees_with_scipy():
    rng = np.random.default_rng(0)
    one, other = rng.normal(0.05, 0.001, 3), rng.normal(0.04, 0.003, 7)
    ours, theirs = contrast([one, other]), stats.ttest_ind(one, other, equal_var=False)
    assert ours.p == pytest.approx(theirs.pvalue)
    interval = theirs.confidence_interval()
    assert (ours.low, ours.high) == pytest.approx((interval.low, interval.high))
    single = contrast([one - 0.05], [1.0])
    assert single.p == pytest.approx(stats.ttest_1samp(one, 0.05).pvalue)


@pytest.mark.parametrize(("first", "second"), [(3, 3), (5, 10)])
def test_the_interval_covers_the_truth_in_95_of_100_cases(first, second):
    rng = np.random.default_rng(1)
    samples = (rng.normal(0, 1, (4000, first)), rng.normal(0, 1, (4000, second)))
    effects = [contrast(pair) for pair in zip(*samples, strict=True)]
    covered = np.mean([effect.low < 0 < effect.high for effect in effects])
    # Welch is a little wide with three seeds of equal spread.
    assert 0.94 < covered < (0.975 if first == 3 else 0.96)


def test_power_agrees_with_simulation_and_seeds_needed_reach_it():
    rng = np.random.default_rng(2)
    effect = contrast([[0.051, 0.050, 0.049], [0.050, 0.049, 0.048]], published=0.002)
    drawn = (rng.normal((0.002, 0), 0.001, (4000, 3, 2))).transpose(2, 0, 1)
    seen = np.mean(stats.ttest_ind(*drawn, axis=1).pvalue < 0.05)
    assert power(0.002, effect.error, effect.freedom) == pytest.approx(seen, abs=0.03)
    needed = effect.seeds_needed(0.002, 0.001, 4)
    assert power(0.002, 0.001 * np.sqrt(2 / needed), max(4, 2 * needed - 2)) >= 0.8
    assert power(0.002, 0.001 * np.sqrt(2 / (needed - 1)), max(4, 2 * needed - 4)) < 0.8
    far = (rng.normal(12, 1, 10**6)) / np.sqrt(rng.chisquare(2, 10**6) / 2)
    seen = np.mean(far > stats.t.ppf(0.975, 2))
    assert power(12, 1, 2) == pytest.approx(seen, abs=2e-4) and seen < 0.9995


def test_deviations_are_pooled_over_arms_each_counted_once():
    one = contrast([[1.0, 3.0], [0.0, 3.0, 6.0]], arms=("a", "b"))
    other = contrast([[1.0, 3.0], [4.0]], arms=("a", "c"))
    assert pooled_deviation([one, other]) == (pytest.approx(np.sqrt((2 + 18) / 3)), 3)
    assert pooled_deviation([])[1] == 0


def test_holm_steps_down_and_leaves_out_what_is_not_run():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, np.nan, 0.5])[::2] == [1.0, 1.0]
    assert np.isnan(holm([np.nan])[0]) and holm([]) == []


def test_an_effect_says_what_it_lacks():
    one_seed = contrast([[0.05], [0.04]])
    assert one_seed.run and not one_seed.decidable and np.isnan(one_seed.p)
    assert contrast([[], [0.04]]).seeds == (0, 1)
    equal = contrast([[0.1, 0.1, 0.1], [0.1, 0.1, 0.1]])
    assert equal.p == 1 and contrast([[0.5] * 3, [0.25] * 3]).p == 0
    with pytest.raises(ValueError, match="samples: expected 2 lists"):
        contrast([np.zeros((2, 3)), np.zeros(3)])


def test_face_errors_take_a_subset_a_region_and_the_truth(tmp_path):
    run = write_run(ABLATION.config("l2", "300w", 0), tmp_path, 0.05)
    assert face_errors(run, "common") == pytest.approx(np.full(12, 0.05), abs=1e-4)
    assert face_errors(run, region="eyes") == pytest.approx(np.full(12, 0.05), abs=1e-4)
    with pytest.raises(ValueError, match="against: run .* has no landmarks 'clean'"):
        face_errors(run, against="clean")
    with pytest.raises(ValueError, match="region: expected one of contour, .*, got 'ear'"):
        face_errors(run, region="ear")


def test_errors_against_the_truth_are_those_of_the_true_landmarks(tmp_path):
    config = ABLATION.config("l2", "synthface", 0)
    target = write_run(config, tmp_path / "first", 0.05).landmarks()["target"]
    run = write_run(config, tmp_path, 0.05, clean=target + np.array([0.02, 0.0]))
    assert face_errors(run) == pytest.approx(np.full(12, 0.05), abs=1e-4)
    assert face_errors(run, against="clean") == pytest.approx(np.full(12, 0.03), abs=1e-4)


@pytest.mark.parametrize("name", ["300w", "wflw", "cofw", "scut-fbp5500"])
def test_regions_share_out_every_landmark(name):
    taken = sorted(i for part in PARTS for i in SCHEMES[name].region(part))
    assert taken == list(range(SCHEMES[name].points))
    corners = SCHEMES[name].region("eye corners")
    assert set(corners) <= set(SCHEMES[name].region("eyes"))
    assert sorted(SCHEMES[name].flip[i] for i in corners) == sorted(corners)


def test_the_jackknife_of_the_spread_covers_the_truth(tmp_path):
    experiment = EXPERIMENTS["stability"]
    pair = experiment.comparisons["l2"]
    for arm, noise in ((pair.without, 0.02), (pair.with_, 0.01)):
        write_arms(experiment, "300w", tmp_path, {arm: 0.05}, spread=0, noise=noise)
    runs = Records.load(tmp_path).arm_runs(experiment, "300w")
    # A point's two coordinates each have the noise: the root of twice the variance.
    spread = breakdown.point_spread(breakdown.predictions(runs["l2"])).mean()
    assert spread == pytest.approx(0.02 * np.sqrt(2), rel=0.08)
    effects = breakdown.stability_effects(runs, pair)
    assert list(effects) == ["all", *PARTS]
    assert effects["all"].low < 0.01 * np.sqrt(2) < effects["all"].high
    assert effects["all"].low > 0
    assert not breakdown.stability_effects({}, pair)["all"].run


def test_known_directions_are_recognised(tmp_path):
    noise = ambiguity.noise_covariance("synthface", 20)
    experiment = EXPERIMENTS["ambiguity"]
    turned = np.array([[0, -1], [1, 0]]) @ noise @ np.array([[0, 1], [-1, 0]])
    angles, correlations, energies = [], [], []
    for seed, covariance in enumerate((noise, turned)):
        config = experiment.config("STAR l2 +DR", "synthface", seed)
        scaled = covariance * 50  # stored as half floats
        run = write_run(config, tmp_path, 0.05, faces=20, covariance=scaled, clean=None)
        angles.append(ambiguity.angle_to_noise(run))
        correlations.append(ambiguity.correlation_with_noise(run))
        energies.append(ambiguity.correlation_with_noise(run, ambiguity.first_eigenvalue))
    assert angles[0] < 1 and angles[1] > 89
    assert min(correlations) > 0.9 and min(energies) > 0.9
    assert ambiguity.region_ratio(run, ("contour", "eye corners")) > 10
    for measure in (ambiguity.eigenvalue_ratio, ambiguity.first_eigenvalue):
        assert len(np.unique(ambiguity.strength(noise, measure))) < 10  # of 98: most are tied
    older = write_run(experiment.config("l2", "synthface", 0), tmp_path, 0.05)
    assert np.isnan(ambiguity.angle_to_noise(older))
    with pytest.raises(ValueError, match="dataset: expected one of synthface"):
        ambiguity.noise_covariance("300w", 4)


@pytest.mark.parametrize("degrees", [20, -20])
def test_a_turned_direction_has_the_angle_that_it_was_turned_by(tmp_path, degrees):
    noise = ambiguity.noise_covariance("synthface", 20)
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    turn = np.array([[cos, -sin], [sin, cos]])
    turned = 50 * turn @ noise @ turn.T
    turned = (turned + turned.swapaxes(-1, -2)) / 2  # rounding
    config = EXPERIMENTS["ambiguity"].config("STAR l2 +DR", "synthface", 0)
    run = write_run(config, tmp_path, 0.05, faces=20, covariance=turned)
    assert ambiguity.angle_to_noise(run) == pytest.approx(20, abs=0.1)


def test_errors_are_split_along_and_across_the_ambiguity(tmp_path):
    noise = ambiguity.noise_covariance("synthface", 20)
    direction = ambiguity.components(noise)[1][..., 0]
    config = EXPERIMENTS["noise"].config("l2", "synthface", 0)
    run = write_run(config, tmp_path, 0.0, faces=20)
    clean = run.landmarks()["predicted"] - 0.03 * direction
    for ends in SCHEMES["wflw"].normaliser:
        clean[:, list(ends)] = run.landmarks()["target"][:, list(ends)]
    run = write_run(config, tmp_path, 0.0, faces=20, clean=clean)
    along, across = (errors.mean() for errors in ambiguity.errors_along_across(run))
    assert along == pytest.approx(0.03, rel=0.05) and across < 0.001


@pytest.mark.parametrize("dataset", ["300w", "wflw", "cofw"])
def test_every_comparison_that_the_paper_prints_has_its_numbers(dataset):
    for experiment in EXPERIMENTS.values():
        for name, pair in experiment.comparisons.items():
            if pair.published:
                assert published_values(pair, dataset) is not None, (experiment.name, name)


def test_contradictions_are_computed_and_rounding_is_none():
    found = contradictions()
    numbers = {item.text: item for item in found if item.printed}
    gains = numbers["gain of STAR over ADL on WFLW and its subsets"]
    assert gains.computed[1] == pytest.approx(0.20)  # the paper says 0.28
    assert set(numbers) == {gains.text}  # 0.34 on COFW, of 0.3325 by rounded numbers, is no other
    assert any("Table 2" in item.where for item in found)


def test_all_seeds_of_a_closed_scale_are_read(tmp_path):
    write_arms(ABLATION, "300w", tmp_path, {"l2": 0.05}, seeds=7)
    assert list(Records.load(tmp_path).arm_runs(ABLATION, "300w", arms=["l2"])["l2"]) == list(
        range(7)
    )
    at_long = Records.load(tmp_path).arm_runs(ABLATION, "300w", "long", arms=["l2"])
    assert at_long == {"l2": {}}
