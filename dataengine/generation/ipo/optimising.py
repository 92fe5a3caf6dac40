"""The search for a better prompt: criticise, sample, judge, change, until failures stop falling."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from dataengine.core.errors import Retryable
from dataengine.core.identity import derived_seed
from dataengine.core.images import Annotations
from dataengine.core.ports import Teacher, TeacherRequest
from dataengine.generation.ipo.replies import (
    Proposal,
    ask_for_change,
    ask_for_criticism,
    ask_for_verdict,
    read_proposal,
    read_verdict,
)
from dataengine.generation.ipo.versions import Failure, Refused, StopRule, Verdict, Version, best_of
from dataengine.generation.parsing import Draft, Unusable, read_reply
from dataengine.generation.prompt_files import prompt_of
from dataengine.generation.prompting import Prompt, information
from dataengine.runtime.runfile import TeacherSection
from dataengine.wire.documents import BadCase


@dataclass(frozen=True, slots=True)
class ProbeCase:
    """One case of the probe set: what every version is asked to write about. `image` is its bytes where the prompt
    shows it."""

    qtype: str
    bad_cases: tuple[BadCase, ...]
    annotations: Annotations
    seed: int
    image: bytes | None = None


Heard = Callable[[Version | Refused], None]


@dataclass(slots=True)
class Optimiser:
    """One search. Every request derives from `seed` and what came before, so that a teacher whose replies are kept goes
    through the same search again. Errors of the teacher pass through."""

    teacher: Teacher
    section: TeacherSection
    form: str
    probe: Sequence[ProbeCase]
    rule: StopRule
    seed: int
    heard: Heard = lambda entry: None
    history: list[Version | Refused] = field(default_factory=list)

    async def search(self, text: str) -> list[Version | Refused]:
        """Every version with its verdicts, and every proposal that was none, in order. The first is `text` itself."""
        self._keep(await self._version(text, None, "the prompt as it was"))
        while not self.rule.stops(self.history):
            self._keep(await self._next())
        return self.history

    def _keep(self, entry: Version | Refused) -> None:
        self.history.append(entry)
        self.heard(entry)

    async def _next(self) -> Version | Refused:
        parent, last = best_of(self.history), self.history[-1]
        seed = derived_seed(self.seed, "proposal", len(self.history))
        problem = last.problem if isinstance(last, Refused) else ""
        criticised = sum(isinstance(entry, Version) for entry in self.history) == 1
        if criticised or not parent.failures:
            request = ask_for_criticism(parent.text, self.section, seed, problem)
        else:
            request = ask_for_change(parent, self.section, seed, problem)
        proposal = read_proposal((await self.teacher.write(request)).text, self.form)
        if not isinstance(proposal, Proposal):
            return Refused(parent.number, proposal)
        if proposal.text == parent.text:
            return Refused(parent.number, "the proposed prompt is the old one")
        return await self._version(proposal.text, parent.number, proposal.why)

    async def _version(self, text: str, parent: int | None, why: str) -> Version:
        prompt = prompt_of(text, self.form, "the prompt")
        verdicts = await self._judged(prompt)
        number = sum(isinstance(entry, Version) for entry in self.history)
        return Version(number, text, prompt.digest, parent, why, tuple(verdicts))

    async def _judged(self, prompt: Prompt) -> list[Verdict]:
        gate = asyncio.Semaphore(self.section.concurrency)

        async def one(case: ProbeCase) -> Verdict:
            async with gate:
                return await self._verdict(prompt, case)

        results = await asyncio.gather(*(one(case) for case in self.probe), return_exceptions=True)
        failures = [result for result in results if isinstance(result, BaseException)]
        for failure in sorted(failures, key=lambda failure: isinstance(failure, Retryable)):
            raise failure
        return [result for result in results if not isinstance(result, BaseException)]

    async def _verdict(self, prompt: Prompt, case: ProbeCase) -> Verdict:
        request: TeacherRequest = prompt.write(
            case.qtype, case.bad_cases, case.annotations, self.section, case.seed, case.image
        )
        reply = await self.teacher.write(request)
        draft = read_reply(reply)
        if isinstance(draft, Unusable):
            return Failure(reply.text[:200], draft.name, draft.reason)
        return await self._judge(prompt, case, draft)

    async def _judge(self, prompt: Prompt, case: ProbeCase, draft: Draft) -> Verdict:
        definition = prompt.definitions.get(case.qtype, f"Questions that a benchmark calls {case.qtype}.")
        request = ask_for_verdict(
            case.qtype,
            definition,
            information(case.annotations, prompt.form),
            draft,
            self.section,
            derived_seed(case.seed, "judge"),
            case.image if prompt.shows_image else None,
        )
        return read_verdict((await self.teacher.write(request)).text, draft)
