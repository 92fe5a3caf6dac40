"""MiniGPT-4, first generation, with LoRA on q and k: no vector has it; it is held against arithmetic done by hand."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file, save_file
from transformers import PreTrainedModel

from dataengine.student.encoding import encode
from dataengine.student.minigpt_files import adapter_from_authors, adapter_to_authors
from dataengine.student.weights import read_weights
from dataengine.training.fine_tuning import train
from dataengine.training.recipe import Recipe
from dataengine.training.records import TrainingRecord
from tests.golden.parity.test_minigpt4 import FAMILY, NAMES, V
from tests.golden.parity.vectors import HERE, LOGITS, apart, copy, embedded, step

ALPHA, RANK = 16.0, 8
SCALE = ALPHA / RANK
LAYERS, KINDS = (0, 1), ("q_proj", "k_proj")
LORA = "llama_model.base_model.model.model.layers"
"""How the authors' peft (0.2) begins a LoRA's name."""
IDS = V.given["chat1/token_ids"].tolist()


def saved_by_the_authors(path: Path) -> dict[str, torch.Tensor]:
    """A stage's checkpoint as their runner writes it: LoRA and buffers; the projector is frozen, so it is not in it."""
    draws = torch.Generator().manual_seed(5)
    lora: dict[str, torch.Tensor] = {}
    for layer in LAYERS:
        for kind in KINDS:
            place = f"{LORA}.{layer}.self_attn.{kind}"
            lora[f"{place}.lora_A.weight"] = torch.randn(RANK, 32, generator=draws) * 0.3
            lora[f"{place}.lora_B.weight"] = torch.randn(32, RANK, generator=draws) * 0.3
    buffers = {
        "llama_model.base_model.model.model.layers.0.self_attn.rotary_emb.inv_freq": torch.ones(4),
        "Qformer.bert.embeddings.position_ids": torch.arange(24)[None],
    }
    torch.save({"model": lora | buffers, "epoch": 3, "optimizer": {}}, path)
    return lora


def adapted(adapter: Path, *, trainable: bool = False) -> tuple[PeftModel, PreTrainedModel]:
    plain = FAMILY.load_model(V.folder)
    model = PeftModel.from_pretrained(plain, str(adapter), is_trainable=trainable)
    return cast(PeftModel, model), plain


@torch.inference_mode()
def logits(of: PreTrainedModel) -> torch.Tensor:
    return cast(torch.Tensor, of(inputs_embeds=embedded(FAMILY, of, IDS, "wide")).logits)


def updated_by_hand(lora: dict[str, torch.Tensor]) -> PreTrainedModel:
    """The base with W + (alpha / r) B A in place of each W: sums over the rank written out, one entry at a time."""
    model = FAMILY.load_model(V.folder)
    for layer in LAYERS:
        for kind in KINDS:
            a, b = (lora[f"{LORA}.{layer}.self_attn.{kind}.lora_{which}.weight"].double() for which in "AB")
            update = sum(torch.outer(b[:, r], a[r]) for r in range(RANK))
            weight = model.get_parameter(f"language_model.model.layers.{layer}.self_attn.{kind}.weight")
            weight.data = (weight.data.double() + SCALE * cast(torch.Tensor, update)).float()
    return model


@pytest.fixture
def lora(tmp_path: Path) -> dict[str, torch.Tensor]:
    return saved_by_the_authors(tmp_path / "stage.pth")


@pytest.fixture
def adapter(lora: dict[str, torch.Tensor], tmp_path: Path) -> Path:
    return adapter_from_authors(tmp_path / "stage.pth", tmp_path / "adapter", ALPHA)


def test_lora_off_is_the_base_and_on_is_the_update_made_by_hand(adapter: Path, lora: dict[str, torch.Tensor]) -> None:
    base = logits(FAMILY.load_model(V.folder))
    model, plain = adapted(adapter)
    on = logits(plain)
    assert apart(on, logits(updated_by_hand(lora))) < LOGITS
    assert apart(on, base) > 100 * LOGITS
    with model.disable_adapter():
        assert torch.equal(logits(plain), base)


