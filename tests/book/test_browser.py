"""The pages to play with, in a real browser: their numbers are starlib's, and keys suffice."""

import itertools

import numpy as np
import pytest
import torch

from starlib import RegressionLoss, STARLoss, heatmap_moments, principal_components
from starlib.distances import DISTANCES
from starlib.losses import RESTRICTIONS
from tests.browser import open_tool

CLOSE = {"rtol": 1e-5, "atol": 1e-5}
SHOWN = "() => new Promise((done) => requestAnimationFrame(() => setTimeout(done, 20)))"


@pytest.fixture(scope="module")
def point(browser):
    """The page about one point."""
    page, traffic = open_tool(browser, "point")
    yield page
    assert not (traffic.errors or traffic.refused or traffic.missing), traffic
    page.close()


STATES = [
    {"s1": 0.25, "s2": 0.06, "angle": 20, "blur": 1, "weight": 1, "label": [0.2, 0.24]},
    {"s1": 0.05, "s2": 0.2, "angle": -75, "blur": 1.7, "weight": 20, "label": [-0.5, 0.004]},
    {"s1": 0.12, "s2": 0.12, "angle": 0, "blur": 0.5, "weight": 3, "label": [0.003, -0.002]},
    {"s1": 0.3, "s2": 0.1, "angle": 90, "blur": 4, "weight": 0, "label": [0.9, -0.7]},
    {"s1": 0.03, "s2": 0.03, "angle": 10, "blur": 0.25, "weight": 5, "label": [0.01, 0.02]},
]  # the third is isotropic, the last narrower than a cell


@pytest.mark.parametrize("distance, restriction", list(itertools.product(DISTANCES, RESTRICTIONS)))
def test_losses_and_their_gradients_are_starlibs(point, distance, restriction):
    for state in STATES:
        state = {**state, "distance": distance, "restriction": restriction}
        seen = point.evaluate(
            "s => { const r = starplay.point.evaluate(s); return {"
            "map: [...r.map.values], regression: r.regression, star: r.star,"
            "gradient: [...r.mapGradient]}; }",
            state,
        )
        heatmap = torch.tensor(seen["map"], dtype=torch.float64).reshape(1, 1, 64, 64)
        heatmap.requires_grad_()
        label = torch.tensor([[state["label"]]], dtype=torch.float64, requires_grad=True)
        plain = RegressionLoss(distance)(heatmap, label)
        assert seen["regression"]["total"] == pytest.approx(plain.item(), rel=1e-5, abs=1e-5)
        (slope,) = torch.autograd.grad(plain, label)
        np.testing.assert_allclose(seen["regression"]["gradient"], -slope[0, 0], **CLOSE)

        star = STARLoss(distance, restriction, state["weight"])(heatmap, label)
        assert seen["star"]["total"] == pytest.approx(star.item(), rel=1e-5, abs=1e-5)
        slope, pixels = torch.autograd.grad(star, (label, heatmap))
        np.testing.assert_allclose(seen["star"]["gradient"], -slope[0, 0], **CLOSE)
        np.testing.assert_allclose(seen["gradient"], pixels.flatten(), **CLOSE)


def test_terms_and_slopes_of_a_point_are_starlibs(point):
    for state in STATES[:2]:
        state = {**state, "distance": "smooth_l1", "restriction": "value"}
        seen = point.evaluate(
            "s => { const {map, ...r} = starplay.point.evaluate(s); return r; }", state
        )
        covariance = seen["found"]["covariance"]
        matrix = torch.tensor(
            [[covariance["xx"], covariance["xy"]], [covariance["xy"], covariance["yy"]]]
        ).double()
        values, vectors = principal_components(matrix)
        values.requires_grad_()
        error = torch.tensor(state["label"]) - torch.tensor(seen["found"]["mean"])
        terms = DISTANCES["smooth_l1"](vectors.T @ error.double()) / values.sqrt()
        limit = state["weight"] * values.sum() / 2
        slopes = torch.autograd.grad(terms.sum() + limit, values)[0]
        np.testing.assert_allclose(seen["star"]["terms"], terms.detach(), **CLOSE)
        assert seen["star"]["limit"] == pytest.approx(limit.item(), rel=1e-5)
        np.testing.assert_allclose(seen["star"]["slopes"], slopes, **CLOSE)


