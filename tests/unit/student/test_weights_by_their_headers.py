"""Weights are checked without reading a number: what loads, passes; what is cut short, missing or odd, is named."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import PreTrainedModel

from dataengine.student.weights import META, read_weights
from tests.golden.parity.vectors import copy
from tests.unit.student.real_families import REAL, Real

SHARD = "model-00002-of-00003.safetensors"


@pytest.fixture(params=REAL)
def real(request: pytest.FixtureRequest) -> Real:
    return REAL[request.param]()


def shapes(model: PreTrainedModel) -> dict[str, tuple[torch.Size, torch.dtype]]:
    return {name: (value.shape, value.dtype) for name, value in model.named_parameters()}


def same_without_numbers(real: Real, folder: Path) -> None:
    model = real.family.load_model(folder, META)
    assert {value.device.type for value in model.parameters()} == {META}
    assert not model.training
    assert shapes(model) == shapes(real.family.load_model(folder))


def test_a_family_s_files_give_the_same_model_without_numbers(real: Real) -> None:
    same_without_numbers(real, real.vectors.folder)


def test_so_do_shards_in_the_hub_s_layout(real: Real, tmp_path: Path) -> None:
    sharded(real, tmp_path)
    same_without_numbers(real, tmp_path)


def sharded(real: Real, folder: Path) -> dict[str, str]:
    """The model in three shards named as the hub names them; gives the index."""
    real.family.load_model(real.vectors.folder).save_pretrained(folder)
    whole = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    places = {name: f"model-0000{i % 3 + 1}-of-00003.safetensors" for i, name in enumerate(sorted(whole))}
    for file in set(places.values()):
        save_file({name: whole[name] for name, place in places.items() if place == file}, folder / file)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": places}))
    return places


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def cut_in_its_header(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:300])


def lengthened(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\0")


def gone(path: Path) -> None:
    path.unlink()


def overwritten(path: Path) -> None:
    path.write_text("<html>404 Not Found</html>")


def of_another_shape(path: Path) -> None:
    held = load_file(path)
    last = sorted(held)[-1]
    save_file({**held, last: torch.zeros(3, 5)}, path)


def without_one(path: Path) -> None:
    held = load_file(path)
    del held[sorted(held)[-1]]
    save_file(held, path)


def with_one_more(path: Path) -> None:
    save_file({**load_file(path), "other.weight": torch.zeros(2)}, path)


def quantised(path: Path) -> None:
    held = load_file(path)
    last = sorted(held)[-1]
    save_file({**held, last: held[last].to(torch.int8)}, path)


FAULTS: list[tuple[Callable[[Path], None], str]] = [
    (cut, rf"{SHARD}: is no whole weights file: it has [\d,]+ of [\d,]+ bytes"),
    (cut_in_its_header, rf"{SHARD}: .* cut off in its header"),
    (lengthened, rf"{SHARD}: .* it has [\d,]+ of [\d,]+ bytes"),
    (gone, rf"a shard is missing: {SHARD}"),
    (overwritten, rf"{SHARD}: .* no safetensors header"),
    (of_another_shape, "1 weights are missing, of another shape"),
    (without_one, rf"{SHARD}: 1 weights of the index are not in it"),
    (with_one_more, r"have no place, first other\.weight"),
    (quantised, "1 weights are quantised"),
]


@pytest.mark.parametrize(("fault", "said"), FAULTS)
def test_a_shard_that_is_not_as_it_should_be_is_named(fault: Callable[[Path], None], said: str, tmp_path: Path) -> None:
    real = REAL["llava-1.5"]()
    sharded(real, tmp_path)
    fault(tmp_path / SHARD)
    with pytest.raises((OSError, ValueError), match=said):
        real.family.load_model(tmp_path, META)


@pytest.mark.parametrize("text", ["{}", "[1]", '{"weight_map": []}', "not json"])
def test_an_index_that_is_none_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "model.safetensors.index.json").write_text(text)
    with pytest.raises(ValueError, match=r"model\.safetensors\.index\.json: is no index"):
        read_weights(tmp_path, META)


def test_a_hub_checkpoint_with_a_weight_missing_is_not_filled_up_with_random_numbers(tmp_path: Path) -> None:
    real = REAL["llava-1.5"]()
    real.family.load_model(real.vectors.folder).save_pretrained(tmp_path)
    without_one(tmp_path / "model.safetensors")
    with pytest.raises(ValueError, match="1 weights are missing"):
        real.family.load_model(tmp_path)


@pytest.mark.parametrize("zipped", [True, False])
def test_a_torch_pickle_is_told_by_its_header_too(tmp_path: Path, zipped: bool) -> None:
    path = tmp_path / "checkpoint.pth"
    tensors = {"a": torch.ones(50, 40, dtype=torch.float16)}
    torch.save({"model": tensors}, path, _use_new_zipfile_serialization=zipped)
    told = read_weights(path, META)["a"]
    assert (told.device.type, told.shape, told.dtype) == (META, (50, 40), torch.float16)
    cut(path)
    with pytest.raises(ValueError, match=r"checkpoint\.pth: is no whole weights file"):
        read_weights(path, META)


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("llava-1.5", "mm_projector"), ("llava-1.5", "clip/model"), ("llava-1.5", "lora/adapter_model"),
        ("minigpt4-v2", "eva_vit_g"), ("minigpt4-v2", "checkpoint"), ("minigpt4", "qformer"), ("minigpt4", "llm/model"),
    ],
)  # fmt: skip
def test_each_of_the_authors_files_is_looked_at(tmp_path: Path, name: str, file: str) -> None:
    real = REAL[name]()
    folder = copy(real.vectors.folder.name, tmp_path / "base")
    cut(folder / f"{file}.safetensors")
    with pytest.raises(ValueError, match=rf"{file}\.safetensors: is no whole weights file"):
        real.family.load_model(folder, META)


def test_a_file_of_something_else_under_the_tower_s_name_is_named(tmp_path: Path) -> None:
    real = REAL["minigpt4-v2"]()
    folder = copy("minigpt4-v2", tmp_path / "base")
    save_file({"other": torch.zeros(1)}, folder / "eva_vit_g.safetensors")
    with pytest.raises(ValueError, match=r"eva_vit_g\.safetensors: .* there is no cls_token"):
        real.family.load_model(folder, META)