def test_a_checkpoint_beside_the_released_projector_is_merged(lora: dict[str, torch.Tensor], tmp_path: Path) -> None:
    folder = copy("minigpt4", tmp_path / "base")
    (folder / "checkpoint.safetensors").rename(folder / "pretrained_minigpt4_7b.safetensors")
    saved_by_the_authors(folder / "checkpoint.pth")
    assert apart(logits(FAMILY.load_model(folder)), logits(updated_by_hand(lora))) < LOGITS


def test_gradients_are_in_the_lora_of_q_and_k_alone(adapter: Path) -> None:
    model, plain = adapted(adapter, trainable=True)
    tokenizer = FAMILY.load_tokenizer(V.folder)
    rows = [encode(FAMILY, tokenizer, [("What is the colour?", answer)]) for answer in ("red", "blue")]
    made = step(FAMILY, model, plain, rows, *NAMES)
    ours = "base_model.model.language_model.model.layers"
    wanted = {f"{ours}.{n}.self_attn.{k}.lora_{w}.default.weight" for n in LAYERS for k in KINDS for w in "AB"}
    assert {name for name, parameter in model.named_parameters() if parameter.requires_grad} == wanted
    assert made.norms.keys() == wanted and all(norm > 0 for norm in made.norms.values())


def test_the_authors_checkpoint_survives_there_and_back(
    adapter: Path, lora: dict[str, torch.Tensor], tmp_path: Path
) -> None:
    back = read_weights(adapter_to_authors(adapter, tmp_path / "back.pth"))
    assert back.keys() == lora.keys()
    assert all(torch.equal(back[name], lora[name]) for name in lora)


def test_a_trained_adapter_survives_there_and_back(tmp_path: Path) -> None:
    recipe = Recipe(max_steps=3, batch_size=1, rank=RANK, alpha=ALPHA, lr=3e-2, train_projector=False, precision="fp32")
    record = TrainingRecord(HERE / "images" / "wide.png", (("What is the colour?", "red"),))
    ours = train(FAMILY, V.folder, [record], recipe, tmp_path / "out").adapter
    names = set(load_file(ours / "adapter_model.safetensors"))
    assert names and all(".q_proj.lora_" in name or ".k_proj.lora_" in name for name in names)
    theirs = adapter_to_authors(ours, tmp_path / "checkpoint.pth")
    back = adapter_from_authors(theirs, tmp_path / "back", ALPHA)
    before, after = logits(adapted(ours)[1]), logits(adapted(back)[1])
    assert torch.equal(before, after) and not torch.equal(before, logits(FAMILY.load_model(V.folder)))


def test_an_adapter_saved_and_loaded_gives_identical_logits(adapter: Path, tmp_path: Path) -> None:
    model, plain = adapted(adapter)
    model.save_pretrained(str(tmp_path / "again"), save_embedding_layers=False)
    assert torch.equal(logits(plain), logits(adapted(tmp_path / "again")[1]))


def test_a_stage_that_trained_the_projector_keeps_it(lora: dict[str, torch.Tensor], tmp_path: Path) -> None:
    projector = {"llama_proj.weight": torch.randn(32, 32), "llama_proj.bias": torch.randn(32)}
    save_file(lora | projector, tmp_path / "stage.safetensors")
    adapter = adapter_from_authors(tmp_path / "stage.safetensors", tmp_path / "adapter", ALPHA)
    back = read_weights(adapter_to_authors(adapter, tmp_path / "back.pth"))
    assert back.keys() == (lora | projector).keys()
    assert torch.equal(back["llama_proj.weight"], projector["llama_proj.weight"])


def test_what_an_adapter_has_no_place_for_is_refused(lora: dict[str, torch.Tensor], tmp_path: Path) -> None:
    save_file({**lora, "query_tokens": torch.zeros(1, 8, 32)}, tmp_path / "stage.safetensors")
    with pytest.raises(ValueError, match="no place for"):
        adapter_from_authors(tmp_path / "stage.safetensors", tmp_path / "adapter", ALPHA)
    with pytest.raises(ValueError, match="no LoRA"):
        adapter_from_authors(V.folder / "checkpoint.safetensors", tmp_path / "adapter", ALPHA)
