"""The engine answers in batches as it answers one by one, and no bad question harms another."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from dataengine.core.errors import Rejected
from dataengine.core.ports import AskStudent
from dataengine.core.questions import Answer, AnswerMode, NoAnswer
from dataengine.inference.engine import Engine
from dataengine.student.tiny_llava import TinyLlava
from dataengine.training.fine_tuning import train
from dataengine.training.recipe import Recipe
from dataengine.training.records import TrainingRecord
from tests.unit import micro_student

RED, BLUE = micro_student.image((220, 0, 0)), micro_student.image((0, 0, 220))
ASKS = [
    AskStudent("1", RED, "what color is the thing?", AnswerMode.LIKELIHOOD, ("red", "in the top left", "blue")),
    AskStudent("2", BLUE, "what?", AnswerMode.LIKELIHOOD, ("red", "green zebra", "blue")),
    AskStudent("3", RED, "what is the zoo?", AnswerMode.FREE_FORM, max_tokens=6),
    AskStudent("4", BLUE, "what?", AnswerMode.FREE_FORM, max_tokens=6),
    AskStudent("5", BLUE, "what? A. red B. blue", AnswerMode.LETTER),
    AskStudent("6", BLUE, "what?", AnswerMode.LIKELIHOOD, ("red", "blue")),
    AskStudent("7", b"", "what is red?", AnswerMode.FREE_FORM, max_tokens=6),
    AskStudent("8", b"", "what is red?", AnswerMode.LIKELIHOOD, ("red", "blue", "in a picture")),
]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return micro_student.build(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def engine(base: Path) -> Engine:
    return Engine(TinyLlava(), base, keep_adapters=1)


def trained_adapter(base: Path, folder: Path, answer: str) -> Path:
    image = folder / "p.png"
    folder.mkdir(parents=True)
    image.write_bytes(RED)
    record = TrainingRecord(image, (("what color is the thing?", answer),))
    recipe = Recipe(epochs=30, batch_size=2, rank=4, lr=2e-2)
    return train(TinyLlava(), base, [record] * 4, recipe, folder / "out").adapter


def test_a_batch_is_answered_as_its_questions_alone(engine: Engine) -> None:
    together = engine.answer(ASKS)
    alone = [engine.answer([ask])[0] for ask in ASKS]
    for a, b in zip(together, alone, strict=True):
        assert isinstance(a, Answer) and isinstance(b, Answer)
        assert replace(a, choice_losses=()) == replace(b, choice_losses=())
        assert a.choice_losses == pytest.approx(b.choice_losses, rel=1e-4)


def test_the_likeliest_choice_is_the_text(engine: Engine) -> None:
    ranked = engine.answer(ASKS)[0]
    assert isinstance(ranked, Answer)
    assert ranked.text == ASKS[0].choices[ranked.choice_losses.index(min(ranked.choice_losses))]
    assert len(ranked.choice_losses) == 3


def test_a_corrupt_image_fails_alone(engine: Engine) -> None:
    torn = replace(ASKS[0], question_id="torn", image=RED[:40])
    results = engine.answer([ASKS[0], torn, ASKS[2]])
    assert isinstance(results[1], NoAnswer) and results[1].question_id == "torn"
    assert [type(r) for r in results] == [Answer, NoAnswer, Answer]


@pytest.mark.parametrize(
    ("ask", "reason"),
    [
        (replace(ASKS[0], choices=()), "no choices"),
        (replace(ASKS[2], prompt="word " * 600), "too long"),
        (replace(ASKS[2], prompt="what is <image> here?"), "contains"),
    ],
)
def test_what_cannot_be_asked_says_why(engine: Engine, ask: AskStudent, reason: str) -> None:
    (result,) = engine.answer([ask])
    assert isinstance(result, NoAnswer) and reason in result.reason


def test_a_question_without_an_image_is_asked_without_a_place_for_one(engine: Engine) -> None:
    without, empty = engine.answer([ASKS[7]])[0], engine.answer([replace(ASKS[7], image=RED)])[0]
    assert isinstance(without, Answer) and isinstance(empty, Answer)
    assert without.choice_losses != empty.choice_losses
    (named,) = engine.answer([replace(ASKS[6], prompt="what is <image> here?")])
    assert isinstance(named, NoAnswer) and "contains" in named.reason


def test_nothing_asked_is_nothing_answered(engine: Engine) -> None:
    assert engine.answer([]) == []


def test_a_missing_adapter_is_rejected_and_the_base_still_answers(engine: Engine, tmp_path: Path) -> None:
    with pytest.raises(Rejected):
        engine.answer(ASKS, tmp_path / "nowhere")
    assert all(isinstance(r, Answer) for r in engine.answer(ASKS))


def test_each_adapter_answers_as_itself_and_the_base_stays_the_base(base: Path, tmp_path: Path) -> None:
    says_red = trained_adapter(base, tmp_path / "red", "red")
    says_blue = trained_adapter(base, tmp_path / "blue", "blue")
    engine = Engine(TinyLlava(), base, keep_adapters=1)
    ask = AskStudent("1", RED, "what color is the thing?", AnswerMode.FREE_FORM)
    before = engine.answer([ask])
    for _ in range(2):
        for adapter, word in ((says_red, "red"), (says_blue, "blue")):
            (result,) = engine.answer([ask], adapter)
            assert isinstance(result, Answer) and result.text == word
            assert result.checkpoint == engine.digest(adapter)
        assert engine.answer([ask]) == before
