"""A command starts without what only some commands need."""

import subprocess
import sys


def test_the_command_starts_without_scipy() -> None:
    code = "import sys, dataengine.cli.main; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    assert "dataengine" in loaded
    assert "scipy" not in loaded
