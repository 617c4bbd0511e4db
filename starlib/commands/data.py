"""python -m starlib data: look at a data set's files, download them; split or describe your own."""

import argparse
from pathlib import Path

from starlib.data import READERS, check_dataset
from starlib.data.faces import ImageFace
from starlib.data.fetch import fetch
from starlib.data.own.describe import described
from starlib.data.own.split import split_list
from starlib.files import atomically, write_text
from starlib.inference.drawing import contact_sheet
from starlib.schemes import Scheme

OPTIONS = {"fetch": ("url", "sha256"), "split": ("by", "test", "seed")}  # of one action alone


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=["check", "fetch", "split", "describe"])
    parser.add_argument(
        "name",
        help=f"{', '.join(READERS)}; for check also your own .yml file, for split your .csv "
        "list, for describe any list or folder of yours",
    )
    parser.add_argument("--data-root", help="folder of the data sets, default $STARLIB_DATA")
    parser.add_argument("--url", help="fetch: an address that you were given for the data set")
    parser.add_argument("--sha256", help="fetch: the hash of what is at that address")
    parser.add_argument(
        "--by", metavar="COLUMN", help="split: who it is; nobody is in both, default the picture"
    )
    parser.add_argument(
        "--test", type=float, metavar="SHARE", help="split: of the faces for testing, default 0.2"
    )
    parser.add_argument("--seed", type=int, help="split: of the draw, default 0")
    parser.set_defaults(do=_do)


def _do(options: argparse.Namespace) -> int:
    for action, names in OPTIONS.items():
        if action != options.action and any(getattr(options, n) is not None for n in names):
            raise ValueError(f"{', '.join(f'--{n}' for n in names)}: belong to data {action}")
    if options.action == "fetch":
        print(fetch(options.name, options.data_root, options.url, options.sha256))
        return 0
    if options.action == "split":
        return _split(options)
    if options.action == "describe":
        return _describe(Path(options.name))
    return _check(options)


def _split(options: argparse.Namespace) -> int:
    share = 0.2 if options.test is None else options.test
    parts = split_list(Path(options.name), options.by, share, options.seed or 0)
    for path, faces in parts.values():
        print(f"{path}: {faces} faces")
    return 0


def _write_sheets(path: Path, faces: dict[str, list[ImageFace]], scheme: Scheme) -> None:
    """A picture for each split beside the .yml file; a line says where, or why there is none."""
    for split, some in faces.items():
        sheet = path.parent / f"{path.stem}-check" / f"{split}.png"
        try:
            if some:
                atomically(sheet, contact_sheet(some, scheme).save)
                print(f"{split}: look at {sheet}, faces with their points, the oddest first")
        except (OSError, ValueError) as error:
            print(f"{split}: no contact sheet ({error})")


def _describe(path: Path) -> int:
    """Write the .yml file that a list seems to need, unless there is one."""
    path = path if path.name else path.resolve()  # `.` has no name
    target = path.with_suffix(".yml")
    if target.exists():
        raise ValueError(f"{path}: expected no {target}; it is not overwritten")
    text = described(path)
    write_text(target, text)
    print(f"{text}written to {target}; `data check {target}` looks at it")
    return 0


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
        if found > official:
            state = f"{found - official} more than the official number"
        print(f"{what:16} {found:6} of {official:6} {checked.unit}  {state}")
    for line in (*checked.notes, *checked.problems):
        print(line)
    for doubt in checked.doubts:
        print(f"warning: {doubt}")
    if checked.scheme is not None:
        _write_sheets(Path(options.name), checked.faces, checked.scheme)
    known = sum(official is not None for _, official in checked.counts.values())
    if checked.source and (checked.problems or complete < known):
        print(f"{options.name} is distributed at {checked.source}")
    state = f"; warnings: {len(checked.doubts)}" if checked.doubts else ""
    state += f"; complete: {complete} of {known}" if known else ""
    print(f"problems: {len(checked.problems)}{state}")
    return 1 if checked.problems else 0