def test_blur_collapses_without_a_restriction_and_has_an_optimum_with_one(point):
    state = {**STATES[0], "label": [0.04, 0.03], "s1": 0.1, "weight": 10, "distance": "l1"}
    state["restriction"] = "value"
    curves = point.evaluate("s => starplay.point.blurCurves(s)", state)
    none, value = (np.array([c[name] for c in curves]) for name in ("none", "value"))
    blur = np.array([c["blur"] for c in curves])
    assert (np.diff(none) < 0).all()
    assert 0 < value.argmin() < len(value) - 1
    best = point.evaluate(
        "s => { const r = starplay.point.evaluate(s).star;"
        " return starplay.bestBlur(r.terms, r.values, s.weight); }",
        state,
    )
    assert abs(np.log(blur[value.argmin()] / best)) < np.log(blur[1] / blur[0])


def test_the_page_opens_where_the_loss_has_its_minimum_within_the_chart(point):
    curves = point.evaluate("() => starplay.point.blurCurves(starplay.point.start)")
    value = np.array([curve["value"] for curve in curves])
    assert 0.2 * len(value) < value.argmin() < 0.8 * len(value)


def test_the_address_keeps_the_settings_and_wrong_ones_are_left_out(browser):
    asked = "?weight=3&distance=l2&label=0.3%2C-0.2&angle=500&restriction=some"
    page, traffic = open_tool(browser, "point", query=asked)
    page.wait_for_selector(".sp-handle[aria-valuetext='x 0.30, y \u22120.20']")
    assert page.get_by_label("distance d").input_value() == "l2"
    assert page.get_by_label("weight w").input_value() == "3"
    assert page.get_by_label("angle of σ₁").input_value() == "20"
    assert page.get_by_label("restriction", exact=True).input_value() == "value"
    page.get_by_label("restriction", exact=True).select_option("none")
    page.wait_for_url("**restriction=none*")
    assert "angle" not in page.url and "weight=3" in page.url
    page.get_by_role("button", name="Start again").click()
    page.wait_for_url("**/point.html")
    assert not traffic.errors
    page.close()


def test_a_finger_scrolls_unless_it_takes_hold_of_the_label(browser):
    page, _ = open_tool(browser, "point", has_touch=True, viewport={"width": 390, "height": 700})
    handle = page.locator(".sp-handle").first
    drawing = page.locator(".sp-drawing").first
    assert drawing.evaluate("e => getComputedStyle(e).touchAction") == "pan-y"
    finger = {"pointerType": "touch", "pointerId": 7, "bubbles": True}
    before = handle.get_attribute("aria-valuetext")
    drawing.dispatch_event("pointerdown", finger)
    page.wait_for_timeout(100)
    assert handle.get_attribute("aria-valuetext") == before
    drawing.tap(position={"x": 20, "y": 20})
    page.wait_for_function(
        "old => document.querySelector('.sp-handle').getAttribute('aria-valuetext') !== old",
        arg=before,
    )
    tops = [page.locator(name).first.bounding_box()["y"] for name in (".sp-panels", ".sp-controls")]
    assert tops[0] < tops[1]
    page.close()


@pytest.mark.parametrize(("tool", "keys"), [("point", "ArrowLeft"), ("heatmap", " ")])
def test_a_change_takes_at_most_50_ms_of_a_processor_four_times_slower(browser, tool, keys):
    """Script, style and layout of a change, four times the processor's time that they take, since
    the clock of a busy machine says nothing."""
    page, _ = open_tool(browser, tool)
    devtools = page.context.new_cdp_session(page)
    devtools.send("Performance.enable", {"timeDomain": "threadTicks"})

    def spent():
        metrics = devtools.send("Performance.getMetrics")["metrics"]
        kinds = {"ScriptDuration", "LayoutDuration", "RecalcStyleDuration"}
        return sum(m["value"] for m in metrics if m["name"] in kinds)

    if tool == "point":  # every slider, then the label
        changed = page.locator("input[type=range], .sp-handle").all()[:6]
    else:
        changed = [page.locator(".sp-drawing")]
    for element in changed:
        element.focus()
        times = []
        for _ in range(8):
            before = spent()
            page.keyboard.press(keys)
            page.evaluate(SHOWN)
            times.append(1e3 * 4 * (spent() - before))
        assert np.quantile(times, 0.25) <= 50, (element, times)  # a busy machine's are longer
    page.close()


