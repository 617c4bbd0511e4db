"""The pages to play with that read data: intervals, faces and pictures, in a real browser."""

import base64
import json

import numpy as np
import pytest
import torch
from PIL import Image

from companion.evidence.effects import face_errors
from companion.evidence.statistics import contrast
from companion.exhibits import play
from companion.exhibits.tables import arm_name, label
from companion.experiments.records import Records
from starlib import metrics
from starlib.inference.detector import Detector
from starlib.runs.finished import load_all
from starlib.schemes import SCHEMES
from tests.browser import ROOT, open_tool

NETWORK = ROOT / "book" / "_static" / "play" / "synthface.onnx"
DATA_LIMIT = 600_000  # bytes of a file of the explorer


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """The folder of the pages' data, from the committed runs."""
    folder = tmp_path_factory.mktemp("data")
    play.write(folder, Records.load())
    return folder


class Network(torch.nn.Module):
    """Keeps what a detector gives its network."""

    def __init__(self, seen):
        super().__init__()
        self.seen, self.weight = seen, torch.nn.Parameter(torch.zeros(1))

    def forward(self, images):
        self.seen["images"] = images
        return (torch.zeros(len(images), 98, 2),)


def read(folder, name):
    """What a data script brings."""
    text = (folder / f"{name}.js").read_text(encoding="utf-8")
    head = f"starplay.receive({json.dumps(name)},"
    assert text.startswith(head) and text.endswith(");\n")
    return json.loads(text[len(head) : -3])


def test_data_of_the_explorer_are_the_errors_of_the_committed_runs(data):
    index = read(data, "effects")
    named = ((label(run.config.dataset), run) for run in load_all())
    runs = {(name, arm_name(r.config), r.config.seed): r for name, r in named}
    count = 0
    for message in index["sets"]:
        errors = read(data, f"effects-{message['key']}")
        assert (data / f"effects-{message['key']}.js").stat().st_size <= DATA_LIMIT
        for arm, seeds in message["arms"].items():
            count += len(seeds)
            seed, name = next(iter(seeds.items()))
            packed = base64.b64decode(errors["target"][arm][seed])
            found = np.frombuffer(packed, "<u2") * index["unit"]
            expected = face_errors(runs[message["title"], arm, int(seed)])
            record = json.loads((data / "runs" / f"{name}.json").read_text(encoding="utf-8"))
            assert record["config"]["seed"] == int(seed)
            np.testing.assert_allclose(found, np.minimum(expected, 6.5535), atol=0.51e-4)
    assert count == len(runs)  # no two configs have one name, and none is left out


@pytest.mark.parametrize("seeds", [(5, 5), (2, 3), (10, 4)])
def test_intervals_of_the_explorer_are_starlibs(browser, data, seeds):
    rng = np.random.default_rng(sum(seeds))
    arms = [rng.gamma(4, 0.01, (n, 60)) + rng.normal(0, 0.002, (n, 1)) for n in seeds]
    page, traffic = open_tool(browser, "effects", data)
    page.wait_for_selector(".sp-table")
    found = page.evaluate(
        "([a, b]) => { const f = (m) => m.map((r) => Float64Array.from(r));"
        " return starplay.effects.effect(f(a), f(b)); }",
        [arm.tolist() for arm in arms],
    )
    expected = contrast([arm.mean(1) for arm in arms])
    for name in ("mean", "low", "high", "p"):
        assert found[name] == pytest.approx(getattr(expected, name), abs=1e-7)
    assert found["freedom"] == pytest.approx(expected.freedom, rel=1e-6)
    assert not (traffic.errors or traffic.refused or traffic.missing), traffic
    page.close()


