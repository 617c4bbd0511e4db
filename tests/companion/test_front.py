"""The first screen's sentences follow from the records, and fail when these no longer bear them."""

import dataclasses
import re
import textwrap
from pathlib import Path

import pytest

from companion.evidence.breakdown import stability_effects
from companion.evidence.effects import effects_by_length, seed_means
from companion.experiments.paper import EXPERIMENTS
from companion.experiments.records import Records
from companion.page import Page, experiment_page
from companion.text.statements import SENTENCES, STATEMENTS, Statement, first_screen
from tests.fakes import write_arms, write_run

ROOT = Path(__file__).resolve().parents[2]
ABLATION = EXPERIMENTS["ablation_distance"]


@pytest.fixture(scope="module")
def committed():
    return Records.load(ROOT / "results")


def test_the_readme_gives_the_answer_of_the_first_screen(committed):
    paragraphs = first_screen(committed).split("\n\n")[:3]
    without_links = [re.sub(r" \[[^\]]*\]\([^)]*\)\.", "", text) for text in paragraphs]
    expected = "\n\n".join(textwrap.fill(text, 100) for text in without_links)
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert expected == readme.partition("a test holds it -->")[2].partition("<!-- end")[0].strip()


def test_the_first_screen_says_what_it_can_in_few_words(committed):
    assert len(first_screen(committed).split()) <= 200
    empty = Records(committed.folder, ())
    assert first_screen(empty) == "The runs behind the first page are not in these records."


@pytest.mark.parametrize("key", STATEMENTS, ids=" ".join)
def test_the_committed_records_bear_each_page_s_sentence(committed, key):
    name, dataset, scale = key
    page = experiment_page(name, dataset, scale, results=str(committed.folder))
    effects = page.effects
    if name == "stability":
        effects = {n: stability_effects(page.by_arm, pair)["all"] for n, pair in page.pairs.items()}
    if name == "training_length":
        longer = experiment_page("longer", dataset, "long", results=str(committed.folder))
        effects = effects_by_length(committed) | longer.effects
    statement = STATEMENTS[key](effects)
    assert statement.holds, statement.text
    assert re.search(r"\d\.\d\d", statement.text)


def test_plain_l2_improves_beyond_the_epochs_of_the_settled_scale_as_its_page_says(committed):
    assert "Plain l2" in SENTENCES["pages"]["ablation_distance 300w long"]["text"]
    long = committed.arm_runs(ABLATION, "300w", "long", arms=["l2"])["l2"]
    twice = committed.arm_runs(EXPERIMENTS["longer"], "300w", "long")["120 epochs l2"]
    both = long.keys() & twice.keys()
    assert both
    assert all(seed_means({s: twice[s]}) < 0.95 * seed_means({s: long[s]}) for s in both)


def test_what_is_not_known_yet_is_not_known(committed):
    """Once these runs are finished, the sentence that says so is to be written anew."""
    text = (ROOT / "notebooks/mechanism.py").read_text(encoding="utf-8")
    assert "Not yet\n# finished" in text and "one of two dentists" in text
    assert committed.missing(EXPERIMENTS["annotators"].configs("cephalo-one", "long"))


def test_a_sentence_that_is_no_longer_true_stops_the_book_and_not_somebody_else_s_page(
    tmp_path, monkeypatch
):
    write_arms(ABLATION, "300w", tmp_path / "results", {"l2": 0.05, "STAR l2": 0.04})
    records, arms = Records.load(tmp_path / "results"), ("l2", "STAR l2")
    page = Page(ABLATION, "300w", "reduced", None, ("l2",), arms, (), records)
    false = Statement("STAR loss harms.", False)
    assert "STAR loss harms" not in page.say(false).data
    assert page.say(Statement("STAR loss helps.", True)).data.startswith("> **Finding.** STAR loss")
    monkeypatch.setattr("companion.page.ROOT", tmp_path)
    with pytest.raises(ValueError, match="ablation_distance: no longer true: STAR loss harms"):
        page.say(false)
    for other in ({"scale": "long"}, {"dataset": "synthface"}, {"seeds": [0, 1]}):
        assert "STAR loss harms" not in dataclasses.replace(page, **other).say(false).data


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"seeds": "0"}, r"^seeds: expected a list, as in papermill's -y 'seeds: \[0\]', got '0'"),
        ({"seeds": [0, 0]}, "^seeds: expected each once"),
        ({"seeds": -1}, "^seeds: expected integers >= 0, got -1"),
        ({"train": "false"}, r"^train: expected True or False \(.*\), got 'false'"),
        ({"workers": "2"}, "^workers: expected an integer, got '2'"),
        ({"scale": "tiny"}, "^scale: expected one of smoke, .*, got 'tiny'"),
        ({"dataset": "300W"}, "^dataset: expected one of .*, or a .yml file, got '300W'"),
        ({"results": 3}, "^results: expected a text, got 3"),
    ],
)
def test_parameters_of_a_page_are_checked_by_type(given, message):
    with pytest.raises(ValueError, match=message):
        experiment_page("ablation_distance", **({"dataset": "300w", "scale": "reduced"} | given))


def test_seed_0_is_one_seed(committed):
    page = experiment_page("ablation_distance", "300w", "reduced", 0, results=str(committed.folder))
    assert {run.config.seed for run in page.runs} == {0}
    assert {j.verdict.supports for j in page.judgements} == {None}  # one seed decides nothing


def test_committed_records_are_found_from_any_folder_and_none_is_an_error(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("STARLIB_RESULTS", raising=False)
    assert experiment_page("accuracy", "300w", "reduced").runs
    with pytest.raises(ValueError, match=r"results: expected records of accuracy .* got none of"):
        experiment_page("accuracy", "300w", "reduced", results="nothing")


def test_two_arms_that_are_one_at_a_scale_are_not_compared(tmp_path):
    star = EXPERIMENTS["released_code"].config("STAR", "300w", 0, "full")  # in float32 there
    write_run(star, tmp_path, 0.05)
    assert experiment_page("released_code", "300w", "full", results=str(tmp_path)).comparisons == ()


def test_claims_follow_the_comparisons_that_are_shown(committed):
    page = experiment_page(
        "ablation_distance", "300w", "reduced", comparisons=["l2"], results=str(committed.folder)
    )
    assert [j.id for j in page.judgements] == ["improves-l2"]
