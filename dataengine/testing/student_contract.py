"""What every `Student` promises, as tests: subclass and give the fixtures."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace

import pytest

from dataengine.core.artifacts import ArtifactRef
from dataengine.core.errors import Retryable
from dataengine.core.ports import AskStudent, Student
from dataengine.core.questions import Answer, AnswerMode, NoAnswer
from dataengine.testing.images import plain_image

RED = plain_image(220, 0, 0)
RANK = AskStudent("rank", RED, "what color is the thing?", AnswerMode.LIKELIHOOD, ("red", "in the top left", "blue"))
LETTER = AskStudent("letter", RED, "what color? A. red B. blue", AnswerMode.LETTER, ("red", "blue"))
FREE = AskStudent("free", RED, "what is the thing?", AnswerMode.FREE_FORM, max_tokens=4)


class StudentContract:
    """Inherit as `class TestX(StudentContract)` with the fixtures `student`, `checkpoint` and `other_checkpoint` (two
    that it can answer with), and `unreachable`: a student of the same kind that is away."""

    async def test_answers_keep_the_order_of_the_questions(self, student: Student, checkpoint: ArtifactRef) -> None:
        """However they were batched on the way."""
        kinds = (RANK, FREE, LETTER)
        asks = [replace(kinds[i % 3], question_id=f"q{i}", prompt=f"what {'is ' * (i % 5)}?") for i in range(40)]
        answers = await student.answer(asks, checkpoint)
        assert [answer.question_id for answer in answers] == [ask.question_id for ask in asks]
        assert all(isinstance(answer, Answer) for answer in answers)

    async def test_nothing_asked_is_nothing_answered(self, student: Student, checkpoint: ArtifactRef) -> None:
        """And no error."""
        assert list(await student.answer([], checkpoint)) == []

    async def test_a_corrupt_image_is_no_answer_and_harms_no_other(
        self, student: Student, checkpoint: ArtifactRef
    ) -> None:
        """It says why."""
        asks = [FREE, replace(FREE, question_id="torn", image=RED[:40]), RANK]
        first, torn, last = await student.answer(asks, checkpoint)
        assert isinstance(torn, NoAnswer) and torn.question_id == "torn" and torn.reason
        assert isinstance(first, Answer) and isinstance(last, Answer)

    async def test_a_question_may_be_asked_without_an_image(self, student: Student, checkpoint: ArtifactRef) -> None:
        """An empty image is none, not a corrupt one."""
        (answer,) = await student.answer([replace(FREE, image=b"")], checkpoint)
        assert isinstance(answer, Answer)

    async def test_ranking_picks_the_likeliest_choice(self, student: Student, checkpoint: ArtifactRef) -> None:
        """One loss for each choice, in the order of the choices."""
        (answer,) = await student.answer([RANK], checkpoint)
        assert isinstance(answer, Answer)
        assert len(answer.choice_losses) == len(RANK.choices)
        assert answer.text == RANK.choices[answer.choice_losses.index(min(answer.choice_losses))]

    async def test_letters_and_free_text_come_without_losses(self, student: Student, checkpoint: ArtifactRef) -> None:
        """Nothing was ranked."""
        for answer in await student.answer([LETTER, FREE], checkpoint):
            assert isinstance(answer, Answer)
            assert answer.choice_losses == ()

    async def test_the_same_question_has_the_same_answer(self, student: Student, checkpoint: ArtifactRef) -> None:
        """Asking twice harms nothing."""
        first, second = [await student.answer([RANK, FREE, LETTER], checkpoint) for _ in range(2)]
        assert _texts(first) == _texts(second)

    async def test_answers_are_credited_to_the_checkpoint_that_gave_them(
        self, student: Student, checkpoint: ArtifactRef, other_checkpoint: ArtifactRef
    ) -> None:
        """Also when both are asked at once."""
        both = (checkpoint, other_checkpoint, checkpoint)
        results = await asyncio.gather(*(student.answer([RANK] * 3, one) for one in both))
        for one, answers in zip(both, results, strict=True):
            assert [isinstance(a, Answer) and a.checkpoint for a in answers] == [one.digest] * 3

    async def test_a_student_that_is_away_may_come_back(self, unreachable: Student, checkpoint: ArtifactRef) -> None:
        """Nothing is answered, and nothing is wrong with the questions."""
        with pytest.raises(Retryable):
            await unreachable.answer([RANK, FREE], checkpoint)

    async def test_a_cancelled_call_leaves_nothing_behind(self, student: Student, checkpoint: ArtifactRef) -> None:
        """No task runs on, and the next call is answered as ever."""
        expected = _texts(await student.answer([RANK, FREE], checkpoint))
        before = asyncio.all_tasks()
        asking = asyncio.create_task(
            student.answer([replace(FREE, question_id=f"q{i}") for i in range(60)], checkpoint)
        )
        await asyncio.sleep(0.01)
        asking.cancel()
        with suppress(asyncio.CancelledError):
            await asking
        assert asyncio.all_tasks() == before
        assert _texts(await student.answer([RANK, FREE], checkpoint)) == expected


def _texts(answers: object) -> list[str]:
    assert isinstance(answers, list | tuple)
    return [answer.text if isinstance(answer, Answer) else "" for answer in answers]