def compare_moments(seen, heatmap):
    """A page's mean, covariance and "axes" are starlib's of the heatmap [1, 1, H, W]."""
    mean, covariance = heatmap_moments(heatmap)
    values, vectors = principal_components(covariance[0, 0])
    np.testing.assert_allclose(seen["mean"], mean[0, 0], **CLOSE)
    found = [[seen["covariance"][n] for n in row] for row in (("xx", "xy"), ("xy", "yy"))]
    np.testing.assert_allclose(found, covariance[0, 0], **CLOSE)
    np.testing.assert_allclose(seen["axes"]["values"], values, **CLOSE)
    np.testing.assert_allclose(np.transpose(seen["axes"]["vectors"]), vectors, **CLOSE)


def test_moments_and_axes_of_any_map_are_starlibs(point):
    generator = torch.Generator().manual_seed(0)
    maps = torch.rand(6, 12, 20, generator=generator, dtype=torch.float64) ** 8
    maps[0] = 0
    maps[1] = 0
    maps[1, 3, 7] = 2.0
    maps[2] = 1.0
    maps[3, :, 10:] = 0
    for heatmap in maps:
        seen = point.evaluate(
            "([width, height, values]) => { const m = starplay.moments({width, height, values});"
            " return {...m, axes: starplay.principalComponents(m.covariance)}; }",
            [20, 12, heatmap.flatten().tolist()],
        )
        compare_moments(seen, heatmap[None, None])


def test_arrow_keys_move_the_label_and_sliders_change_the_loss(point):
    handle = point.locator(".sp-handle").first
    handle.focus()
    assert handle.get_attribute("aria-valuetext") == "x 0.12, y 0.16"
    point.keyboard.press("ArrowRight")
    point.keyboard.press("Shift+ArrowUp")
    point.wait_for_selector(".sp-handle[aria-valuetext='x 0.14, y 0.06']")
    said = point.locator(".sp-status")
    point.get_by_label("weight w").focus()
    point.keyboard.press("End")
    point.wait_for_function("document.querySelector('.sp-status').textContent !== ''")
    assert "with STAR" in said.text_content()
    assert point.locator("output").nth(4).text_content() == "20.0"


def test_every_preset_of_the_painted_heatmap_has_starlibs_moments(browser):
    page, traffic = open_tool(browser, "heatmap")
    names = page.evaluate("Object.keys(starplay.heatmap.presets)")
    assert {"corner", "contour", "blobs", "uniform", "one"} <= set(names)
    for name in names:
        seen = page.evaluate(
            "name => { const map = starplay.heatmap.presets[name][1]();"
            " return {map: [...map.values], ...starplay.heatmap.evaluate(map)}; }",
            name,
        )
        size = page.evaluate("starplay.heatmap.cells")
        heatmap = torch.tensor(seen["map"], dtype=torch.float64).reshape(1, 1, size, size)
        compare_moments(seen, heatmap)
    assert not (traffic.errors or traffic.refused or traffic.missing), traffic


def test_the_heatmap_is_painted_with_keys_alone(browser):
    page, _ = open_tool(browser, "heatmap")
    page.get_by_role("button", name="empty").press("Enter")
    page.wait_for_selector("text=no mass")
    page.get_by_label("size").focus()
    page.keyboard.press("Home")  # a brush of one cell
    page.get_by_role("application").focus()
    for key in ("ArrowRight", "Shift+ArrowUp", " "):  # column 13, row 8 of 24
        page.keyboard.press(key)
    page.wait_for_function("document.querySelector('.sp-status').textContent.includes('column 14')")
    row = page.get_by_role("row", name="mean μ (Eq. 1)")
    assert row.get_by_role("cell").text_content() == "0.125, −0.292"
    page.keyboard.press("Backspace")
    page.wait_for_selector("text=no mass")


def test_a_finger_paints_with_a_tap_and_scrolls_up_and_down(browser):
    page, _ = open_tool(browser, "heatmap", has_touch=True, viewport={"width": 390, "height": 700})
    page.get_by_role("button", name="empty").press("Enter")
    page.wait_for_selector("text=no mass")
    drawing = page.get_by_role("application")
    finger = {"pointerType": "touch", "pointerId": 7, "bubbles": True, "clientX": 100}
    drawing.dispatch_event("pointerdown", {**finger, "clientY": 100})
    drawing.dispatch_event("pointermove", {**finger, "clientY": 160})
    drawing.dispatch_event("pointercancel", finger)
    page.wait_for_timeout(100)
    assert page.get_by_text("no mass").count() == 1
    drawing.tap(position={"x": 50, "y": 50})
    page.wait_for_selector("text=mean μ (Eq. 1)")
    page.close()
