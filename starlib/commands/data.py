"""python -m starlib data: look at a data set's files, or download them."""

import argparse

from starlib.data import READERS, check_dataset
from starlib.data.fetch import fetch


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=["check", "fetch"])
    parser.add_argument("name", help=f"{', '.join(READERS)}; for check also your own .yml file")
    parser.add_argument("--data-root", help="folder of the data sets, default $STARLIB_DATA")
    parser.add_argument("--url", help="fetch: an address that you were given for the data set")
    parser.add_argument("--sha256", help="fetch: the hash of what is at that address")
    parser.set_defaults(do=_do)


def _do(options: argparse.Namespace) -> int:
    if options.action == "fetch":
        print(fetch(options.name, options.data_root, options.url, options.sha256))
        return 0
    if options.url or options.sha256:
        raise ValueError("--url, --sha256: belong to data fetch")
    return _check(options)


def _check(options: argparse.Namespace) -> int:
    """Count what is there, name everything missing or unreadable, say where to get the data set."""
    checked = check_dataset(options.name, options.data_root)
    complete = 0
    for what, (found, official) in checked.counts.items():
        if official is None:
            print(f"{what:16} {found:6} {checked.unit}")
            continue
        complete += found >= official
        state = "complete" if found >= official else "partial" if found else "missing"
        print(f"{what:16} {found:6} of {official:6} {checked.unit}  {state}")
    for problem in checked.problems:
        print(problem)
    for doubt in checked.doubts:
        print(f"warning: {doubt}")
    known = sum(official is not None for _, official in checked.counts.values())
    if checked.source and (checked.problems or complete < known):
        print(f"{options.name} is distributed at {checked.source}")
    state = f"; complete: {complete} of {known}" if known else ""
    print(f"problems: {len(checked.problems)}{state}")
    return 1 if checked.problems else 0
