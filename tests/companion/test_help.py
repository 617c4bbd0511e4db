"""The help of every command shows examples, and each is a command line that it takes."""

import argparse
import importlib
import shlex

import pytest

import companion.__main__ as companion_line
import starlib.__main__ as starlib_line

PROGRAMS = {"starlib": starlib_line, "companion": companion_line}
COMMANDS = [(program, name) for program, line in PROGRAMS.items() for name in line.COMMANDS]


@pytest.mark.parametrize(("program", "command"), COMMANDS)
def test_help_shows_examples_that_the_command_takes(program, command, capsys):
    with pytest.raises(SystemExit) as ended:
        PROGRAMS[program].main([command, "--help"])
    assert ended.value.code == 0
    begin = f"  python -m {program} {command} "
    shown = capsys.readouterr().out.partition("examples:\n")[2].splitlines()
    assert shown and all(line.startswith(begin) for line in shown)
    parser = argparse.ArgumentParser(allow_abbrev=False, exit_on_error=False)
    importlib.import_module(f"{program}.commands.{command}").add(parser)
    for line in shown:
        parser.parse_args(shlex.split(line.removeprefix(begin)))
