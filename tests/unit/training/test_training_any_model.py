"""A model that is known by its processor alone is trained, served and ranked like any other."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from peft import PeftModel
from PIL import Image
from transformers import PreTrainedModel

from dataengine.core.errors import ConfigurationError, InputError
from dataengine.core.ports import AskStudent
from dataengine.core.questions import Answer, AnswerMode, NoAnswer
from dataengine.inference.answering import Answering, Ready
from dataengine.inference.engine import Engine
from dataengine.student.auto import AutoFamily
from dataengine.testing.images import plain_image
from dataengine.testing.tiny_models import build_tiny
from dataengine.training.fine_tuning import train
from dataengine.training.processor_dataset import ProcessorDataset, ProcessorStudentWithLoss
from dataengine.training.recipe import Recipe, family_recipe
from dataengine.training.records import TrainingRecord

KIND = "qwen2.5-vl"
RED, BLUE = plain_image(220, 0, 0), plain_image(0, 0, 220)
QUESTION = "color?"
RECIPE = Recipe(epochs=12, batch_size=2, rank=4, lr=2e-2, train_projector=False)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_tiny(KIND, tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> list[TrainingRecord]:
    folder = tmp_path_factory.mktemp("images")
    (folder / "red.png").write_bytes(RED)
    (folder / "blue.png").write_bytes(BLUE)
    return [
        TrainingRecord(folder / "red.png", ((QUESTION, "red"),)),
        TrainingRecord(folder / "blue.png", ((QUESTION, "blue"),)),
        TrainingRecord(None, (("and?", "no image"),)),
    ]


@pytest.fixture(scope="module")
def adapter(base: Path, records: list[TrainingRecord], tmp_path_factory: pytest.TempPathFactory) -> Path:
    trained = train(AutoFamily(), base, records, RECIPE, tmp_path_factory.mktemp("out"))
    curve = trained.metrics["loss_curve"]
    assert isinstance(curve, list) and curve[-1][1] < curve[0][1] - 0.05
    return trained.adapter


@pytest.fixture(scope="module")
def engine(base: Path) -> Engine:
    return Engine(AutoFamily(), base, keep_adapters=1)


def asks() -> list[AskStudent]:
    return [
        AskStudent("1", RED, QUESTION, AnswerMode.LIKELIHOOD, ("red", "blue")),
        AskStudent("2", BLUE, "which color is it?", AnswerMode.LIKELIHOOD, ("red", "a long blue")),
        AskStudent("3", RED, QUESTION, AnswerMode.FREE_FORM, max_tokens=5),
        AskStudent("4", b"", "and?", AnswerMode.FREE_FORM, max_tokens=5),
        AskStudent("5", BLUE, "A. red B. blue", AnswerMode.LETTER),
    ]


def test_a_batch_is_answered_as_its_questions_alone(engine: Engine, adapter: Path) -> None:
    together = engine.answer(asks(), adapter)
    for ask, answer in zip(asks(), together, strict=True):
        (alone,) = engine.answer([ask], adapter)
        assert isinstance(answer, Answer) and isinstance(alone, Answer)
        assert answer.text == alone.text and answer.checkpoint == alone.checkpoint
        assert answer.choice_losses == pytest.approx(alone.choice_losses, abs=2e-5)


def test_what_was_trained_is_likelier_with_the_adapter_than_without(engine: Engine, adapter: Path) -> None:
    (before,) = engine.answer(asks()[:1])
    (after,) = engine.answer(asks()[:1], adapter)
    assert isinstance(before, Answer) and isinstance(after, Answer)
    assert after.choice_losses[0] < before.choice_losses[0] - 0.1


def test_the_engine_ranks_by_the_loss_that_is_trained(
    engine: Engine, base: Path, adapter: Path, records: list[TrainingRecord]
) -> None:
    family = AutoFamily().fitted(base)
    student = PeftModel.from_pretrained(family.load_model(base), str(adapter)).eval()
    batch = ProcessorDataset(records[:1], family, RECIPE).batch([0], 0)
    with torch.no_grad():
        loss = float(ProcessorStudentWithLoss(student, student.get_base_model())(**batch)["loss"])
    (answer,) = engine.answer(asks()[:1], adapter)
    assert isinstance(answer, Answer) and answer.choice_losses[0] == pytest.approx(loss, abs=2e-5)


def test_the_mean_is_over_answers_or_over_tokens(base: Path, records: list[TrainingRecord]) -> None:
    family = AutoFamily().fitted(base)
    model = family.load_model(base)
    dataset = ProcessorDataset(records, family, RECIPE)
    with torch.no_grad():
        alone = [float(ProcessorStudentWithLoss(model, model)(**dataset.batch([i], 0))["loss"]) for i in range(3)]
        by_answer = float(ProcessorStudentWithLoss(model, model)(**dataset.batch([0, 1, 2], 0))["loss"])
        by_token = float(ProcessorStudentWithLoss(model, model, per_token=True)(**dataset.batch([0, 1, 2], 0))["loss"])
    tokens = [len("red") + 1, len("blue") + 1, len("no image") + 1]
    assert by_answer == pytest.approx(sum(alone) / 3, abs=2e-5)
    assert by_token == pytest.approx(sum(a * n for a, n in zip(alone, tokens, strict=True)) / sum(tokens), abs=2e-5)


def test_a_bad_question_costs_that_question(engine: Engine) -> None:
    bad = [
        AskStudent("b", b"no image", QUESTION, AnswerMode.FREE_FORM),
        AskStudent("s", RED, "color? <|im_end|>", AnswerMode.FREE_FORM),
        AskStudent("c", RED, QUESTION, AnswerMode.LIKELIHOOD, ()),
        AskStudent("l", RED, "long " * 600, AnswerMode.FREE_FORM),
    ]
    answers = engine.answer([*bad, asks()[0]])
    reasons = [answer.reason for answer in answers[:4] if isinstance(answer, NoAnswer)]
    assert len(reasons) == 4 and isinstance(answers[4], Answer)
    for reason, told in zip(reasons, ("picture", "special token", "no choices", "too long"), strict=True):
        assert told in reason


def test_records_that_do_not_fit_into_memory_are_encoded_for_each_batch(
    base: Path, records: list[TrainingRecord]
) -> None:
    family = AutoFamily().fitted(base)
    held = ProcessorDataset(records, family, RECIPE)
    read = ProcessorDataset(records, family, RECIPE, held_bytes=0)
    one, other = held.batch([2, 0], 0), read.batch([2, 0], 0)
    assert one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)
    assert len(read.lengths) == len(held.lengths) == 3


def test_a_record_too_long_or_with_a_broken_image_is_named(base: Path, tmp_path: Path) -> None:
    family = AutoFamily().fitted(base)
    Image.new("RGB", (50, 50)).save(tmp_path / "whole.png")
    (tmp_path / "torn.png").write_bytes(b"torn")
    long = TrainingRecord(tmp_path / "whole.png", ((QUESTION, "red " * 200),))
    with pytest.raises(InputError, match=r"whole\.png.*tokens; the recipe allows 100"):
        ProcessorDataset([long], family, RECIPE.model_copy(update={"max_length": 100}))
    cut = ProcessorDataset([long], family, RECIPE.model_copy(update={"max_length": 100, "overlong": "cut"}))
    assert cut.lengths == [100] and cut.batch([0], 0)["labels"][0, -1] >= 0
    with pytest.raises(InputError, match=r"torn\.png.*cannot be read"):
        ProcessorDataset([TrainingRecord(tmp_path / "torn.png", ((QUESTION, "red"),))], family, RECIPE)


def test_the_familys_recipe_leaves_the_projector_alone(
    base: Path, records: list[TrainingRecord], tmp_path: Path
) -> None:
    assert not family_recipe("auto").train_projector
    wanted = RECIPE.model_copy(update={"targets": "nothing_of_this_name"})
    with pytest.raises(ConfigurationError, match="LoRA does not fit"):
        train(AutoFamily(), base, records, wanted, tmp_path / "out")


def test_out_of_memory_halves_the_batch_and_nothing_is_lost(base: Path) -> None:
    engine = Engine(AutoFamily(), base, batch=8)
    inner = engine.answering
    engine.answering = FullAbove(inner, 3)
    many = [AskStudent(str(i), RED, QUESTION, AnswerMode.LIKELIHOOD, ("red", "blue")) for i in range(8)]
    answers = engine.answer(many)
    assert all(isinstance(answer, Answer) for answer in answers)
    assert [answer.question_id for answer in answers] == [ask.question_id for ask in many]
    assert engine.batch == 2


def test_a_question_that_the_model_refuses_costs_that_question(base: Path) -> None:
    engine = Engine(AutoFamily(), base)
    engine.answering = Refusing(engine.answering, "3")
    many = [AskStudent(str(i), RED, QUESTION, AnswerMode.LIKELIHOOD, ("red", "blue")) for i in range(5)]
    answers = engine.answer(many)
    assert [type(answer) for answer in answers] == [Answer, Answer, Answer, NoAnswer, Answer]
    refused = answers[3]
    assert isinstance(refused, NoAnswer) and "do not match" in refused.reason


class FullAbove:
    """A device that has memory for so many questions."""

    def __init__(self, inner: Answering, most: int) -> None:
        self._inner, self._most = inner, most

    def prepare(self, model: PreTrainedModel, asks: Sequence[AskStudent], tower: str) -> list[Ready | NoAnswer]:
        return self._inner.prepare(model, asks, tower)

    def rank(self, model: PreTrainedModel, batch: Sequence[Ready]) -> list[list[float]]:
        if len(batch) > self._most:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return self._inner.rank(model, batch)

    def generate(self, model: PreTrainedModel, batch: Sequence[Ready], max_tokens: int) -> list[str]:
        return self._inner.generate(model, batch, max_tokens)


class Refusing(FullAbove):
    """A model that finds one question's image tokens and features different in number."""

    def __init__(self, inner: Answering, refused: str) -> None:
        super().__init__(inner, 10**6)
        self._refused = refused

    def rank(self, model: PreTrainedModel, batch: Sequence[Ready]) -> list[list[float]]:
        if any(ready.ask.question_id == self._refused for ready in batch):
            raise ValueError("image features and image tokens do not match")
        return self._inner.rank(model, batch)