def test_the_explorer_follows_its_choices_with_keys_alone(browser, data):
    page, _ = open_tool(browser, "effects", data)
    page.wait_for_selector(".sp-table")
    first = page.get_by_label("first arm (without)")
    assert first.input_value() == "l2"
    before = page.locator(".sp-table").text_content()
    first.focus()
    page.keyboard.press("ArrowDown")
    page.wait_for_function(
        "old => document.querySelector('.sp-table').textContent !== old", arg=before
    )
    seeds = page.get_by_role("group", name="seeds").get_by_role("checkbox")
    page.wait_for_url("**without=*")
    for number in range(seeds.count()):
        seeds.nth(number).focus()
        page.keyboard.press(" ")
    page.wait_for_selector("text=Choose at least one seed")
    page.close()


def test_the_address_of_the_explorer_keeps_its_choices(browser, data):
    known = next(
        s for s in read(data, "effects")["sets"] if {"smooth-l1", "STAR l2"} <= set(s["arms"])
    )
    asked = f"?set={known['key']}&without=smooth-l1&with=STAR+l2"
    page, _ = open_tool(browser, "effects", data, asked)
    page.wait_for_selector("figcaption:has-text('smooth-l1 minus STAR l2')")
    assert page.get_by_label("data set").input_value() == known["key"]
    page.close()


def test_a_late_answer_is_not_shown_under_another_choice(browser, data):
    page, _ = open_tool(browser, "effects", data)
    page.wait_for_selector(".sp-table")
    table, choice = page.locator(".sp-table").first, page.get_by_label("data set")
    first = choice.input_value()
    others = [s for s in read(data, "effects")["sets"] if s["key"] != first]
    other = next(s["key"] for s in others if {"l2", "STAR l2"} <= set(s["arms"]))
    page.evaluate(
        "(held) => { const load = starplay.load; starplay.load = async (name) => {"
        " if (name === `effects-${held}`) await new Promise((go) => { window.answer = go; });"
        " const all = await load(name); window.answered = name; return all; }; }",
        other,
    )
    before = table.text_content()
    choice.select_option(other)
    page.wait_for_function("() => window.answer")
    choice.select_option(first)
    page.wait_for_function("(name) => window.answered === name", arg=f"effects-{first}")
    page.evaluate("window.answer()")
    page.wait_for_function("(name) => window.answered === name", arg=f"effects-{other}")
    page.wait_for_timeout(200)
    assert choice.input_value() == first and table.text_content() == before
    page.close()


def test_the_viewer_measures_the_faces_as_starlib_does(browser, data):
    faces = read(data, "faces")
    page, traffic = open_tool(browser, "faces", data)
    page.wait_for_selector(".sp-table")
    assert len(faces["truth"]) == play.FACES == page.locator(".sp-thumb").count()
    assert faces["networks"], "no committed run of synthface"
    for network in faces["networks"]:
        expected = metrics.nme(network["landmarks"], faces["truth"], SCHEMES["wflw"])
        np.testing.assert_allclose(network["nme"], expected, atol=2e-4)  # by other coordinates
        found = [
            page.evaluate(
                "([p, t, n]) => starplay.faces.errors(p, t, n).nme",
                [network["landmarks"][face], faces["truth"][face], faces["noise"][face]],
            )
            for face in range(2)
        ]
        np.testing.assert_allclose(found, 100 * expected[:2], rtol=1e-5)
    page.locator(".sp-thumb").nth(2).press("Enter")
    page.wait_for_selector(".sp-face[aria-label^='Rendered face 3']")
    assert not (traffic.errors or traffic.refused or traffic.missing), traffic
    page.close()


