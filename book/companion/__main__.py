"""Command line: python -m companion runs | train | bench."""

import sys

from starlib.__main__ import command_line

COMMANDS = {  # module in companion.commands -> what it does
    "runs": "what the experiments need: done, missing, minutes to expect",
    "train": "train the arms of an experiment, or the queue of all experiments",
    "bench": "measure what the loss, a training step and inference cost here",
}


def main(arguments: list[str] | None = None) -> int:
    return command_line("companion", "The STAR Loss companion.", COMMANDS, arguments)


if __name__ == "__main__":
    sys.exit(main())
