"""A command whose packages are not installed says in one line which extra has them."""

import sys

import pytest

from starlib import __version__
from starlib.__main__ import COMMANDS, main


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("arguments", [[], ["--help"]])
def test_a_missing_package_is_named_with_its_extra(command, arguments, monkeypatch, capsys):
    for name in [name for name in sys.modules if name.startswith("starlib.commands.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, f"starlib.commands.{command}", None)
    assert main([command, *arguments]) == 2
    message = capsys.readouterr().err
    assert message.count("\n") == 1
    assert f"'starloss[{COMMANDS[command][1]}]'" in message


def test_the_version_is_printed(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0 and __version__ in capsys.readouterr().out
