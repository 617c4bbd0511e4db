"""python -m companion runs: what the experiments need, what is done, what the rest would cost."""

import argparse
from collections.abc import Sequence

from companion.bench import summary as costs
from companion.evidence.claims import claims_of_runs
from companion.experiments.estimate import H200, own_gpu
from companion.experiments.paper import EXPERIMENTS
from companion.experiments.queue import Entry, entries
from companion.experiments.records import Records
from starlib.files import PARTIAL
from starlib.runs.records import verify
from starlib.schemes import SCHEME_OF


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--experiment", nargs="+", choices=EXPERIMENTS, metavar="NAME")
    parser.add_argument("--dataset", nargs="+", choices=SCHEME_OF, metavar="NAME")
    parser.add_argument("--scale", default="long", help="smoke, reduced, long (default) or full")
    parser.add_argument(
        "--device",
        choices=("cpu", "cuda"),
        default="cpu",
        help="whose minutes for what is missing: cpu, from those of the records (default), or cuda,"
        " those of this folder's `bench --device cuda`, without one a lower bound for an"
        f" {H200} from counted operations",
    )
    parser.add_argument("--missing", action="store_true", help="leave out what is done")
    parser.add_argument(
        "--check", action="store_true", help="recompute every record's numbers from its arrays"
    )
    parser.add_argument("--results", help="folder of the run records, default results/")
    parser.set_defaults(do=_runs)


def _runs(options: argparse.Namespace) -> int:
    records = Records.load(options.results)
    if options.check:
        return _check(records)
    claims = claims_of_runs(options.scale)
    what = options.scale, options.experiment, options.dataset
    hours, factor = "about {:.1f} hours of one core", 1.0
    if options.device == "cuda":
        gpu, factor = own_gpu(costs.load(records.folder))
        hours = f"at least {{:.1f}} hours on an {gpu}, computed and not measured"
        if factor != 1:
            hours = f"about {{:.1f}} hours on an {gpu}, from its benchmark"
    listed = entries(records, *what, gpu_factor=factor if options.device == "cuda" else None)
    print(f"{'state':8} {'minutes':>7}  {'data set':14} {'seed':>4}  arm: what it decides")
    for entry in listed:
        if not (options.missing and entry.run):
            print(_line(entry, claims.get(entry.config, ())))
    print(f"{_total(listed, hours)} (records: {records.folder / 'runs'})")
    return 0


def _line(entry: Entry, claims: Sequence[str]) -> str:
    state = "done" if entry.run else "missing"
    minutes = "?" if entry.minutes is None else f"{entry.minutes:.1f}"
    papers = "; ".join(dict.fromkeys(map(_shown, entry.experiments)))
    decides = f"{papers} ({', '.join(claims)})" if claims else papers
    config = entry.config
    return f"{state:8} {minutes:>7}  {config.dataset:14} {config.seed:>4}  {entry.arm}: {decides}"


def _shown(name: str) -> str:
    """Table or figure of the paper, else the experiment's name."""
    paper = EXPERIMENTS[name].paper
    return paper if any(character.isdigit() for character in paper) else name


def _total(listed: Sequence[Entry], hours: str) -> str:
    spent = [entry.minutes or 0 for entry in listed if entry.run]
    left = [entry.minutes for entry in listed if not entry.run]
    text = f"{len(spent)} of {len(listed)} runs done ({sum(spent) / 60:.1f} hours)"
    known = [minutes for minutes in left if minutes is not None]
    expected = f", {hours.format(sum(known) / 60)}" if len(known) == len(left) else ""
    return f"{text}; {len(left)} missing{expected}"


def _check(records: Records) -> int:
    """Recompute every record; those that cannot be read are named by the reader's warnings."""
    files = (records.folder / "runs").glob("*.json")
    written = sum(not path.name.startswith(PARTIAL) for path in files)
    wrong = written - len(records.runs)
    for run in records.runs:
        try:
            verify(run)
        except ValueError as error:
            wrong += 1
            print(error)
    print(f"{written} records: the numbers of {written - wrong} follow from their arrays")
    return 1 if wrong else 0
