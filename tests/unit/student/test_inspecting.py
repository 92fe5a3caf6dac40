"""`dataengine student inspect`: the published models' sizes are the known ones, and no weights are needed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from transformers import CLIPVisionConfig, LlamaConfig, LlavaConfig, LlavaForConditionalGeneration
from typer.testing import CliRunner

from dataengine.cli.main import app
from dataengine.cli.student import student_object
from dataengine.core.errors import InputError
from tests.golden.parity.vectors import HERE

BASE = Path(__file__).parents[3] / "examples" / "scenes" / "base"


@pytest.mark.parametrize(
    ("family", "parameters", "lora", "projector", "places"),
    [
        # LLaVA-1.5-7b: 7,063 M with the hub's 64 more rows of vocabulary; its LoRA is known to have 319.8 M
        ("llava-1.5", 7_062_902_784, 319_815_680, 1024 * 4096 + 4096 + 4096 * 4096 + 4096, 576),
        ("minigpt4-v2", None, 64 * 64 * (4096 + 4096), 5632 * 4096 + 4096, 256),
        ("minigpt4", None, 64 * 8 * (4096 + 4096), 0, 32),
    ],
)
def test_published_sizes(family: str, parameters: int | None, lora: int, projector: int, places: int) -> None:
    told = student_object(family, None)
    assert told["parameters"] == parameters or parameters is None
    assert told["lora"]["parameters"] == lora
    assert told["trainable"] == lora + projector
    assert told["picture"]["tokens"] == places and f"⟨{places} x " in told["prompt"]
    assert sum(told["parts"].values()) == told["parameters"]


def test_the_shipped_base_says_where_its_image_goes() -> None:
    ran = CliRunner().invoke(app, ["student", "inspect", "tiny-llava", "--checkpoint", str(BASE), "--json"])
    assert ran.exit_code == 0, ran.output
    told = json.loads(ran.stdout)
    assert told["picture"] == {"tokens": 9, "input": [3, 96, 96], "first_place": 3, "prompt_tokens": 20}
    assert told["lora"]["layers"] == 28 and told["trained_in_full"] == ["model.multi_modal_projector"]
    assert 0 < told["trainable_share"] < 0.1


def test_a_llava_of_another_size_is_shown_at_its_own(tmp_path: Path) -> None:
    vision = CLIPVisionConfig(
        hidden_size=16, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2, image_size=28, patch_size=14
    )
    language = LlamaConfig(
        vocab_size=480, hidden_size=16, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2
    )
    config = LlavaConfig(vision_config=vision, text_config=language, image_token_index=479, image_seq_length=4)
    model = LlavaForConditionalGeneration(config)
    model.save_pretrained(tmp_path)
    for file in ("tokenizer.model", "tokenizer_config.json"):
        (tmp_path / file).write_bytes((HERE / "llava-1.5" / "llm" / file).read_bytes())
    told = student_object("llava-1.5", tmp_path)
    assert told["parameters"] == sum(p.numel() for p in torch.nn.Module.parameters(model))
    assert told["picture"]["tokens"] == 4 and told["lora"]["layers"] == 7


def test_what_cannot_be_inspected_says_why(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no published size"):
        student_object("tiny-llava", None)
    with pytest.raises(InputError, match=r"config\.json"):
        student_object("minigpt4-v2", tmp_path)
