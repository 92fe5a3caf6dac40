"""`benchmarks.llava_on_gpu`: runs whole at a tiny size on the CPU; counts and sizes are the published model's."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import torch

from dataengine.student.registry import FAMILIES
from dataengine.training.memory import Batch
from dataengine.training.recipe import family_recipe
from perf.card_peak import known_peak, peak_of
from perf.llava_on_gpu import main
from perf.random_llava import RandomLlava
from perf.training_speed import arithmetic

CPU = torch.device("cpu")
SMALL = ("--tiny", "--batch", "2", "--steps", "20", "--questions", "3", "--answer-words", "6", "--json")


def numbers(value: Any, name: str = "") -> Iterator[tuple[str, float]]:
    """Every number of a nested object by its path."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from numbers(inner, f"{name}/{key}")
    elif isinstance(value, int | float):
        yield name, float(value)


def test_at_a_tiny_size_every_figure_is_there_and_positive_ours_beside_the_plain_way(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.set_num_threads(1)
    monkeypatch.setattr(sys, "argv", ["llava_on_gpu", *SMALL])
    main()
    printed = capsys.readouterr()
    _every_figure(json.loads(printed.out.splitlines()[-1]))
    _shown(printed.err.splitlines())


def _every_figure(found: dict[str, Any]) -> None:
    figures = dict(numbers(found))
    assert all(value > 0 and math.isfinite(value) for value in figures.values()), figures
    for who in ("the trainer", "plain loop"):
        for figure in ("tokens_a_second", "samples_a_second", "model_share", "hardware_share", "peak_bytes"):
            assert f"/training/{who}/{figure}" in figures
        assert figures[f"/training/{who}/hardware_share"] > figures[f"/training/{who}/model_share"]
        # both learn the same records: at first a random model's loss is that of guessing among 480 tokens
        assert figures[f"/training/{who}/loss"] == pytest.approx(math.log(480), rel=0.05)
    for kind, tokens in (("letters", 4), ("short", 16)):
        for who in ("the engine", "plain generate"):
            assert f"/{kind}/{who}/answers_a_second" in figures
            assert figures[f"/{kind}/{who}/tokens"] == tokens
    assert "measured" in found["peak"]["source"]


def _shown(lines: list[str]) -> None:
    for words in (("the trainer", "plain loop"), ("the engine", "plain generate")):
        assert any(all(word in line for word in words) for line in lines)
    for name in ("tokens/s", "samples/s", "share of the peak", "peak memory", "answers/s", "as --check estimates it"):
        assert any(name in line for line in lines), name


def test_without_a_gpu_it_says_so(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a GPU here")
    monkeypatch.setattr(sys, "argv", ["llava_on_gpu", "--size", "7b"])
    with pytest.raises(SystemExit):
        main()
    assert "there is no GPU here; --tiny runs on a CPU" in capsys.readouterr().err


def test_the_random_model_has_the_published_shapes() -> None:
    made, published = (f.skeleton() for f in (RandomLlava.of("7b", CPU), FAMILIES["llava-1.5"]))
    assert {n: p.shape for n, p in made.named_parameters()} == {n: p.shape for n, p in published.named_parameters()}
    assert RandomLlava.of("7b", CPU).num_image_tokens == 576
    larger = sum(p.numel() for p in torch.nn.Module.parameters(RandomLlava.of("13b", CPU).skeleton()))
    assert larger == pytest.approx(13.35e9, rel=1e-3)  # Vicuna-13b's 13,016 M, CLIP's 304 M and the projector's 31 M


def test_the_arithmetic_is_that_of_the_formula() -> None:
    family = RandomLlava.of("7b", CPU)
    counted = arithmetic(family, family_recipe("llava-1.5"))
    assert counted.decoder == 32 * (4 * 4096**2 + 3 * 4096 * 11008)
    assert (counted.head, counted.lora) == (32000 * 4096, 319_815_680)
    tokens = 16 * 700
    forward = 2 * tokens * (counted.decoder + counted.lora) + 2 * 16 * 100 * counted.head
    forward += 2 * 16 * 700**2 * 4096 * 32
    trained = 2 * tokens * counted.lora + 4 * 16 * 576 * counted.projector
    batch = Batch(16, 700, 100)
    assert counted.step(batch, 576, again=False) == pytest.approx(2 * forward + trained)
    again = counted.step(batch, 576, again=True) - counted.step(batch, 576, again=False)
    assert again == pytest.approx(forward - 2 * 16 * 100 * counted.head)


@pytest.mark.parametrize(
    ("name", "tera"),
    [
        ("NVIDIA A100-SXM4-80GB", 312), ("NVIDIA A10", 125), ("NVIDIA A10G", None), ("NVIDIA H100 80GB HBM3", 989),
        ("NVIDIA H100 PCIe", 756), ("NVIDIA H100 NVL", 835), ("NVIDIA H200", 989), ("NVIDIA L40S", 362),
        ("NVIDIA L4", 121), ("NVIDIA GeForce RTX 4090", 165.2), ("Tesla V100-SXM2-16GB", None),
    ],
)  # fmt: skip
def test_a_card_s_peak_is_found_by_its_name(name: str, tera: float | None) -> None:
    found = known_peak(name)
    assert (found.flops / 1e12 if found else None) == tera


def test_an_unknown_device_s_peak_is_measured() -> None:
    assert peak_of(CPU).flops > 0 and peak_of(CPU).source.startswith("measured")
