"""Command line: python -m companion runs | train | evaluate | bench."""

import sys

from starlib.__main__ import command_line

COMMANDS = {  # module in companion.commands -> what it does, and the extras that it needs
    "runs": ("what the experiments need: done, missing, minutes to expect", "book,data,train"),
    "train": ("train the arms of an experiment, or the queue of all", "book,data,train"),
    "evaluate": ("test an experiment's networks on another data set", "book,data,train"),
    "bench": ("measure what the loss, a training step and inference cost here", "book,data,train"),
}


def main(arguments: list[str] | None = None) -> int:
    return command_line("companion", "The STAR Loss companion.", COMMANDS, arguments)


if __name__ == "__main__":
    sys.exit(main())
