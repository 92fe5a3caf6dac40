"""Several devices answer what one answers."""

from __future__ import annotations

from pathlib import Path

import pytest

from dataengine.core.errors import ConfigurationError
from dataengine.inference.devices import ParallelEngine, devices_named, shared_out
from dataengine.inference.engine import Engine
from dataengine.student.tiny_llava import TinyLlava
from tests import student_world
from tests.unit import micro_student


def test_auto_is_every_gpu_or_the_cpu() -> None:
    assert devices_named("auto", lambda: ["cuda:0", "cuda:1"]) == ["cuda:0", "cuda:1"]
    assert devices_named("auto", lambda: []) == ["cpu"]
    assert devices_named("cpu, cpu", lambda: []) == ["cpu", "cpu"]
    with pytest.raises(ConfigurationError, match="no GPU"):
        devices_named("cuda:0", lambda: [])
    with pytest.raises(ConfigurationError, match="no device"):
        devices_named("abacus", lambda: [])


def test_questions_about_one_image_go_to_one_device_and_every_device_has_its_share() -> None:
    asks = student_world.questions(60)
    shares = shared_out(asks, 3)
    assert sorted(place for share in shares for place in share) == list(range(60))
    images = [{asks[place].image for place in share} for share in shares]
    assert not images[0] & images[1] and not images[0] & images[2] and not images[1] & images[2]
    assert max(map(len, shares)) - min(map(len, shares)) <= 3


def test_two_devices_answer_as_one(tmp_path: Path) -> None:
    base = micro_student.build(tmp_path)
    one = Engine(TinyLlava(), base)
    both = ParallelEngine([Engine(TinyLlava(), base), Engine(TinyLlava(), base)])
    asks = student_world.questions(12)
    for single, shared in zip(one.answer(asks), both.answer(asks), strict=True):
        assert (single.question_id, getattr(single, "text", None)) == (
            shared.question_id,
            getattr(shared, "text", None),
        )
    assert both.digest(None) == one.digest(None)
    assert both.answer([]) == []
