"""The whole loop on a model that is known by its processor alone, merged in the end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from transformers import AutoModelForImageTextToText, AutoProcessor

from dataengine.testing.tiny_models import build_tiny
from tests import small_run

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def dataengine(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "dataengine", *arguments, "--home", str(home)],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=580,
        check=False,
    )


def test_a_model_of_another_family_takes_the_loop_and_is_handed_over(tmp_path: Path) -> None:
    base = build_tiny("smolvlm", tmp_path / "base")
    world = small_run.make_world(tmp_path / "world")
    path = small_run.run_file(tmp_path, world, "any", rounds=1, generation={"budget": 12, "per_part": 12})
    content = yaml.safe_load(path.read_text())
    content["student"] = {"model": str(base)}
    content["training"] = {"recipe": {"epochs": 2, "batch_size": 4, "lr": 0.02}}
    path.write_text(yaml.safe_dump(content))

    done = dataengine(tmp_path, "run", str(path), "--json")
    assert done.returncode in (0, 3), done.stderr  # 3: it ended, and a random model got no better
    rounds = json.loads(done.stdout)["rounds"]
    assert [round_["round"] for round_ in rounds] == [0, 1]
    asked = [round_["report"]["overall"]["n"] for round_ in rounds]
    assert asked[0] == asked[1] > 0
    metrics = json.loads((tmp_path / "runs" / "any" / "rounds" / "01" / "checkpoint.json").read_text())
    assert metrics["family"] == "auto" and metrics["base"] == str(base) and metrics["adapter"]

    merged = dataengine(tmp_path, "student", "merge", "any", "--round", "1", "--out", str(tmp_path / "merged"))
    assert merged.returncode == 0, merged.stderr
    assert AutoModelForImageTextToText.from_pretrained(tmp_path / "merged").num_parameters() > 0
    assert AutoProcessor.from_pretrained(tmp_path / "merged").chat_template
