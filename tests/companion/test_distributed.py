import dataclasses

import pytest

from companion.experiments.train_all import run_all
from tests.starlib.test_distributed import CONFIG


@pytest.mark.filterwarnings("default")  # Dask leaves sockets and loops to the garbage collector
def test_dask_workers_train_each_run_once(tiny_300w, tmp_path):
    dask = pytest.importorskip("distributed")
    configs = [dataclasses.replace(CONFIG, seed=seed, epochs=1) for seed in range(3)]
    results, message = tmp_path / "results", []
    cluster = dask.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0")
    with cluster, dask.Client(cluster) as client:
        executor = client.get_executor(pure=False)

        def train_all():
            where = {"results": results, "data_root": tiny_300w}
            return run_all(configs, **where, say=message.append, executor=executor)

        first = train_all()
        written = [found.path.stat().st_mtime_ns for found in first]
        again = train_all()
    assert len(message) == 3 and {run.config for run in first} == set(configs)
    assert [found.path.stat().st_mtime_ns for found in again] == written
    assert len(list(results.glob("runs/*.json"))) == 3
