"""From official files to a page: WFLW and COFW in miniature, made of rendered faces, are read,
trained on at the smallest scale, and shown with verdicts and subsets."""

import h5py
import numpy as np
import pytest
from PIL import Image
from sphinx.application import Sphinx

import prepare
from companion.experiments.queue import entries, trainable
from companion.experiments.records import Records
from companion.page import experiment_page
from starlib.data import cofw
from starlib.data.wflw import SUBSETS
from starlib.files import ROOT
from starlib.schemes import SCHEMES
from starlib.synthface import render_faces

FACES = {"train": 40, "test": 20}
SIDE = 96
ATTRIBUTES = SUBSETS[1:]


def drawn(split):
    return render_faces(FACES[split], 5 if split == "train" else 6, SIDE, 3.0)


def write_wflw(root):
    """The official folders; the test faces share out the six attributes."""
    lists = root / "wflw" / "WFLW_annotations" / "list_98pt_rect_attr_train_test"
    pictures = root / "wflw" / "WFLW_images" / "0--Parade"
    lists.mkdir(parents=True)
    pictures.mkdir(parents=True)
    for split in FACES:
        faces, lines = drawn(split), []
        for number, (image, points) in enumerate(zip(faces.images, faces.landmarks, strict=True)):
            name = f"{split}_{number}.png"
            Image.fromarray(image.permute(1, 2, 0).numpy()).save(pictures / name)
            places = (points.numpy() + 1) * SIDE / 2 - 0.5
            flags = [int(number % len(ATTRIBUTES) == k) for k in range(len(ATTRIBUTES))]
            cells = [*places.ravel().tolist(), 0, 0, SIDE - 1, SIDE - 1, *flags]
            lines.append(" ".join(f"{cell:g}" for cell in cells) + f" 0--Parade/{name}")
        path = lists / f"list_98pt_rect_attr_{split}.txt"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return root


def write_cofw(root):
    """The official files; 29 of the renderer's points stand for COFW's."""
    folder = root / "cofw"
    folder.mkdir(parents=True)
    chosen = np.linspace(0, 97, SCHEMES["cofw"].points).astype(int)
    for split, (images, rows) in cofw.VARIABLES.items():
        faces = drawn(split)
        points = (faces.landmarks[:, chosen].numpy() + 1) * SIDE / 2 + 0.5
        with h5py.File(folder / f"COFW_{split}_color.mat", "w") as file:
            kept = [
                file.create_dataset(f"pictures/{number}", data=image.transpose(1, 2).numpy()).ref
                for number, image in enumerate(faces.images)
            ]
            file.create_dataset(images, data=np.array([kept], dtype=h5py.ref_dtype))
            columns = [points[..., 0], points[..., 1], np.zeros(points.shape[:2])]
            file.create_dataset(rows, data=np.concatenate(columns, 1).T)
    return root


# Data set -> experiment and comparison, the claim that this decides, subsets
CHAINS = {
    "wflw": ("compare_adl", "STAR over ADL", "better-than-adl", list(SUBSETS)),
    "cofw": ("ablation_distance", "smooth_l1", "improves-smooth-l1",
             ["test", "test, inter-ocular"]),
}  # fmt: skip


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A folder with both data sets."""
    root = tmp_path_factory.mktemp("data")
    return write_cofw(write_wflw(root))


@pytest.fixture(scope="module", params=CHAINS)
def trained(request, data, tmp_path_factory):
    """A data set's name, and a folder with the records of a comparison on it, trained as a notebook
    trains them."""
    folder = tmp_path_factory.mktemp("chain")
    experiment, comparison, *_ = CHAINS[request.param]
    experiment_page(
        experiment, request.param, "smoke", [0, 1], train=True, workers=2, device="cpu",
        results=str(folder / "results"), data_root=str(data), comparisons=[comparison],
    )  # fmt: skip
    return request.param, folder


def test_the_queue_has_the_runs_of_a_data_set_that_is_there(data, tmp_path):
    records = Records.load(tmp_path / "results")
    listed = entries(records, "full", ["compare_adl"], ["wflw"], [0])
    assert {entry.config.dataset for entry in listed} == {"wflw"} and len(listed) >= 3
    assert not trainable(listed, tmp_path)
    assert len(trainable(listed, data)) == len(listed)


def test_a_page_has_the_subsets_and_a_verdict_of_its_own_data(trained):
    dataset, folder = trained
    experiment, comparison, claim, subsets = CHAINS[dataset]
    page = experiment_page(experiment, dataset, "smoke", results=str(folder / "results"))
    assert page.comparisons == (comparison,)  # what is not run is not in the table
    assert page.effects[comparison].seeds == (2, 2)
    assert list(page.subset_table) == subsets
    [judgement] = page.judgements
    assert judgement.id == claim and judgement.rule["dataset"] == dataset
    assert str(judgement.verdict) == "too few seeds" and "2 seeds" in judgement.reason
    if dataset == "cofw":
        by_corners = page._effects("test, inter-ocular")[comparison].means[0]
        runs = page.by_arm[page.pairs[comparison].without].values()
        recorded = [run.metrics["test, inter-ocular"]["nme"] for run in runs]
        assert by_corners == pytest.approx(np.mean(recorded), rel=1e-3)
        # Table 3 has it, and Table 6 has ADL with AAM alone.
        assert "the paper +0.24" in judgement.reason and "setting" not in judgement.reason
    assert "Finding" in page.finding.data and "20 of" in page.sources.data


def test_records_of_another_data_set_get_a_page_of_their_own(trained, tmp_path, monkeypatch):
    dataset, folder = trained
    monkeypatch.setattr(prepare, "ROOT", folder)
    notebook = {"compare_adl": "compare_luvli"}.get(CHAINS[dataset][0], CHAINS[dataset][0])
    found = prepare.discovered()
    assert list(found) == [f"data_{dataset}_smoke_{notebook}"]  # what a page shows is on no other
    [entry] = found.values()
    assert entry["parameters"] == {"dataset": dataset, "scale": "smoke"}
    [number] = {n for n in entry["paper"] if n.startswith("Table")}
    assert number == {"wflw": "Table 6", "cofw": "Table 3"}[dataset]
    built = built_page(*found.items(), folder / "results", tmp_path, monkeypatch)
    assert "STAR over ADL" in built if dataset == "wflw" else "smooth-l1" in built
    assert "too few seeds" in built and "2 seeds" in built
    assert all(name in built for name in CHAINS[dataset][-1])


def built_page(found, results, tmp_path, monkeypatch):
    """The text of a page that `make book` builds, with every warning an error; of other files the
    book's own build is the test."""
    [page, entry] = found
    monkeypatch.setitem(prepare.PAGES, page, entry)
    monkeypatch.setattr(prepare, "EXECUTED", tmp_path)
    monkeypatch.setattr(prepare, "ROOT", ROOT)
    monkeypatch.setenv("STARLIB_RESULTS", str(results))
    monkeypatch.setenv("JUPYTER_PREFER_ENV_PATH", "1")
    prepare.execute(page)
    options = {
        "extensions": ["myst_nb", "sphinx_design"], "root_doc": page, "nb_execution_mode": "off",
        "myst_enable_extensions": ["colon_fence", "dollarmath", "attrs_inline"], "numfig": True,
        # Links to the book's other pages; a second build in one process.
        "suppress_warnings": ["myst.xref_missing", "app"],
    }  # fmt: skip
    out = tmp_path / "_build"
    Sphinx(tmp_path, None, out, out, "html", options, status=None, warningiserror=True).build()
    return " ".join((out / f"{page}.html").read_text(encoding="utf-8").split())
