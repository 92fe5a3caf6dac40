"""What the teacher says when it improves or judges prompts: asking for it, and reading it. Strict: a reply that is not
what was asked for is no proposal and no verdict."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from string import Template

from dataengine.core.errors import ConfigurationError
from dataengine.core.ports import TeacherRequest
from dataengine.generation.ipo.versions import Failure, Verdict, Version
from dataengine.generation.parsing import Draft, find_object, without_thoughts
from dataengine.generation.prompt_files import prompt_of
from dataengine.teachers.request_lines import lettered
from dataengine.teachers.section import TeacherSection

_WHY = re.compile(r"^Why:[ \t]*(.+)$", re.MULTILINE)
_SYSTEM, _USER = "=== system ===\n", "=== user ===\n"
_SHOWN_FAILURES = 12
_LONGEST_REPLY = 4000


@dataclass(frozen=True, slots=True)
class Proposal:
    """A new prompt's text, and why."""

    text: str
    why: str


def ask_for_criticism(text: str, teacher: TeacherSection, seed: int, problem: str = "") -> TeacherRequest:
    """Ask what confuses or contradicts in a prompt, and for a better one. `problem`: what was wrong with the last."""
    return _request("ipo_criticise.txt", teacher, seed, prompt=text, problem=_told(problem))


def ask_for_change(version: Version, teacher: TeacherSection, seed: int, problem: str = "") -> TeacherRequest:
    """Ask how to change a prompt, given its failures: at most twelve, of as many kinds as there are."""
    return _request(
        "ipo_propose.txt",
        teacher,
        seed,
        prompt=version.text,
        failed=str(len(version.failures)),
        judged=str(version.judged),
        failures="\n\n".join(_failure(failure) for failure in _varied(version.failures)),
        problem=_told(problem),
    )


def ask_for_verdict(
    qtype: str, definition: str, information: str, draft: Draft, teacher: TeacherSection, seed: int,
    image: bytes | None,
) -> TeacherRequest:  # fmt: skip
    """Ask whether a sample is good, at temperature 0, with the image where the teacher is shown it."""
    record = f"Question: {draft.question}\n{lettered(draft.options)}\nRight: {draft.letter}. Answer: {draft.answer}"
    system, user = _filled(
        "ipo_judge.txt",
        qtype=qtype,
        definition=definition,
        information=information or "(you are shown the picture itself)",
        record=record,
    )
    return TeacherRequest(system, user, temperature=0.0, max_tokens=teacher.max_tokens, seed=seed, image=image)


def read_proposal(text: str, form: str) -> Proposal | str:
    """The prompt that a reply proposes, or what is wrong with it."""
    found = [piece.partition("</prompt>")[0] for piece in text.split("<prompt>")[1:] if "</prompt>" in piece]
    if len(found) != 1:
        return f"the reply holds {len(found)} prompts between <prompt> and </prompt> instead of one"
    proposed = found[0].strip() + "\n"
    try:
        prompt_of(proposed, form, "the proposed prompt")
    except ConfigurationError as error:
        return str(error)
    why = _WHY.search(text)
    return Proposal(proposed, why[1].strip() if why else "")


def read_verdict(text: str, draft: Draft) -> Verdict:
    """The verdict in a reply; None where it holds none."""
    record = find_object(without_thoughts(text), ("verdict",))
    match record:
        case {"verdict": "good"}:
            return True
        case {"verdict": "bad", "failure_type": str(kind), "explanation": str(why)} if kind.strip():
            return Failure(draft.question, " ".join(kind.lower().split()), why.strip())
    return None


def _varied(failures: Sequence[Failure]) -> list[Failure]:
    """At most twelve, in turns of every kind."""
    kinds: dict[str, list[Failure]] = {}
    for failure in failures:
        kinds.setdefault(failure.failure_type, []).append(failure)
    turns = (kind[turn] for turn in range(_SHOWN_FAILURES) for kind in kinds.values() if turn < len(kind))
    return [failure for _, failure in zip(range(_SHOWN_FAILURES), turns, strict=False)]


def _failure(failure: Failure) -> str:
    return f"Bad question: {failure.bad_question}\nKind: {failure.failure_type}\nWhy: {failure.explanation}"


def _told(problem: str) -> str:
    return f"\nThe last proposal could not be used: {problem}\n" if problem else ""


def _request(file: str, teacher: TeacherSection, seed: int, **places: str) -> TeacherRequest:
    system, user = _filled(file, **places)
    longest = max(teacher.max_tokens, _LONGEST_REPLY)
    return TeacherRequest(system, user, teacher.temperature, teacher.top_p, longest, seed)


def _filled(file: str, **places: str) -> tuple[str, str]:
    text = files("dataengine.generation.prompts").joinpath(file).read_text("utf-8")
    system, user = text.removeprefix(_SYSTEM).split(_USER)
    return system.strip(), Template(user).substitute(places).strip()
