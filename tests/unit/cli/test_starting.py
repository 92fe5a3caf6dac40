"""A command starts without what only some commands need."""

import subprocess
import sys

import pytest
from typer.testing import CliRunner

from dataengine.cli.lazy_group import COMMANDS
from dataengine.cli.main import app


def test_the_command_starts_without_scipy() -> None:
    code = "import sys, dataengine.cli.main; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    assert "dataengine" in loaded
    assert "scipy" not in loaded


HEAVY = ("rich", "pydantic", "torch", "numpy", "scipy", "yaml", "structlog", "PIL", "jinja2", "transformers", "pyarrow")


def test_the_list_of_commands_imports_nothing_that_a_command_needs() -> None:
    code = (
        "import sys; sys.argv = ['dataengine', '--help']\n"
        "from dataengine.cli.main import main\n"
        "try: main()\n"
        "except SystemExit as end: assert not end.code\n"
        "print('MODULES', *sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    printed = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    shown, _, loaded = printed.partition("MODULES")
    assert "dead-letters" in shown and "parked" not in shown
    assert not set(loaded.split()) & set(HEAVY)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_of_the_list_is_there_and_says_what_it_does(name: str) -> None:
    ran = CliRunner().invoke(app, [name, "--help"], env={"COLUMNS": "200"})
    assert ran.exit_code == 0
    assert "Usage:" in ran.output and name in ran.output


def test_a_name_that_is_no_command_is_wrong_usage() -> None:
    assert CliRunner().invoke(app, ["turn"]).exit_code == 2
