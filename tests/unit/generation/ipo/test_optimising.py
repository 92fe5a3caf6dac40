"""The search for a better prompt, with a teacher that plays by a script."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from dataengine.core.errors import InputError, Retryable
from dataengine.core.ports import TeacherRequest
from dataengine.generation.ipo.keeping import KeptTeacher, write_outcome, write_version
from dataengine.generation.ipo.optimising import Optimiser, ProbeCase
from dataengine.generation.ipo.versions import Failure, Refused, StopRule, Version, adopted, best_of
from dataengine.generation.prompt_files import load_prompt, text_of
from dataengine.teachers.scripted.section import AnnotationsSection
from dataengine.testing.fake_teacher import FakeTeacher
from tests.unit.generation.harness import Pool, draft

TEXT = text_of("gen-2")[1]
CASES = 24


def probe() -> list[ProbeCase]:
    pool = Pool()
    return [ProbeCase("Instance Attributes", (), pool.annotations(str(n)), n) for n in range(CASES)]


class Script:
    """Rule k of the prompt, once it is in, keeps every third case with remainder k from failing."""

    def __init__(self, rules: int = 3, proposals: Callable[[str, int], str] | None = None) -> None:
        self.rules = rules
        self.proposed = 0
        self._proposals = proposals or self._add_rule
        self.told: list[str] = []

    def __call__(self, request: TeacherRequest) -> str:
        if "Task: criticise a prompt" in request.user or "Task: change a prompt" in request.user:
            self.told.append(request.user)
            self.proposed += 1
            return self._proposals(_inside(request.user), self.proposed)
        if "Task: judge one question" in request.user:
            return self._verdict(request.user)
        rules = re.findall(r"Rule (\d)", request.system)
        return draft(question=f"Case {request.seed % CASES} under rules {''.join(rules)}?")

    def _add_rule(self, text: str, number: int) -> str:
        rule = f"Rule {number - 1}." if number <= self.rules else "Please."
        changed = text.replace("=== user ===", f"{rule}\n=== user ===")
        return f"Why: rule {number}\n<prompt>\n{changed}\n</prompt>"

    def _verdict(self, user: str) -> str:
        found = re.search(r"Question: Case (\d+) under rules (\d*)\?", user)
        assert found
        if str(int(found[1]) % 3) in found[2]:
            return json.dumps({"verdict": "good"})
        return json.dumps({"verdict": "bad", "failure_type": f"Kind {int(found[1]) % 3}", "explanation": "no rule"})


def _inside(user: str) -> str:
    found = re.search(r"<prompt>\n(.*)\n</prompt>", user, re.DOTALL)
    assert found
    return found[1]


def optimiser(script: Callable[[TeacherRequest], str], rule: StopRule | None = None) -> Optimiser:
    teacher = FakeTeacher(script)
    return Optimiser(teacher, AnnotationsSection(concurrency=4), "gen-2", probe(), rule or StopRule(), seed=1)


async def test_each_version_fails_less_until_nothing_fails_and_the_best_is_adopted() -> None:
    history = await optimiser(Script()).search(TEXT)
    versions = [entry for entry in history if isinstance(entry, Version)]
    assert [round(version.failure_rate, 3) for version in versions] == [1.0, 0.667, 0.333, 0.0]
    assert [version.parent for version in versions] == [None, 0, 1, 2]
    chosen, test = adopted(history, 0.05)
    assert chosen is not None
    assert test is not None
    assert (chosen.number, test.gained, test.lost, test.n) == (3, CASES, 0, CASES)


async def test_the_first_try_criticises_and_the_next_ones_are_told_the_failures_of_every_kind() -> None:
    script = Script()
    await optimiser(script).search(TEXT)
    assert "Task: criticise a prompt" in script.told[0]
    assert "16 of 24 questions were judged to be bad" in script.told[1]
    assert "Kind: kind 1\nWhy: no rule" in script.told[1]
    assert "Kind: kind 2" in script.told[1]
    assert script.told[1].count("Bad question:") == 12


async def test_failures_are_recorded_with_the_bad_question_their_kind_and_why() -> None:
    history = await optimiser(Script(), StopRule(versions=2)).search(TEXT)
    first = history[0]
    assert isinstance(first, Version)
    assert first.failures[4] == Failure("Case 4 under rules ?", "kind 1", "no rule")


async def test_the_search_stops_when_failures_no_longer_fall() -> None:
    history = await optimiser(Script(rules=1), StopRule(versions=9, patience=2)).search(TEXT)
    rates = [entry.failure_rate for entry in history if isinstance(entry, Version)]
    assert [round(rate, 2) for rate in rates] == [1.0, 0.67, 0.67, 0.67]
    assert best_of(history).number == 1


async def test_nothing_is_adopted_where_the_difference_may_be_chance() -> None:
    def says(request: TeacherRequest) -> str:
        if "Task: judge" not in request.user:
            return Script()(request)
        case = int(re.search(r"Case (\d+)", request.user)[1])  # type: ignore[index]
        repaired = "Rule" in request.user or "rules 0" in request.user
        return json.dumps({"verdict": "bad", "failure_type": "x", "explanation": ""} if case < 4 - repaired else
                          {"verdict": "good"})  # fmt: skip

    history = await optimiser(says, StopRule(versions=2)).search(TEXT)
    chosen, test = adopted(history, 0.05)
    assert best_of(history).number == 1
    assert chosen is None
    assert test is not None
    assert test.p == 1.0


async def test_a_prompt_that_makes_everything_worse_is_not_adopted() -> None:
    def worse(text: str, number: int) -> str:
        changed = text.replace("Rule 0 Rule 1 Rule 2", "")
        return f"Why: shorter\n<prompt>\n{changed}\n</prompt>"

    good = TEXT.replace("=== user ===", "Rule 0 Rule 1 Rule 2\n=== user ===")
    history = await optimiser(Script(proposals=worse)).search(good)
    assert adopted(history, 0.05) == (None, None)


@pytest.mark.parametrize(
    ("reply", "problem"),
    [
        ("", "holds 0 prompts"),
        ("I would rather not.", "holds 0 prompts"),
        ("<prompt>\nWrite a question.\n</prompt>", "is no prompt"),
        (f"<prompt>\n{TEXT}\n</prompt>\n<prompt>\n{TEXT}\n</prompt>", "holds 2 prompts"),
        (f"<prompt>\n{TEXT.replace('$information', 'nothing')}\n</prompt>", "$information"),
        (f"<prompt>\n{TEXT.replace('$qtype', '$type')}\n</prompt>", "$type"),
        (f"<prompt>\n{TEXT.replace('short_answer', 'brief')}\n</prompt>", "does not ask for short_answer"),
        (f"<prompt>\n{TEXT}\n</prompt>", "is the old one"),
    ],
)
async def test_a_proposal_that_is_no_prompt_is_told_to_the_teacher_and_never_tried(reply: str, problem: str) -> None:
    script = Script(proposals=lambda text, number: reply)
    history = await optimiser(script, StopRule(patience=2)).search(TEXT)
    refused = history[1:]
    assert all(isinstance(entry, Refused) and problem in entry.problem for entry in refused)
    assert len(refused) == 2
    assert "The last proposal could not be used" in script.told[1]
    assert problem in script.told[1]


@pytest.mark.parametrize(
    "verdict",
    ["", "good", "{", '{"verdict": "fine"}', '{"verdict": "bad"}', "[]", '{"verdict": "bad", "failure_type": ""}'],
)
async def test_a_verdict_that_cannot_be_read_counts_neither_way(verdict: str) -> None:
    script = Script(rules=1)

    def says(request: TeacherRequest) -> str:
        if "Task: judge" in request.user and "Case 5 " in request.user:
            return verdict
        return script(request)

    history = await optimiser(says, StopRule(versions=2)).search(TEXT)
    assert [entry.judged for entry in history if isinstance(entry, Version)] == [CASES - 1] * 2
    chosen, test = adopted(history, 1.0)
    assert chosen is not None
    assert test is not None
    assert test.n == CASES - 1


async def test_a_sample_that_is_skipped_or_unreadable_fails_so_that_declining_is_no_improvement() -> None:
    def says(request: TeacherRequest) -> str:
        if "Task: write one question" in request.user:
            return "Skip: nothing to see" if request.seed % 2 else "Sure! Here is one."
        return Script(proposals=lambda text, number: "no")(request)

    history = await optimiser(says).search(TEXT)
    first = history[0]
    assert isinstance(first, Version)
    assert first.failure_rate == 1.0
    assert {failure.failure_type for failure in first.failures} == {"skipped", "malformed"}


async def test_an_outage_passes_through_and_what_was_answered_is_not_asked_again(tmp_path: Path) -> None:
    script = Script()
    asked = 0

    def says(request: TeacherRequest) -> str:
        nonlocal asked
        asked += 1
        if asked == 60:
            raise Retryable("the teacher is away")
        return script(request)

    def search() -> Optimiser:
        kept = KeptTeacher(FakeTeacher(says), tmp_path / "replies.jsonl")
        return Optimiser(kept, AnnotationsSection(concurrency=1), "gen-2", probe(), StopRule(), seed=1)

    with pytest.raises(Retryable):
        await search().search(TEXT)
    with (tmp_path / "replies.jsonl").open("a") as file:
        file.write('{"half a li')
    again = await search().search(TEXT)
    whole = await optimiser(Script()).search(TEXT)
    assert again == whole
    assert asked == 1 + len((tmp_path / "replies.jsonl").read_text().splitlines())


def test_a_file_of_replies_that_is_something_else_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "replies.jsonl").write_text("{}\n")
    with pytest.raises(InputError, match="line 1"):
        KeptTeacher(FakeTeacher(lambda request: ""), tmp_path / "replies.jsonl")


async def test_versions_and_the_adopted_prompt_are_files_that_a_run_file_can_name(tmp_path: Path) -> None:
    search = optimiser(Script())
    search.heard = lambda entry: write_version(tmp_path, "gen-2", entry)
    history = await search.search(TEXT)
    chosen, test = adopted(history, 0.05)
    file = write_outcome(tmp_path, "gen-2", history, chosen, test)
    assert chosen is not None
    assert file is not None
    assert load_prompt(str(file)).digest == chosen.digest
    assert load_prompt(str(tmp_path / "version-00.txt")).digest == load_prompt("gen-2").digest
    record = json.loads((tmp_path / "history.json").read_text())
    assert record["adopted"] == 3
    assert [row["failure_rate"] for row in record["history"]][-1] == 0
    assert write_outcome(tmp_path, "gen-2", history, None, None) is None
    assert not file.exists()
