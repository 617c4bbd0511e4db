"""The example of a cluster's job is a shell script that starts the queue."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_a_job_of_the_array_takes_runs_from_the_queue_until_its_time_is_over(tmp_path):
    job = {
        "PYTHON": sys.executable,
        "SLURM_SUBMIT_DIR": str(ROOT),
        "STARLIB_RESULTS": str(tmp_path),
        "DATASET": "synthface",
        "SCALE": "smoke",
        "DEVICE": "cpu",
        "MINUTES": "0",
    }
    done = subprocess.run(
        ["bash", str(ROOT / "examples" / "queue.sbatch")],
        env={**os.environ, **job},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stderr  # what is left is for the next job
    assert "runs are not finished; the same command goes on" in done.stdout
