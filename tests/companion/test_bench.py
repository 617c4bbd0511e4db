import json
import platform

import numpy as np
import pytest
import torch

from companion.__main__ import main
from companion.bench import summary as costs
from companion.bench import timing as bench
from companion.bench import training as bench_training
from companion.evidence import claims
from companion.evidence.verdicts import Verdict
from companion.exhibits import cost as cost_views
from companion.experiments.records import Records
from starlib.schemes import get_scheme
from starlib.training.config import SCALES, RunConfig

CPU = torch.device("cpu")


def record(star=0.001, regression=0.0005, per_map=1e-5, fixed=0.0, device="one"):
    """A benchmark record whose times are known."""

    def times(value):
        return {"median": value, "low": value, "high": value, "rounds": 3}

    sizes = [
        {
            "batch": batch,
            "points": 98,
            "side": 64,
            "seconds": {
                "star": times(fixed + per_map * batch * 98),
                "transcription": times(20 * per_map * batch * 98),
                "limit": times(per_map * batch * 49),
            },
        }
        for batch in (1, 16, 64)
    ]
    loss = {"sizes": sizes, "fixed": {"star": times(fixed)}}
    seconds = {"star loss": star, "regression loss": regression, "network": 0.09, "augment": 0.01}
    seconds |= {"step with star": 0.1, "step with regression": 0.1}
    seconds |= {"transcription loss": 0.011}
    step = {"batch": 2, "config": {"stacks": 4, "image_size": 256}}
    step["seconds"] = {name: times(value) for name, value in seconds.items()}
    machine = {"device_name": device, "device": "cpu", "threads": 2, "torch": "2", "commit": None}
    variants = {
        "scale": "reduced",
        "steps": 3366,
        "config": {"batch_size": 8},
        "compile_seconds": 30,
    }
    variants["seconds"] = {"bfloat16, channels last": times(0.04), costs.COMPILED: times(0.03)}
    memory = [{"faces": 300, "stored_mb": 20.0, "used_mb": 250.0}]
    parts = {"loss": loss, "step": step, "inference": [], "variants": [variants], "memory": memory}
    return {"machine": machine, "finished": "", "quick": False, **parts}


def test_contestants_take_turns_and_each_plays_every_round():
    order = []
    runs = {name: lambda name=name: order.append(name) for name in "abc"}
    times = bench.interleaved(runs, CPU, rounds=5, seconds=60)
    assert [times[name]["rounds"] for name in "abc"] == [5, 5, 5]
    assert all(0 < t["low"] <= t["median"] <= t["high"] for t in times.values())
    turns = [name for name, last in zip(order, [None, *order], strict=False) if name != last]
    assert len(turns) >= 3 * 4  # not one after the other


def test_rounds_end_when_the_time_is_up_but_not_before_the_least():
    times = bench.interleaved({"a": lambda: None}, CPU, rounds=1000, seconds=0)
    assert times["a"]["rounds"] == bench.LEAST


def test_growth_of_a_linear_time_is_one_beyond_its_fixed_cost():
    assert costs.growth(record()) == pytest.approx(1)
    assert costs.growth(record(fixed=0.01)) == pytest.approx(1)
    assert costs.growth(record(fixed=0.01), beyond_fixed=False) < 0.7
    noisy = record(fixed=0.01)
    noisy["loss"]["fixed"]["star"]["median"] = 1.0  # more than any time
    assert np.isnan(costs.growth(noisy))


def test_ratios_are_over_ours_and_ours_over_the_limit():
    ratios = costs.ratios(record()["loss"]["sizes"][1])
    assert ratios == pytest.approx({"transcription": 20, "limit": 2})


def test_shares_are_of_the_step_with_star():
    shares = costs.shares(record())
    assert shares["star"] == pytest.approx(0.01) and shares["added"] == pytest.approx(0.005)
    assert shares["not network"] == pytest.approx(1 - 0.09 / 0.11)


def test_the_share_of_the_literal_equations_is_of_a_step_with_them():
    assert costs.form_share(record(), "ours") == pytest.approx(0.01)
    share = costs.form_share(record(), "literal")
    assert share == pytest.approx(0.011 / 0.11)
    table = cost_views.step_table(record())  # the book has the same number in both places
    column = table["% of a step with STAR"]
    assert column["STAR loss, literal equations"] == f"{100 * share:.2f}"


def test_every_call_of_a_loss_takes_other_heatmaps_than_the_one_before():
    maps, landmarks = bench.maps_of(1, 3, CPU, side=8, pool=3)
    seen = []

    def loss(leaf, _):
        seen.append(leaf.data_ptr())
        return leaf.sum()

    run = bench.forward_and_backward(loss, maps, landmarks, calls=2)
    run(), run(), run()
    assert seen == [m.data_ptr() for m in maps.unbind()] * 2


def test_the_heatmaps_that_take_turns_do_not_fit_a_cache():
    for batch, points in ((1, 29), (16, 68)):
        maps, _ = bench.maps_of(batch, points, CPU)
        assert maps.shape[1:] == (batch, points, 64, 64)
        assert maps.numel() * 4 >= bench.POOL > 2**27


def test_the_host_time_of_a_batch_is_measured_beside_serial_noise():
    host = bench_training.host_times(rounds=3, seconds=1, batch=2)
    assert set(host["seconds"]) == {"augment", "serial noise"}
    assert set(cost_views.host_table({"host": host}).index) == set(host["seconds"])


