"""What made a result: the code's commit, versions and device. Names parts, never the machine."""

import platform
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import torch

import starlib
from starlib.experiments.paths import ROOT
from starlib.training import distributed


def versions() -> dict[str, Any]:
    """Commit of this checkout and whether it was changed since (None where it is not one), and
    versions of starlib, Python and torch."""
    git = ["git", "-C", str(ROOT)]
    commit, dirty = None, None
    try:
        ask = {"capture_output": True, "text": True, "check": True}
        commit = subprocess.run([*git, "rev-parse", "HEAD"], **ask).stdout.strip()  # type: ignore
        # Changed files of the repository, and new ones that Python could import.
        changed = [*git, "status", "--porcelain", "--untracked-files=no", "--", ".", ":!results"]
        new = [*git, "ls-files", "--others", "--exclude-standard", "--", "*.py"]
        dirty = any(subprocess.run(c, **ask).stdout.strip() for c in (changed, new))  # type: ignore
    except (OSError, subprocess.CalledProcessError):
        pass
    return {
        "commit": commit,
        "dirty": dirty,
        "starlib": starlib.__version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
    }


def processor() -> str:
    """The model of the CPU."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(v.split(":")[1].strip() for v in lines if v.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def provenance_of(device: str) -> dict[str, Any]:
    """What a run on that device is made with: code, versions, device, threads, processes."""
    if torch.device(device).type == "cuda":
        name = torch.cuda.get_device_name(device)
    else:
        name = f"{platform.machine()} {torch.backends.cpu.get_cpu_capability()}"
    return {
        **versions(),
        "numpy": np.__version__,
        "device": device,
        "device_name": name,
        "processor": processor(),
        "threads": torch.get_num_threads(),
        "processes": distributed.size(),
    }
