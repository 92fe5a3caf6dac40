"""What a run made loads without this project, and says what its adapter on its base says."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from PIL import Image
from transformers import AutoModelForImageTextToText, AutoProcessor

from dataengine.cli.student_export import merge
from dataengine.core.errors import ConfigurationError
from dataengine.inference.merging import write_merged
from dataengine.student.auto import AutoFamily, on_device
from dataengine.student.conversation import conversation_of
from dataengine.student.tiny_llava import TinyLlava
from dataengine.testing.tiny_models import build_tiny
from tests import student_world


def test_a_merged_folder_loads_by_transformers_alone_and_says_what_the_adapter_says(tmp_path: Path) -> None:
    base = build_tiny("smolvlm", tmp_path / "base")
    family = AutoFamily().fitted(base)
    student = get_peft_model(family.load_model(base), LoraConfig(r=4, target_modules=family.lora_targets))
    torch.manual_seed(1)
    for name, parameter in student.named_parameters():
        if "lora_B" in name:
            parameter.data.normal_(std=0.1)
    student.save_pretrained(tmp_path / "adapter", save_embedding_layers=False)
    write_merged(AutoFamily(), base, tmp_path / "adapter", tmp_path / "merged")

    processor = AutoProcessor.from_pretrained(tmp_path / "merged")
    image = Image.new("RGB", (70, 50), (200, 0, 0))
    asked = [{"role": "user", "content": [{"type": "image", "image": image}, {"type": "text", "text": "color?"}]}]
    inputs = processor.apply_chat_template(
        asked, add_generation_prompt=True, tokenize=True, return_dict=True, return_tensors="pt"
    )
    adapted = PeftModel.from_pretrained(family.load_model(base), str(tmp_path / "adapter")).eval()
    whole = AutoModelForImageTextToText.from_pretrained(tmp_path / "merged", dtype=torch.float32).eval()
    row = family.encode(conversation_of([("color?", None)], [image]))
    batch = on_device(family.collate([row]), whole)
    batch.pop("labels")
    with torch.inference_mode():
        expected = adapted.get_base_model()(**batch).logits
        found = whole(**inputs).logits
    assert float((expected - found).abs().max()) <= 1e-4


def test_a_run_is_merged_with_its_card(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    world = student_world.build(tmp_path / "world")
    out = tmp_path / "out"
    merge("r", out, "1", world.folder / "store")
    assert capsys.readouterr().out.strip() == str(out)
    assert "library_name: transformers" in (out / "README.md").read_text()
    family = TinyLlava().fitted(out)
    assert family.load_tokenizer(out).eos_token == "</s>" and family.load_model(out).num_parameters() > 0
    with pytest.raises(ConfigurationError, match="not empty"):
        merge("r", out, "1", world.folder / "store")
    with pytest.raises(ConfigurationError, match="There are: 0, 1"):
        merge("r", tmp_path / "other", "7", world.folder / "store")
