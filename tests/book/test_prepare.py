"""What the book's pages are made from."""

from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

import edits
import prepare

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["parameters"], ["hide-input"]),
        (["parameters", "injected-parameters"], ["remove-cell", "hide-input"]),
        (["show-input"], ["show-input"]),  # a cell that is to be read
    ],
)
def test_code_is_folded_and_injected_parameters_replace_the_defaults(given, expected):
    notebook = new_notebook(cells=[new_code_cell("x = 1", metadata={"tags": [t]}) for t in given])
    for _ in range(2):  # a page is not folded twice
        edits.fold_code(notebook)
    tags = [cell.metadata["tags"] for cell in notebook.cells]
    assert [of[-1] for of in tags] == expected and all(len(of) <= 2 for of in tags)


def test_a_table_that_a_page_does_not_have_leaves_no_folded_cell():
    shown = new_output("display_data", data={"text/markdown": "| a |"})
    cells = [new_code_cell("page.subset_table"), new_code_cell("page.table", outputs=[shown])]
    edits.fold_code(new_notebook(cells=cells))
    assert [cell.metadata["tags"] for cell in cells] == [["remove-cell"], ["hide-input"]]


def test_every_page_is_in_the_table_of_contents_and_has_a_notebook_with_its_parameters():
    toc = (ROOT / "book/_toc.yml").read_text(encoding="utf-8")
    for page, entry in prepare.PAGES.items():
        assert f"experiments/{page}\n" in toc + "\n"
        cells = nbformat.read(prepare.notebook_of(page), as_version=4).cells
        [defaults] = [c for c in cells if "parameters" in c.metadata.get("tags", [])]
        known = {line.split(" = ")[0] for line in defaults.source.splitlines()}
        assert set(entry.get("parameters", {})) <= known, page
        names = {"notebook", "title", "parameters", "paper", "leave_out", "trains"}
        assert set(entry) <= names | {"experiments", "reads", "imports"}, page


def test_a_page_is_executed_again_only_if_it_was_made_from_something_else(tmp_path, monkeypatch):
    monkeypatch.setattr(prepare, "EXECUTED", tmp_path)
    assert prepare.stale("cost")
    made = new_notebook(metadata={"made_from": prepare.digest("cost")})
    nbformat.write(made, tmp_path / "cost.ipynb")
    assert not prepare.stale("cost")
    monkeypatch.setitem(prepare.PAGES, "cost", prepare.PAGES["cost"] | {"title": "Another"})
    assert prepare.stale("cost")


def test_a_page_that_trains_shows_a_bar_of_its_runs(tmp_path, monkeypatch, capsys):
    executed = []
    monkeypatch.setattr(prepare, "ROOT", tmp_path)
    monkeypatch.setattr(prepare, "execute", executed.append)
    prepare._train("ablation_distance_live")
    assert executed == ["ablation_distance_live"]
    assert "ablation_distance_live:   0%|" in capsys.readouterr().err


def test_pairs_of_notebook_and_script_hold_the_same_cells():
    import jupytext

    for script in sorted((ROOT / "notebooks").glob("*.py")):
        ours, theirs = (jupytext.read(p).cells for p in (script, script.with_suffix(".ipynb")))
        assert [c.source for c in ours] == [c.source for c in theirs], script


def test_a_finding_stands_below_the_title_and_what_made_it_is_one_folded_cell():
    shown = new_output("display_data", data={"text/markdown": "> **Finding.** Two.\n>\n> - one"})
    table = new_output("display_data", data={"text/html": "<table></table>"})
    cells = [
        new_markdown_cell("# Title\n\nThe claim."),
        new_code_cell("import x", outputs=[table]),
        new_code_cell("a = 1", metadata={"tags": ["parameters"]}),
        new_code_cell("a = 2", metadata={"tags": ["injected-parameters"]}),
        new_code_cell("show()", outputs=[shown]),
        new_code_cell("table()", outputs=[table]),
        new_markdown_cell("## More"),
    ]
    notebook = new_notebook(cells=list(cells))
    edits.put_finding_first(notebook)
    title, box, claim, code, *others = notebook.cells
    assert title.source == "# Title" and claim.source == "The claim."
    assert box.source == "::::{div} finding\n\n**Finding.** Two.\n\n- one\n::::"
    assert code.source == "import x\n\na = 2\n\nshow()" and code.outputs == [table]
    assert others == cells[5:]


def test_a_notebook_without_a_finding_stays_as_it_is():
    notebook = new_notebook(cells=[new_markdown_cell("# Title"), new_code_cell("x")])
    before = list(notebook.cells)
    edits.put_finding_first(notebook)
    assert notebook.cells == before


def test_a_section_is_left_out_with_all_its_cells():
    sources = ["# Title", "## One", "one", "## Two\n\nText.", "two", "more", "## Three"]
    notebook = new_notebook(cells=[new_markdown_cell(source) for source in sources])
    edits.leave_out(notebook, ["Two"])
    assert [cell.source for cell in notebook.cells] == ["# Title", "## One", "one", "## Three"]
    with pytest.raises(ValueError, match="section of the notebook, got 'Two'"):
        edits.leave_out(notebook, ["Two"])


def test_a_page_of_other_records_says_nothing_of_the_committed_ones_and_has_no_empty_section():
    finding = new_output("display_data", data={"text/markdown": f"{edits.FINDING} Not answered."})
    table = new_output("display_data", data={"text/markdown": "| a |", "text/csv": "a"})
    committed = {"tags": ["committed"]}
    notebook = new_notebook(
        cells=[
            new_markdown_cell("# Title"),
            new_code_cell("import x"),
            new_markdown_cell("## Empty"),
            new_code_cell("show()", outputs=[finding]),
            new_code_cell("page.effect_table if page.comparisons else None"),
            new_markdown_cell("## Full"),
            new_markdown_cell("Ours fell.", metadata=committed),
            new_code_cell("table()", outputs=[table]),
            new_markdown_cell("## Words"),
        ]
    )
    edits.leave_out_absent(notebook)
    assert [c.source for c in notebook.cells] == [
        "# Title", "import x", "## Full", "table()", "## Words",
    ]  # fmt: skip
