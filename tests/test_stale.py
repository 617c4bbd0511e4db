"""A page of the book is executed again when what it was made from has changed."""

import os

import pytest

from tests.test_prepare import prepare


@pytest.fixture
def page(tmp_path, monkeypatch):
    """A page that was executed after its notebook and its records were written."""
    monkeypatch.setattr(prepare, "ROOT", tmp_path)
    monkeypatch.setattr(prepare, "EXECUTED", tmp_path / "book" / "experiments")
    monkeypatch.setitem(prepare.PAGES, "page", ("notebook", {}))
    sources = ["notebooks/notebook.ipynb", "results/runs/a.json", "results/bench/b.json"]
    for name in [*sources, "book/experiments/page.ipynb"]:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{}")
        os.utime(path, (1e9, 1e9))
    os.utime(path, (1e9 + 10, 1e9 + 10))
    return tmp_path, sources


def test_a_page_is_executed_again_when_what_it_reads_is_newer(page):
    root, sources = page
    assert not prepare.stale("page")
    for name in sources:
        os.utime(root / name, (1e9 + 20, 1e9 + 20))
        assert prepare.stale("page"), name
        os.utime(root / name, (1e9, 1e9))
    assert not prepare.stale("page")


def test_a_page_that_was_never_executed_is(page):
    root, _ = page
    (root / "book" / "experiments" / "page.ipynb").unlink()
    assert prepare.stale("page")


def test_a_new_record_makes_the_pages_that_read_it_stale(page, monkeypatch):
    root, _ = page
    (root / "results" / "runs" / "new.json").write_text("{}")
    assert prepare.stale("page")
    monkeypatch.setitem(prepare.PAGES, "page", ("notebook", {"results": "results/live"}))
    assert not prepare.stale("page")
