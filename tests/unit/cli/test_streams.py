"""What goes where: results to stdout, everything else to stderr."""

import os
import subprocess
import sys


def test_a_broker_that_is_away_is_told_on_stderr_so_that_stdout_stays_the_results() -> None:
    away = {
        "DATAENGINE_KAFKA_BOOTSTRAP": "127.0.0.1:1",
        "DATAENGINE_KAFKA_REQUEST_TIMEOUT": "1",
        "DATAENGINE_KAFKA_PUBLISH_TIMEOUT": "1",
        "DATAENGINE_STORE_FOLDER": os.devnull,
    }
    command = [sys.executable, "-m", "dataengine.cli.main", "parked", "list"]
    ended = subprocess.run(command, env={**os.environ, **away}, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode != 0
    assert "127.0.0.1:1" in ended.stderr
    assert ended.stdout == ""
