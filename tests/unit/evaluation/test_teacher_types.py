"""Types given by the teacher: asked in batches of 50, parsed strictly, asked again where the form is wrong."""

import re

import pytest

from dataengine.core.errors import Rejected, Retryable
from dataengine.core.ports import TeacherReply, TeacherRequest
from dataengine.core.questions import Question
from dataengine.evaluation.teacher_types import TYPES, parse_types, types_by_teacher, typing_request


class Sorter:
    """Calls every question an image scene; it is away `away` times, then the first `bad` replies are of the wrong
    form."""

    def __init__(self, bad: int = 0, away: int = 0) -> None:
        self.bad = bad
        self.away = away
        self.requests: list[TeacherRequest] = []

    async def write(self, request: TeacherRequest) -> TeacherReply:
        if self.away:
            self.away -= 1
            raise Retryable("too many requests", after=7.0)
        self.requests.append(request)
        count = int(re.findall(r"exactly (\d+) lines", request.user)[0])
        good = "\n".join(f"{i}. (9) Image scene" for i in range(1, count + 1))
        return TeacherReply("Sure!" if len(self.requests) <= self.bad else good, 1, 1, "sorter")

    async def close(self) -> None: ...


def questions(n: int) -> list[Question]:
    return [Question(str(i), "p", f"What\nis {i}?", "unclassified") for i in range(n)]


async def types(count: int, teacher: Sorter, waited: list[float] | None = None) -> dict[str, str]:
    found: dict[str, str] = {}

    async def wait(seconds: float) -> None:
        (waited if waited is not None else []).append(seconds)

    async for batch in types_by_teacher(questions(count), teacher, wait=wait):
        found |= batch
    return found


def test_there_are_the_eighteen_published_types() -> None:
    assert len(TYPES) == 18


async def test_questions_are_asked_in_batches_of_fifty() -> None:
    teacher = Sorter()
    typed = await types(120, teacher)
    assert len(teacher.requests) == 3
    assert set(typed.values()) == {"image scene"}
    assert list(typed) == [str(i) for i in range(120)]
    assert "50. What is 49?" in teacher.requests[0].user


async def test_a_reply_of_the_wrong_form_is_asked_for_again_with_another_seed() -> None:
    teacher = Sorter(bad=2)
    assert await types(1, teacher) == {"0": "image scene"}
    assert len({request.seed for request in teacher.requests}) == 3


async def test_a_teacher_that_stays_wrong_is_refused() -> None:
    with pytest.raises(Rejected, match="1 lines for 2 questions"):
        await types(2, Sorter(bad=9))


async def test_a_teacher_that_is_away_is_waited_for_as_long_as_it_says() -> None:
    waited: list[float] = []
    assert await types(1, Sorter(away=5), waited) == {"0": "image scene"}
    assert waited == [7.0, 7.0, 7.0, 8.0, 16.0]
    with pytest.raises(Retryable):
        await types(1, Sorter(away=9), waited)


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        ("1. (9) image scene", "1 lines for 2"),
        ("1. (9) image scene\n3. (9) image scene", "line 2"),
        ("1. (9) image scene\n2. image scene", "line 2"),
        ("1. (9) image scene\n2. (19) ocr", "names no type"),
        ("1. (9) image scene\n2. (8) image scene", "names no type"),
    ],
)
def test_a_line_of_another_form_is_refused(reply: str, said: str) -> None:
    with pytest.raises(Rejected, match=said):
        parse_types(reply, 2)


def test_case_and_a_final_period_do_not_matter() -> None:
    assert parse_types("1. (13) Action Recognition.\n\n", 1) == ("action recognition",)


def test_the_request_defines_every_type() -> None:
    user = typing_request(["What?"], 0).user
    assert all(f"{name}: {meaning}" in user for name, meaning in TYPES.items())