def test_the_parts_of_a_step_are_measured(monkeypatch):
    small = {"image_size": 32, "stacks": 2, "width": 8, "depth": 2, "epochs": 2, "batch_size": 4}
    monkeypatch.setitem(SCALES, "full", small)
    monkeypatch.setattr(bench, "SIDE", 8)
    step = bench_training.step_times(CPU, rounds=3, seconds=2, batch=2)
    names = {"network", "augment", "aam targets", "step with star", "step with regression"}
    assert set(step["seconds"]) == names | {"star loss", "transcription loss", "regression loss"}


def test_cost_is_judged_on_every_machine(tmp_path):
    folder = tmp_path / "bench"
    folder.mkdir()

    def judged(*records):
        for path in folder.glob("machine-*.json"):
            path.unlink()
        for number, one in enumerate(records):
            (folder / f"machine-{number}.json").write_text(json.dumps(one))
        found = claims.judge_all(Records.load(tmp_path))
        return next(judgement for judgement in found if judgement.id == "negligible-cost-here")

    cheap, dear = record(star=0.0019), record(star=0.0021, device="two")
    (folder / "partial-one-ab12.json").write_text("{")  # of a killed process
    (folder / "quick.json").write_text(json.dumps(dear | {"quick": True}))
    assert judged().verdict is Verdict.NOT_RUN
    assert judged(cheap).verdict is Verdict.AGREES
    assert "1.90 % (one) of a" in judged(cheap).reason
    assert judged(dear).verdict is Verdict.DISAGREES
    assert judged(cheap, dear).verdict is Verdict.MIXED
    again = record(star=0.0021)  # the same processor, with other threads
    assert judged(again, cheap).verdict is Verdict.MIXED


def test_command_writes_what_it_measured(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(bench, "BATCHES", (1, 2))
    monkeypatch.setattr(bench, "POINTS", (3,))
    monkeypatch.setattr(bench, "SIDE", 8)
    options = ["--parts", "loss", "--rounds", "3", "--results", str(tmp_path)]
    assert main(["bench", *options]) == 0
    [path] = (tmp_path / "bench").glob("*-partial.json")
    written = json.loads(path.read_text())
    assert set(written["loss"]["fixed"]) == set(written["loss"]["sizes"][0]["seconds"])
    shown = capsys.readouterr().out
    assert "2 × 3" in shown and "two threads beside a busy process" in shown
    assert costs.load(tmp_path) == []  # only whole records are shown
    assert platform.node() not in path.read_text()
    assert main(["bench", "--quick", "--parts", "step", "loss", "--results", str(tmp_path)]) == 2
    assert "--quick: leaves out step, which --parts asks for" in capsys.readouterr().err
    assert json.loads(path.read_text()) == written


def test_compiling_pays_after_the_steps_that_win_its_time_back():
    [variants] = record()["variants"]
    assert costs.steps_until_compiling_pays(variants) == pytest.approx(3000)
    variants["seconds"][costs.COMPILED]["median"] = 0.05
    assert costs.steps_until_compiling_pays(variants) == float("inf")
    table = cost_views.compile_table({"variants": [variants]})
    assert table.loc["reduced"].to_list() == ["30", "never", "3366"]


def test_every_variant_of_a_step_is_measured(monkeypatch):
    small = {"image_size": 32, "stacks": 1, "width": 8, "depth": 2, "epochs": 2, "batch_size": 4}
    monkeypatch.setitem(SCALES, "smoke", small)
    monkeypatch.setattr(bench_training, "compiles", lambda _: False)
    variants = bench_training.step_variants(CPU, rounds=3, seconds=5, scale="smoke")
    assert len(variants["seconds"]) == 4 and variants["steps"] == 2 * 375
    assert variants["compile_seconds"] is None
    assert cost_views.compile_table({"variants": [variants]}).empty
    layouts = [
        next(iter(bench_training._training(RunConfig.at("smoke", "300w"), get_scheme("300w"), CPU,
                                           layout=layout).model.parameters())).stride()
        for layout in bench_training.LAYOUTS.values()
    ]  # fmt: skip
    assert layouts[0] != layouts[1]


@pytest.mark.skipif(not bench_training.STATUS.exists(), reason="needs /proc")
def test_memory_of_a_training_does_not_grow_with_its_data(monkeypatch):
    # Else the allocator keeps some 10 to 40 MB that were freed, more or less from time to time.
    monkeypatch.setenv("MALLOC_MMAP_THRESHOLD_", "65536")
    monkeypatch.setenv("MALLOC_ARENA_MAX", "1")
    few, many = bench_training.memory_of_trainings((40, 400))
    stored = many["stored_mb"] - few["stored_mb"]
    assert stored > 25 and many["used_mb"] < few["used_mb"] + stored / 2, (few, many)


def test_unknown_device_is_named(capsys):
    assert main(["bench", "--device", "warp"]) == 2
    assert "device: expected one available on this machine, got 'warp'" in capsys.readouterr().err


def test_the_loss_is_measured_with_one_thread_with_two_and_beside_a_busy_process():
    before = torch.get_num_threads()
    found = bench.situation_times(rounds=1, seconds=0.1, batch=2, points=3, side=8)
    assert torch.get_num_threads() == before
    assert list(found["seconds"]) == list(bench.SITUATIONS)
    for times in found["seconds"].values():
        assert times["star"]["median"] > 0 and times["transcription"]["median"] > 0
    shown = cost_views.situation_table({"loss": {"situations": found}})
    assert list(shown.index) == list(bench.SITUATIONS)
