"""The real families in engine and trainer: answers as the authors', batches as single, adapters that teach."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from dataengine.core.identity import digest_of_weights
from dataengine.core.ports import AskStudent
from dataengine.core.questions import Answer, AnswerMode
from dataengine.inference.engine import Engine
from dataengine.student.registry import FAMILIES
from dataengine.training.fine_tuning import train
from dataengine.training.recipe import Recipe
from dataengine.training.records import TrainingRecord
from tests.golden.parity.vectors import HERE
from tests.unit.student.real_families import REAL, Real, image

CHOICES = ("red", "three small circles", "one")


@pytest.fixture(params=REAL)
def real(request: pytest.FixtureRequest) -> Real:
    return REAL[request.param]()


def asks(real: Real) -> list[AskStudent]:
    names = ("wide", "tall")
    free = [
        AskStudent(name, image(name), question, AnswerMode.FREE_FORM, max_tokens=8)
        for name, question in zip(names, real.questions, strict=True)
    ]
    ranked = [
        AskStudent(f"{ask.question_id}-ranked", ask.image, ask.prompt, AnswerMode.LIKELIHOOD, CHOICES) for ask in free
    ]
    blind = AskStudent("blind", b"", "[vqa] What is a table?", AnswerMode.FREE_FORM, max_tokens=8)
    return [*free, *ranked, blind]


def test_every_real_family_is_in_the_registry(real: Real) -> None:
    assert type(FAMILIES[real.family.name]) is type(real.family)


def test_a_batch_is_answered_as_its_questions_alone(real: Real) -> None:
    engine = Engine(real.family, real.vectors.folder)
    together = engine.answer(asks(real))
    alone = [engine.answer([ask])[0] for ask in asks(real)]
    for one, other in zip(together, alone, strict=True):
        assert isinstance(one, Answer) and isinstance(other, Answer)
        assert one.text == other.text
        assert one.choice_losses == pytest.approx(other.choice_losses, rel=1e-5)


def test_the_engine_says_what_the_authors_model_says(real: Real) -> None:
    engine = Engine(real.family, real.vectors.folder)
    tokenizer = real.family.load_tokenizer(real.vectors.folder)
    key = "batch_left/greedy_ids" if "batch_left/greedy_ids" in real.vectors.made else "eval_batch/greedy_ids"
    for answer, ids in zip(engine.answer(asks(real)[:2]), real.vectors.made[key], strict=True):
        assert isinstance(answer, Answer)
        said = str(tokenizer.decode(ids[1:], skip_special_tokens=True))
        assert answer.text == said.split(real.family.answer_end)[0].strip()


def test_it_can_be_taught(real: Real, tmp_path: Path) -> None:
    base = real.base(tmp_path / "base")
    records = [
        TrainingRecord(HERE / "images" / "wide.png", (("[vqa] What is the colour?", "red"),)),
        TrainingRecord(HERE / "images" / "tall.png", (("[vqa] What is the colour?", "blue"),)),
    ]
    recipe = Recipe(epochs=60, batch_size=2, rank=8, lr=3e-2, projector_lr=2e-2, precision="fp32", checkpoint_steps=500)
    trained = train(real.family, base, records, recipe, tmp_path / "out")
    names = set(load_file(trained.adapter / "adapter_model.safetensors"))
    assert not any("vision" in name or "qformer" in name for name in names)
    engine = Engine(real.family, base)
    taught = [
        AskStudent(name, image(name), "[vqa] What is the colour?", AnswerMode.FREE_FORM, max_tokens=8)
        for name in ("wide", "tall")
    ]
    answers = engine.answer(taught, trained.adapter)
    assert [a.text for a in answers if isinstance(a, Answer)] == ["red", "blue"]


def test_what_is_trained_is_kept_in_full_precision_and_served_in_half(real: Real, tmp_path: Path) -> None:
    family = replace(real.family, dtype=torch.bfloat16)  # type: ignore[type-var] # every family is a dataclass
    base = real.base(tmp_path / "base")
    record = TrainingRecord(HERE / "images" / "wide.png", (("[vqa] What is the colour?", "red"),))
    trained = train(family, base, [record], Recipe(max_steps=2, batch_size=1, rank=2), tmp_path / "out")
    weights = load_file(trained.adapter / "adapter_model.safetensors")
    assert {value.dtype for value in weights.values()} == {torch.float32}
    answers = Engine(family, base).answer(asks(real), trained.adapter)
    assert all(isinstance(answer, Answer) for answer in answers)


def test_a_change_in_any_part_is_another_base(real: Real, tmp_path: Path) -> None:
    base = real.base(tmp_path / "base")
    before = digest_of_weights(base)
    with (base / "llm" / "config.json").open("a") as file:
        file.write("\n")
    assert digest_of_weights(base) != before
