"""The page "add a model family", followed word for word in a copy of the packages."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from transformers import CLIPVisionConfig, LlamaConfig, LlavaConfig, LlavaForConditionalGeneration

from tests.golden.parity.vectors import HERE
from tests.golden.test_add_a_benchmark import BLOCK, ROOT, apply_diff

PAGE = ROOT / "docs" / "guides" / "add-a-model-family.md"


def weights(folder: Path) -> None:
    """A random LLaVA of a few thousand parameters with a tokenizer."""
    vision = CLIPVisionConfig(
        hidden_size=16, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2, image_size=28, patch_size=14
    )
    language = LlamaConfig(
        vocab_size=480, hidden_size=16, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2
    )
    config = LlavaConfig(vision_config=vision, text_config=language, image_token_index=479, image_seq_length=4)
    LlavaForConditionalGeneration(config).save_pretrained(folder)
    for file in ("tokenizer.model", "tokenizer_config.json"):
        shutil.copyfile(HERE / "llava-1.5" / "llm" / file, folder / file)


TEACH = """
import torch
from pathlib import Path
from PIL import Image
from dataengine.core.ports import AskStudent
from dataengine.core.questions import Answer, AnswerMode
from dataengine.student.registry import family
from dataengine.training.recipe import family_recipe
from dataengine.training.records import TrainingRecord
from dataengine.training.fine_tuning import train
from dataengine.inference.engine import Engine

torch.set_num_threads(1)
plain, base = family("plain-llava"), Path("weights")
Image.new("RGB", (40, 30), "red").save("red.png")
recipe = family_recipe("plain-llava")
assert (recipe.rank, recipe.loss) == (8, "token")
recipe = recipe.model_copy(update={"max_steps": 2, "batch_size": 1})
trained = train(plain, base, [TrainingRecord(Path("red.png"), (("what?", "red"),))], recipe, Path("out"))
ask = AskStudent("1", Path("red.png").read_bytes(), "what?", AnswerMode.FREE_FORM, max_tokens=4)
assert all(isinstance(a, Answer) for a in Engine(plain, base).answer([ask], trained.adapter))
"""


def run(folder: Path, *arguments: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(folder), "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_following_the_page_adds_a_family_that_answers_and_learns(tmp_path: Path) -> None:
    for package in ("dataengine", "services", "triton_models"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    weights(tmp_path / "weights")
    commands = []
    for kind, target, body in BLOCK.findall(PAGE.read_text()):
        if kind == "diff":
            apply_diff(tmp_path / target, body)
        elif kind == "console":
            commands.append(body)
        else:
            (tmp_path / target).write_text(body)
    assert commands
    for body in commands:
        typed, printed = body.split("\n", 1)
        said = json.loads(run(tmp_path, "-m", "dataengine.cli.main", *typed.removeprefix("$ dataengine ").split()))
        expected = json.loads(printed)
        assert {key: said[key] for key in expected} == expected
    run(tmp_path, "-c", TEACH)


def test_the_page_passes_the_projects_own_lint() -> None:
    code = next(body for _, target, body in BLOCK.findall(PAGE.read_text()) if target.endswith(".py"))
    checked = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--config", str(ROOT / "pyproject.toml"), "-"],
        input=code, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert checked.returncode == 0, checked.stdout


def test_the_page_names_every_named_option() -> None:
    from dataengine.student.llava15 import Llava15
    from dataengine.student.minigpt4 import MiniGpt4
    from dataengine.student.minigpt4_v2 import MiniGpt4V2

    page = PAGE.read_text()
    for kind in (Llava15, MiniGpt4V2, MiniGpt4):
        documented = set(re.findall(r"``(\w+)``:", f"{kind.__doc__} {kind.__mro__[1].__doc__}"))
        for option in documented & set(kind.__dataclass_fields__) - {"dtype", "lora_alpha"}:
            assert f"`{option}`" in page, option
