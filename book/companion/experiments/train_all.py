"""Many runs: what is missing of a list of configs is trained side by side, here or elsewhere."""

import concurrent.futures
import functools
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import torch

from starlib.devices import AUTO, available_device
from starlib.files import results_folder
from starlib.runs.evaluation import beside
from starlib.runs.finished import by_config, key_of, load_all, load_run
from starlib.runs.progress import Progress
from starlib.runs.records import Run
from starlib.runs.run import faces_decide, known_fingerprints, run
from starlib.schemes import is_path
from starlib.training import distributed
from starlib.training.config import RunConfig, describe
from starlib.training.loop import StoppedError


def run_all(
    configs: Iterable[RunConfig],
    device: str = AUTO,
    workers: int = 1,
    results: Path | str | None = None,
    data_root: Path | str | None = None,
    minutes: float | None = None,
    say: Callable[[str], None] = print,
    executor: concurrent.futures.Executor | None = None,
    anew: bool = False,
    progress: bool = False,
    **how: Any,
) -> list[Run]:
    """Train what is missing, `workers` runs side by side, and return the runs that are finished.

    Processes share the CPU's cores evenly. With an `executor`, such as Dask's, it decides what
    runs where; its workers must see the folders of results and data. Under
    `starlib.training.distributed.joined` all processes train one run after the other together.

    A run that fails does not stop the others, unless all processes train it together;
    the first failure is raised at the end. With `anew` a record that was there and is not replaced
    counts as not finished. `anew` and `how` as in `run`; `progress`: each run under way prints a
    line now and then.
    """
    if workers < 1:
        raise ValueError(f"workers: expected an integer >= 1, got {workers!r}")
    if minutes is not None and minutes < 0:
        raise ValueError(f"minutes: expected a number >= 0, got {minutes!r}")
    together = distributed.size() > 1
    if together and (workers > 1 or executor is not None):
        raise ValueError("workers: processes that train one run together train no other beside it")
    if executor is None:
        device = available_device(device)  # an executor's workers have their own
    configs = list(dict.fromkeys(configs))
    results = results_folder(results).absolute()
    data_root = Path(data_root).absolute() if data_root else None
    done = distributed.once(lambda: _finished(configs, results, data_root))
    todo = configs if anew else [config for config in configs if config not in done]
    replaced = {run.path: run.path.stat().st_mtime_ns for run in done.values()} if anew else {}
    until = None if minutes is None else time.time() + 60 * minutes
    how |= {"device": device, "results": results, "data_root": data_root, "anew": anew}
    one = functools.partial(_one, until=until, progress=progress, how=how)
    if together:
        for config in todo:
            ending = one(config)
            if distributed.rank() == 0:
                say(f"{describe(config)}: {ending}")
    elif executor is not None:
        _side_by_side(executor, one, todo, say)
    else:
        with concurrent.futures.ProcessPoolExecutor(
            max_workers=max(1, min(workers, len(todo))),
            mp_context=multiprocessing.get_context("spawn"),
            initializer=_in_worker,
            initargs=(max(1, (os.cpu_count() or 1) // workers),),
        ) as pool:
            try:
                _side_by_side(pool, one, todo, say)
            except KeyboardInterrupt:  # which a terminal sends to the workers too, `kill` does not
                for worker in multiprocessing.active_children():
                    worker.terminate()
                raise
    done = distributed.once(lambda: _finished(configs, results, data_root))
    found = [done[config] for config in configs if config in done]
    return [run for run in found if run.path.stat().st_mtime_ns != replaced.get(run.path)]


def _in_worker(threads: int) -> None:
    torch.set_num_threads(threads)
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # not ignored, as by nohup
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C ends it; its checkpoint is whole
    threading.Thread(target=_end_with_the_parent, daemon=True).start()


def _end_with_the_parent() -> None:
    """Else a worker whose parent was killed trains what is queued, and then waits for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _finished(
    configs: Iterable[RunConfig], results: Path, data_root: Path | None
) -> dict[RunConfig, Run]:
    """The finished runs of configs, on the faces that are there where these decide."""
    finished, known = by_config(load_all(results)), {}
    found = {}
    for config in configs:
        run = finished.get(key_of(config))
        if faces_decide(config.dataset, data_root) and (run or is_path(config.dataset)):
            where = config.dataset, config.image_size, config.crop
            if where not in known:
                known[where] = known_fingerprints(config, results, data_root)
            run = load_run(config, results, known[where])
        if run is not None:
            found[config] = run
    return found


def _side_by_side(
    executor: concurrent.futures.Executor,
    one: Callable[[RunConfig], str],
    todo: list[RunConfig],
    say: Callable[[str], None],
) -> None:
    failure: Exception | None = None
    futures = {executor.submit(one, config): config for config in todo}
    for count, future in enumerate(concurrent.futures.as_completed(futures), 1):
        config = futures[future]
        try:
            say(f"{count}/{len(todo)} {describe(config)}: {future.result()}")
        except Exception as error:
            say(f"{count}/{len(todo)} {describe(config)}: failed: {error}")
            failure = failure or error
    if failure is not None:
        raise failure


def _one(config: RunConfig, until: float | None, progress: bool, how: dict[str, Any]) -> str:
    def late() -> bool:
        return until is not None and time.time() > until

    if distributed.once(late):
        return "not begun"
    try:
        found = run(config, report=Progress(config) if progress else None, stop=late, **how)
    except StoppedError as stopped:
        return str(stopped)
    subset, values = next(iter(found.metrics.items()))
    seconds = found.provenance["seconds"]
    return f"NME {subset} {100 * values['nme']:.3f} %, {seconds:.0f} s{beside(found.metrics)}"
