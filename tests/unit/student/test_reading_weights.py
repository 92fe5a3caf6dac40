"""Weights are read from every kind of file that they were published in; what is no weights file says so."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from transformers import AutoTokenizer

from dataengine.student.sentencepieces import load_llama_tokenizer, read_pieces
from dataengine.student.weights import merged, read_weights
from tests.golden.parity.vectors import HERE

A, B = {"a": torch.ones(2)}, {"b": torch.zeros(3)}


def names(path: Path) -> set[str]:
    return set(read_weights(path))


def test_shards_are_read_by_their_index(tmp_path: Path) -> None:
    save_file(A, tmp_path / "1.safetensors")
    torch.save(B, tmp_path / "2.bin")
    index = {"weight_map": {"a": "1.safetensors", "b": "2.bin"}}
    (tmp_path / "pytorch_model.bin.index.json").write_text(json.dumps(index))
    assert names(tmp_path) == {"a", "b"}


def test_a_checkpoint_is_opened_down_to_its_tensors(tmp_path: Path) -> None:
    torch.save({"model": {**A, "epoch": 3}, "optimizer": {"state": {}}, "epoch": 3}, tmp_path / "checkpoint.pth")
    assert names(tmp_path / "checkpoint.pth") == {"a"}


def test_what_is_no_weights_file_is_an_error_that_names_it(tmp_path: Path) -> None:
    torch.save(A, tmp_path / "torn.bin")
    (tmp_path / "torn.bin").write_bytes((tmp_path / "torn.bin").read_bytes()[:200])
    torch.save({"a": Path()}, tmp_path / "code.pth")
    (tmp_path / "torn.safetensors").write_bytes(b"\x00" * 20)
    for name in ("torn.bin", "code.pth", "torn.safetensors"):
        with pytest.raises(ValueError, match=name.replace(".", r"\.")):
            read_weights(tmp_path / name)
    with pytest.raises(OSError, match=r"model\.safetensors"):
        read_weights(tmp_path)


def test_lora_is_added_where_it_belongs_and_nowhere_else() -> None:
    pair = (torch.tensor([[1.0, 0.0]]), torch.tensor([[2.0], [0.0]]))
    whole = merged({"q.weight": torch.zeros(2, 2), "k.weight": torch.zeros(2, 2)}, {"q": pair}, 0.5, torch.float32)
    assert whole["q.weight"].tolist() == [[1.0, 0.0], [0.0, 0.0]] and not whole["k.weight"].any()
    with pytest.raises(ValueError, match=r"v\.weight"):
        merged({}, {"v": pair}, 1.0, torch.float32)


def test_a_tokenizer_read_from_its_pieces_is_the_one_saved_as_json(tmp_path: Path) -> None:
    folder = HERE / "llava-1.5" / "llm"
    texts = ["<s>[INST] <Img>", "two  spaces\n", "a</s>USER: B", "$$ é 漢", ""]
    for legacy in (True, False):
        own = load_llama_tokenizer(folder, legacy=legacy)
        own.save_pretrained(tmp_path)
        again = AutoTokenizer.from_pretrained(tmp_path, legacy=legacy)
        assert [own(t)["input_ids"] for t in texts] == [again(t)["input_ids"] for t in texts]
        assert [own.decode(own(t)["input_ids"], skip_special_tokens=True) for t in texts[1:2]] == ["two  spaces\n"]
    assert load_llama_tokenizer(folder, legacy=None)("a</s>b") == load_llama_tokenizer(folder, legacy=True)("a</s>b")


def test_a_torn_tokenizer_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.model"
    path.write_bytes((HERE / "llava-1.5" / "llm" / "tokenizer.model").read_bytes()[:1001])
    with pytest.raises(ValueError, match=r"tokenizer\.model"):
        read_pieces(path)
    path.write_bytes(b"")
    with pytest.raises(ValueError, match="no pieces"):
        read_pieces(path)
