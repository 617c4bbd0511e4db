"""Networks that come with the project: how they are calibrated, and beside other tools."""

import json

import numpy as np
import pytest
from PIL import Image

from companion.__main__ import main
from companion.bench import peers, shipping
from starlib.data.faces import FaceSet
from starlib.files import ROOT
from starlib.inference.shipped import FOLDER, shipped
from starlib.models.weights import read_tensors
from starlib.runs.records import read_record
from starlib.schemes import SCHEMES
from starlib.training.config import RunConfig

README = (FOLDER / "README.md").read_text(encoding="utf-8")


def some_faces(count=12):
    landmarks = np.random.default_rng(0).uniform(20, 80, (count, 68, 2)).astype(np.float32)
    landmarks[:, 36], landmarks[:, 45] = (30, 40), (70, 40)  # 40 pixels between the eyes
    names, scheme = tuple(map(str, range(count))), SCHEMES["300w"]
    picture = Image.new("RGB", (100, 100))
    return FaceSet("wflw-68", "test", scheme, names, landmarks, lambda index: picture)


def fake(name, faces, error, misses=()):
    """A tool that is off by `error` pixels to the right on every face, of which it misses some; it
    also finds something far from the face."""
    turn = iter(range(len(faces)))

    def find(picture):
        index = next(turn)
        target = faces.landmarks[index].astype(float)
        centre = (target.min(0) + target.max(0)) / 2
        far = (np.array([400.0, 400.0]), lambda: target + 300)
        return [far] if index in misses else [far, (centre, lambda: np.add(target, (error, 0)))]

    return peers.Tool(name, "1", find)


def test_a_comparison_is_of_the_faces_that_both_find():
    faces = some_faces()
    tools = [fake("300w", faces, 2, misses=(0,)), fake("other", faces, 3, misses=(1, 2))]
    record = peers.compare(tools, faces, lambda: None)
    assert record["tools"]["other"]["nme"][:3] == [0.075, None, None]
    ours, other = peers.summary(record).values()
    assert (ours["found"], other["found"], other["both"]) == (11, 10, 9)
    assert other["median"] == pytest.approx(0.075) and other["ours median"] == pytest.approx(0.05)
    assert other["worse"] == pytest.approx((0.025, 0.025, 0.025))
    assert "| other | 10 | 7.50 | 7.50 | 5.00 | 5.00 | 2.50 [2.50, 2.50] |" in peers.markdown(
        record
    )


def test_the_interval_holds_the_spread_of_the_differences():
    rng = np.random.default_rng(1)
    first, other = rng.normal(0.05, 0.01, 400), rng.normal(0.06, 0.02, 400)
    tools = {name: {"nme": list(v)} for name, v in {"300w": first, "other": other}.items()}
    mean, low, high = peers.summary({"tools": tools})["other"]["worse"]
    assert mean == pytest.approx((other - first).mean())
    assert high - low == pytest.approx(2 * 1.96 * (other - first).std() / 20, rel=0.1)


def test_a_tool_that_finds_nothing_has_no_numbers():
    faces = some_faces()
    tools = [fake("300w", faces, 2), fake("blind", faces, 3, misses=range(12))]
    record = peers.compare(tools, faces, lambda: None)
    assert peers.summary(record)["blind"] == {"found": 0, "both": 0}
    assert "| blind | 0 |" in peers.markdown(record)


def test_missing_tools_are_named_with_their_packages(monkeypatch, tmp_path, capsys):
    def absent():
        raise ImportError("No module named 'dlib'")

    faces = some_faces()
    monkeypatch.setattr(peers, "ours", lambda name: fake(name, faces, 2))
    monkeypatch.setattr(peers, "dlib_tool", absent)
    monkeypatch.setattr(peers, "mediapipe_tool", lambda: fake("MediaPipe", faces, 3))
    monkeypatch.setattr("companion.commands.bench.load_dataset", lambda *_: faces)
    assert main(["bench", "--peers", "--results", str(tmp_path)]) == 1
    printed = capsys.readouterr().out
    expected = "dlib is left out (No module named 'dlib'): pip install dlib-bin"
    assert printed.startswith(expected)
    record = json.loads((tmp_path / peers.FILE).read_text())
    assert list(record["tools"]) == ["300w", "MediaPipe"] and record["faces"] == 12


def test_the_readme_shows_the_record_of_the_comparison():
    record = json.loads((ROOT / "results" / peers.FILE).read_text(encoding="utf-8"))
    assert record["tools"]["300w"]["version"] == shipped("300w").path.name
    assert peers.markdown(record) in README
    assert len(set(peers.VERTICES)) == 68


def test_the_300w_network_is_a_run_calibrated_on_half_of_its_test_faces():
    record = json.loads((FOLDER / "300w.json").read_text(encoding="utf-8"))
    config = RunConfig.from_dict(record["config"])
    data = record["provenance"]["data"]
    name = config.name(data["train"]["fingerprint"], data["test"]["fingerprint"])
    run = read_record(ROOT / "results" / "runs" / f"{name}.json")
    assert (run.metrics, run.calibration) == (record["metrics"], record["calibration_of_run"])
    arrays = run.landmarks()
    error, before = arrays["target"] - arrays["predicted"], run.calibration["factor"]
    fitted, check = shipping.calibration_check(error, arrays["covariance"], config, before)
    assert fitted == pytest.approx(record["calibration"])
    for when, values in check.items():
        assert values == pytest.approx(record["calibration_check"][when])


@pytest.mark.parametrize("name", ["300w", "synthface"])
def test_the_readme_says_how_well_covariances_are_calibrated(name):
    record = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    weights = read_tensors(FOLDER / f"{name}.pt")
    assert weights["calibration"] == record["calibration"]
    for when, values in record["calibration_check"].items():
        shares = [f"{100 * values[f'within {s}']:.1f}" for s in (1, 2, 3)]
        row = [f"`{name}`", when, *shares, f"{values['mahalanobis']:.2f}"]
        assert f"| {' | '.join(row)} |" in README


def test_a_calibration_is_checked_on_other_faces_than_it_is_fitted_on():
    rng = np.random.default_rng(0)
    config = RunConfig.at("smoke", "300w")
    error = rng.normal(0, 0.3, (400, 68, 2))
    error[::2] *= 2  # the faces that it is fitted on
    spread = np.broadcast_to(np.eye(2), (400, 68, 2, 2))
    fitted, check = shipping.calibration_check(error, spread, config, before=0.09)
    assert fitted["factor"] == pytest.approx(0.36, rel=0.02) and fitted["held_out"] == 200
    assert check["before"]["within 1"] == pytest.approx(0.393, abs=0.01)
    assert check["before"]["mahalanobis"] == pytest.approx(2, rel=0.02)
    assert check["after"]["mahalanobis"] == pytest.approx(0.5, rel=0.03)
