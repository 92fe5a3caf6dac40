"""The student's engine: load weights, batch questions, answer them. Knows nothing of Triton or of services."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar, cast

import structlog
import torch
from transformers import PreTrainedModel

from dataengine.core.identity import digest_of_weights
from dataengine.core.ports import AskStudent
from dataengine.core.questions import Answer, AnswerMode, NoAnswer
from dataengine.inference.adapters import Adapters
from dataengine.inference.answering import Answering, Ready, answering_of
from dataengine.student.inspection import longest_text
from dataengine.student.registry import AnyFamily

LETTER_TOKENS = 4
"""How much is generated where a letter is asked for: enough to see that it was not only a letter."""
_UNBOUNDED = 2**31
_log = structlog.get_logger("dataengine.inference")
_T = TypeVar("_T")


class Engine:
    """One family's base weights with any number of its adapters, ``keep_adapters`` of them in memory.

    ``threads`` sets torch's intra-op threads for the process; ``batch`` is the largest number of prompts run at once,
    and is halved for good, and said so, where the device has no memory for it; ``sight_mib`` bounds the memory for
    image features. Not thread-safe: one caller at a time.
    """

    def __init__(
        self,
        family: AnyFamily,
        base_path: Path,
        *,
        device: str = "cpu",
        threads: int | None = None,
        keep_adapters: int = 4,
        batch: int = 128,
        sight_mib: int = 256,
    ) -> None:
        if threads is not None:
            torch.set_num_threads(threads)
        family = family.fitted(base_path)
        self._device = device
        self.batch = batch
        base = cast(PreTrainedModel, cast(torch.nn.Module, family.load_model(base_path)).to(torch.device(device)))
        self.answering: Answering = answering_of(family, base_path, longest_text(base) or _UNBOUNDED, sight_mib)
        self._base_digest = digest_of_weights(base_path)
        self._digests: dict[Path, str] = {}
        self._adapters = Adapters(base, keep_adapters)

    def digest(self, adapter: Path | None) -> str:
        """SHA-256 over the names and bytes of the weights' folder: the base's, or the adapter's."""
        if adapter is None:
            return self._base_digest
        if adapter not in self._digests:
            self._digests[adapter] = digest_of_weights(adapter)
        return self._digests[adapter]

    @torch.inference_mode()
    def answer(
        self, asks: Sequence[AskStudent], adapter: Path | None = None, checkpoint: str | None = None
    ) -> list[Answer | NoAnswer]:
        """Answer every question with the base or one adapter, in the order asked.

        A question that cannot be asked (corrupt image, no choices to rank, prompt too long) is a NoAnswer and harms
        no other. Answers carry ``checkpoint``, or the weights' digest where none is given. A ranked answer's text is
        the likeliest choice, its ``choice_losses`` the mean token losses. Raises Rejected where the adapter cannot be
        loaded.
        """
        model = self._adapters.use(adapter)
        digest = checkpoint if checkpoint is not None else self.digest(adapter)
        results: list[Answer | NoAnswer | None] = [None] * len(asks)
        ready: list[tuple[int, Ready]] = []
        for place, prepared in enumerate(self.answering.prepare(model, asks, self._adapters.own_tower)):
            if isinstance(prepared, NoAnswer):
                results[place] = prepared
            else:
                ready.append((place, prepared))
        for place, answer in [*self._ranked(model, ready, digest), *self._generated(model, ready, digest)]:
            results[place] = answer
        return [
            r if r is not None else NoAnswer(a.question_id, "not asked") for r, a in zip(results, asks, strict=True)
        ]

    def _ranked(
        self, model: PreTrainedModel, ready: list[tuple[int, Ready]], digest: str
    ) -> list[tuple[int, Answer | NoAnswer]]:
        ranked = [(place, r) for place, r in ready if r.ask.mode is AnswerMode.LIKELIHOOD]
        losses = self._in_batches(ranked, lambda r: len(r.ask.choices), lambda batch: self.answering.rank(model, batch))
        answers: list[tuple[int, Answer | NoAnswer]] = []
        for place, r, row in losses:
            if isinstance(row, NoAnswer):
                answers.append((place, row))
                continue
            text = r.ask.choices[row.index(min(row))]
            answers.append((place, Answer(r.ask.question_id, text, digest, tuple(row))))
        return answers

    def _generated(
        self, model: PreTrainedModel, ready: list[tuple[int, Ready]], digest: str
    ) -> list[tuple[int, Answer | NoAnswer]]:
        answers: list[tuple[int, Answer | NoAnswer]] = []
        for mode in (AnswerMode.LETTER, AnswerMode.FREE_FORM):
            asked = [(place, r) for place, r in ready if r.ask.mode is mode]

            def said(batch: Sequence[Ready], letter: bool = mode is AnswerMode.LETTER) -> list[str]:
                most = LETTER_TOKENS if letter else batch[0].ask.max_tokens
                return self.answering.generate(model, batch, most)

            for place, r, text in self._in_batches(asked, lambda r: r.ask.max_tokens, said):
                answer = text if isinstance(text, NoAnswer) else Answer(r.ask.question_id, text, digest)
                answers.append((place, answer))
        return answers

    def _in_batches(
        self, ready: list[tuple[int, Ready]], alike: Callable[[Ready], int], run: Callable[[Sequence[Ready]], list[_T]]
    ) -> list[tuple[int, Ready, _T | NoAnswer]]:
        """What ``run`` makes of each, neighbours in length together; within a batch ``alike`` is equal.

        Where the model refuses a batch's inputs, its questions are asked one by one, and the refused ones are no
        answer.
        """
        waiting = sorted(ready, key=lambda entry: (alike(entry[1]), entry[1].length))
        done: list[tuple[int, Ready, _T | NoAnswer]] = []
        alone = 0
        while waiting:
            same = next((i for i, (_, r) in enumerate(waiting) if alike(r) != alike(waiting[0][1])), len(waiting))
            batch = waiting[: 1 if alone else min(same, self.batch)]
            try:
                made: Sequence[_T | NoAnswer] = run([r for _, r in batch])
            except torch.OutOfMemoryError:
                if len(batch) == 1:
                    raise
                self._halve(len(batch))
                continue
            except ValueError as error:
                if len(batch) > 1:
                    alone = len(batch)
                    continue
                why = str(error).split("\n", 1)[0]
                made = [NoAnswer(batch[0][1].ask.question_id, f"the model refuses the inputs: {why}")]
            done += [(place, r, one) for (place, r), one in zip(batch, made, strict=True)]
            waiting = waiting[len(batch) :]
            alone = max(0, alone - 1)
        return done

    def _halve(self, tried: int) -> None:
        """Fewer at once from now on: what did not fit once will not fit the next time."""
        self.batch = max(1, tried // 2)
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        _log.warning("out of memory: fewer questions at once", device=self._device, tried=tried, now=self.batch)