@pytest.mark.parametrize("box", [[40, 20, 150, 130], [-15, -10, 45, 50], [100, 75, 118, 95]])
def test_the_page_cuts_a_photo_as_starlib_does(browser, data, box):
    rng = np.random.default_rng(0)
    picture = Image.fromarray(rng.integers(0, 256, (20, 22, 3), np.uint8)).resize((176, 160))
    rgba = np.asarray(picture.convert("RGBA"))
    page, _ = open_tool(browser, "photo", data)
    found = page.evaluate(
        "([width, height, data, box]) => {"
        " const square = starplay.viewSquare(box);"
        " return [square, [...starplay.networkView({width, height, data}, square, 96)]]; }",
        [176, 160, rgba.flatten().tolist(), box],
    )
    seen = {}
    network = Network(seen)
    detector = Detector(network, SCHEMES["wflw"], 96, released=False)
    square = detector.boxes(np.array([[box[:2], box[2:]]], np.float32))
    np.testing.assert_allclose(found[0], square[0], atol=1e-3)
    detector.detect(detector.cut(picture, square[0])[None], square)
    # Both round to whole grey values twice; where one of them rounds otherwise, by one.
    apart = np.abs(np.array(found[1]).reshape(3, 96, 96) - seen["images"][0].numpy()) * 127.5
    assert apart.max() < 1.01 and apart.mean() < 0.02
    page.close()


def test_the_network_in_the_page_is_the_exported_one(browser, data):
    if not NETWORK.is_file():
        pytest.skip(f"{NETWORK} is not there: NOT CHECKED")
    onnxruntime = pytest.importorskip("onnxruntime")
    page, traffic = open_tool(browser, "photo", data)
    assert not any("onnx" in url for url in page.evaluate(LOADED)), "loaded before it is asked for"
    page.get_by_role("button", name="Take the astronaut").press("Enter")
    page.wait_for_selector("svg.sp-photo:not([hidden])")
    before = page.locator(".sp-box").get_attribute("x")
    page.get_by_role("application").focus()
    page.keyboard.press("ArrowRight")
    assert page.locator(".sp-box").get_attribute("x") != before
    page.keyboard.press("Enter")
    page.wait_for_selector(".sp-found circle", timeout=60_000)
    view, landmarks, square = page.evaluate(AGAIN)
    session = onnxruntime.InferenceSession(str(NETWORK), providers=["CPUExecutionProvider"])
    size = session.get_inputs()[0].shape[-1]
    images = np.array(view, np.float32).reshape(1, 3, size, size)
    expected = session.run(["landmarks"], {"images": images})[0][0]
    left, top, side = square
    found = 2 * (np.array(landmarks) - (left, top)) / side - 1
    np.testing.assert_allclose(found, expected, atol=1e-4)
    assert not (traffic.errors or traffic.refused or traffic.missing), traffic
    page.close()


def test_landmarks_of_a_picture_are_not_drawn_on_the_next(browser, data, tmp_path):
    page, _ = open_tool(browser, "photo", data)
    page.evaluate(
        "() => { starplay.detect = () => new Promise((go) => { window.answer = () => go({"
        " landmarks: [[200, 100]], covariances: [{ xx: 1, xy: 0, yy: 1 }],"
        " square: [170, 80, 110], size: 96, edges: [], calibrated: true, milliseconds: 1 }); }); }"
    )
    page.get_by_role("button", name="Take the astronaut").press("Enter")
    page.wait_for_selector("svg.sp-photo:not([hidden])")
    page.get_by_role("button", name="Find the landmarks").press("Enter")
    page.wait_for_function("() => window.answer")
    Image.new("RGB", (640, 480), "red").save(tmp_path / "red.png")
    page.set_input_files("input[type=file]", tmp_path / "red.png")
    page.wait_for_selector(".sp-photo image[width='640']")
    page.evaluate("window.answer()")
    page.wait_for_timeout(200)
    assert page.locator(".sp-found circle").count() == 0
    page.get_by_role("button", name="Find the landmarks").press("Enter")
    page.evaluate("window.answer()")
    page.wait_for_selector(".sp-found circle")
    page.close()


LOADED = "performance.getEntriesByType('resource').map((entry) => entry.name)"
AGAIN = """async () => {
  const canvas = document.querySelector("canvas");
  const picture = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  const box = [178, 84, 274, 182];
  const found = await starplay.detect(picture, box);
  const view = starplay.networkView(picture, found.square, found.size);
  return [[...view], found.landmarks, found.square];
}"""
