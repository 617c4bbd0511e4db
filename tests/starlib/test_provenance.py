"""Provenance: the commit is this project's or none, and `dirty` is true of every change of code."""

import subprocess

import pytest

from starlib.runs import provenance
from starlib.runs.provenance import checkout, provenance_of


def git(folder, *arguments):
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    command = ["git", "-C", str(folder), *identity, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def project(tmp_path):
    """A repository with a package and a record, committed."""
    root = tmp_path / "project"
    for name in ("starlib/__init__.py", "results/runs/a.json"):
        (root / name).parent.mkdir(parents=True)
        (root / name).write_text("1\n")
    git(tmp_path, "init", "-q", str(root))
    git(root, "add", ".")
    git(root, "commit", "-qm", "one")
    return root


def test_a_checkout_is_dirty_when_code_changed_and_only_then(project):
    commit = git(project, "rev-parse", "HEAD")
    assert checkout(project) == (commit, False)
    (project / "results/runs/a.json").write_text("2\n")  # runs write there
    (project / "notes.txt").write_text("new\n")
    assert checkout(project) == (commit, False)
    (project / "starlib/new.py").write_text("new = 1\n")
    assert checkout(project) == (commit, True)
    (project / "starlib/new.py").unlink()
    (project / "starlib/__init__.py").write_text("2\n")
    assert checkout(project) == (commit, True)
    git(project, "commit", "-qam", "two")
    assert checkout(project) == (git(project, "rev-parse", "HEAD"), False)


def test_looking_at_a_checkout_leaves_its_index_alone(project):
    (project / "starlib/__init__.py").touch()  # what `git status` would note in the index
    before = (project / ".git/index").stat()
    assert checkout(project)[1] is False
    after = (project / ".git/index").stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_a_package_installed_inside_another_repository_has_no_commit(project):
    installed = project / ".venv/lib/site-packages"
    (installed / "starlib").mkdir(parents=True)
    (installed / "starlib/__init__.py").write_text("")
    assert checkout(installed) == (None, None)
    other = project.parent / "other"  # top of a repository, the package beside its files
    git(project.parent, "init", "-q", str(other))
    (other / "starlib").mkdir()
    (other / "starlib/__init__.py").write_text("")
    assert checkout(other) == (None, None)
    assert checkout(project.parent) == (None, None)


def test_a_run_records_what_decides_its_rounding(monkeypatch):
    monkeypatch.setattr(provenance, "checkout", lambda root: ("c" * 40, True))
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX2")
    found = provenance_of("cpu")
    assert (found["commit"], found["dirty"]) == ("c" * 40, True)
    assert found["instructions"].endswith("ONEDNN_MAX_CPU_ISA=AVX2")
    assert found["processor"] and found["threads"] >= 1
