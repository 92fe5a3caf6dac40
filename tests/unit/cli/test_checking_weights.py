"""`run --check` looks at the weights' files and loads none of them, however large they are."""

from __future__ import annotations

import json
import resource
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from transformers import PreTrainedModel

from dataengine.core.findings import BROKEN, Findings
from dataengine.preflight import check
from dataengine.runtime.runfile import RunFile
from dataengine.student.registry import FAMILIES
from dataengine.student.tiny_llava import TinyLlava
from dataengine.student.weights import CPU, META
from tests.golden.parity.vectors import HERE
from tests.unit.student.real_families import REAL
from tests.unit.student.test_weights_by_their_headers import SHARD, cut, gone, sharded

BASE = Path(__file__).parents[3] / "examples" / "scenes" / "base"
GIB = 2**30


class NeverLoaded(TinyLlava):
    """A family whose weights may be checked, and not loaded."""

    __slots__ = ()

    def load_model(self, base: Path, device: str = CPU) -> PreTrainedModel:
        assert device == META, "the check loads weights"
        return super().load_model(base, device)


def checked(family: str, base: Path, home: Path) -> Findings:
    run = RunFile.model_validate({
        "run": "r", "student": {"family": family, "base": str(base)},
        "benchmark": {"name": "seed-bench", "data": {"data": "none"}},
        "pictures": {"source": "coco", "data": "none"}, "generation": {"budget": 1},
    })  # fmt: skip
    return check(run, home)


def about_weights(found: Findings) -> list[str]:
    """Not how full this machine's disk is."""
    ours = [problem for problem in found.problems if problem.startswith(("student:", "memory:", "disk:"))]
    return [problem for problem in ours if "Make room" not in problem]


def test_the_check_loads_no_weights(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(FAMILIES, "never-loaded", NeverLoaded(name="never-loaded"))
    found = checked("never-loaded", BASE, tmp_path)
    assert not about_weights(found)
    assert "3.0 M parameters; files whole" in dict(found.lines)["student"]
    assert "GiB on each device" in dict(found.lines)["memory"]


@pytest.mark.parametrize(("fault", "said"), [(cut, "is no whole weights file: it has"), (gone, "a shard is missing")])
@pytest.mark.parametrize("name", ["llava-1.5", "minigpt4-v2"])
def test_a_shard_that_is_cut_short_or_missing_is_one_error_that_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, fault: object, said: str
) -> None:
    real = REAL[name]()
    monkeypatch.setitem(FAMILIES, name, real.family)
    base = tmp_path / "base"
    sharded(real, base)
    for file in ("tokenizer.model", "tokenizer_config.json"):
        shutil.copyfile(real.vectors.folder / "llm" / file, base / file)
    assert not about_weights(checked(name, base, tmp_path))
    assert callable(fault)
    fault(base / SHARD)
    problems = about_weights(checked(name, base, tmp_path))
    assert len(problems) == 1
    assert problems[0].startswith(f"student: {base}: ") and said in problems[0] and SHARD in problems[0]
    assert problems[0].endswith("Fetch what is named here again, whole, or correct student.family and student.base")


def test_what_breaks_weights_and_sizes_alike_is_told_once(tmp_path: Path) -> None:
    base = tmp_path / "base"
    shutil.copytree(HERE / "minigpt4-v2", base)
    cut(base / "eva_vit_g.safetensors")
    found = checked("minigpt4-v2", base, tmp_path)
    assert [dict(found.lines)[name] for name in ("student", "memory", "disk")] == [BROKEN] * 3
    assert len(about_weights(found)) == 1 and "eva_vit_g" in about_weights(found)[0]


def test_a_base_without_a_tokenizer_is_found_before_the_run(tmp_path: Path) -> None:
    base = tmp_path / "base"
    shutil.copytree(BASE, base, ignore=shutil.ignore_patterns("tokenizer*"))
    assert "tokenizer" in about_weights(checked("tiny-llava", base, tmp_path))[0]


def seven_thousand_million(folder: Path) -> None:
    """LLaVA-1.5-7b in the hub's layout and three shards, whose numbers are holes in the files: they take no disk."""
    model = FAMILIES["llava-1.5"].skeleton()
    model.config.save_pretrained(folder)
    weights = dict(torch.nn.Module.state_dict(model))
    places = {name: f"model-0000{i % 3 + 1}-of-00003.safetensors" for i, name in enumerate(weights)}
    for file in set(places.values()):
        _with_holes(folder / file, {name: weights[name] for name in weights if places[name] == file})
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": places}))
    for file in ("tokenizer.model", "tokenizer_config.json"):
        shutil.copyfile(HERE / "llava-1.5" / "llm" / file, folder / file)


def _with_holes(path: Path, weights: Mapping[str, torch.Tensor]) -> None:
    header, end = {}, 0
    for name, value in weights.items():
        header[name] = {"dtype": "BF16", "shape": list(value.shape), "data_offsets": [end, end + value.nbytes]}
        end += value.nbytes
    text = json.dumps(header).encode()
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        file.truncate(8 + len(text) + end)


def test_seven_thousand_million_weights_are_checked_in_less_than_a_gigabyte(tmp_path: Path) -> None:
    base = tmp_path / "base"
    base.mkdir()
    seven_thousand_million(base)
    assert sum(file.stat().st_size for file in base.glob("*.safetensors")) > 14e9
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found = checked("llava-1.5", base, tmp_path)
    assert not about_weights(found)
    assert "7062.9 M parameters" in dict(found.lines)["student"]
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 < GIB
