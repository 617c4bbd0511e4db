"""Provenance of a result: commit, versions and device; names of parts, never the machine's."""

import os
import platform
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import torch

import starlib
from starlib.files import ROOT
from starlib.training import distributed


def versions() -> dict[str, Any]:
    """Commit of this checkout and whether it was changed since (None where it is not one), and
    versions of starlib, Python and torch."""
    commit, dirty = checkout(ROOT)
    return {
        "commit": commit,
        "dirty": dirty,
        "starlib": starlib.__version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
    }


def checkout(root: Path) -> tuple[str | None, bool | None]:
    """Commit of a project's folder and whether its code was changed since; None where the folder
    is not the top of a repository that has the package's files. A package that is installed inside
    another repository does not belong to it."""

    def git(*arguments: str) -> str:
        # `status` would otherwise lock the index, and leave the lock there when it is interrupted.
        command = ["git", "--no-optional-locks", "-C", str(root), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    try:
        if Path(git("rev-parse", "--show-toplevel")).resolve() != root.resolve():
            return None, None
        git("ls-files", "--error-unmatch", "starlib/__init__.py")
        commit = git("rev-parse", "HEAD")
        # Changed files of the repository, and new ones that Python could import.
        changed = git("status", "--porcelain", "--untracked-files=no", "--", ".", ":!results")
        new = git("ls-files", "--others", "--exclude-standard", "--", "*.py")
    except (OSError, subprocess.CalledProcessError):
        return None, None
    return commit, bool(changed or new)


def processor() -> str:
    """The model of the CPU."""
    return _cpuinfo("model name") or platform.processor() or platform.machine()


def _cpuinfo(key: str) -> str:
    """A value of /proc/cpuinfo, empty where there is none."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    return next((v.partition(":")[2].strip() for v in lines if v.startswith(key)), "")


# Of a CPU's instructions, those that choose a kernel and with it the rounding.
INSTRUCTIONS = ("avx2", "avx512f", "avx512_bf16", "avx512_fp16", "amx_bf16", "amx_tile")
LIMITS = ("ATEN_CPU_CAPABILITY", "ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA")  # set by the user


def instructions() -> str:
    """The instructions that chose the CPU's kernels: torch's level, those of the CPU that matter,
    and limits that are set. Equal code, processor, threads and instructions give equal bits;
    anything else changes rounding, which acts on a training like another seed."""
    flags = _cpuinfo("flags").split()
    parts = [torch.backends.cpu.get_cpu_capability(), *(n for n in INSTRUCTIONS if n in flags)]
    return " ".join([*parts, *(f"{n}={os.environ[n]}" for n in LIMITS if n in os.environ)])


def provenance_of(device: str) -> dict[str, Any]:
    """The origin of a run on that device: code, versions, device, threads, processes; on a GPU
    whether float32 convolutions are in TF32, and chosen by trying (see `set_backends`)."""
    gpu: dict[str, Any] = {}
    if torch.device(device).type == "cuda":
        name = torch.cuda.get_device_name(device)
        cudnn = torch.backends.cudnn
        gpu = {"tf32": cudnn.allow_tf32, "cudnn_benchmark": cudnn.benchmark}
    else:
        name = f"{platform.machine()} {torch.backends.cpu.get_cpu_capability()}"
    return {
        **versions(),
        "numpy": np.__version__,
        "device": device,
        "device_name": name,
        "processor": processor(),
        "instructions": instructions(),
        "threads": torch.get_num_threads(),
        "processes": distributed.size(),
        **gpu,
    }
