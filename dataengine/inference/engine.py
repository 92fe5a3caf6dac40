"""The student's engine: load weights, batch questions, answer them. Knows nothing of Triton or of services."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import torch
from transformers import PreTrainedModel

from dataengine.core.identity import digest_of_weights
from dataengine.core.ports import AskStudent
from dataengine.core.questions import Answer, AnswerMode, NoAnswer
from dataengine.inference.adapters import Adapters
from dataengine.inference.decoding import Prompt, generate, rank
from dataengine.inference.image_features import ImageFeatureCache
from dataengine.student.encoding import Encoded, encode
from dataengine.student.family import Family

LETTER_TOKENS = 4
"""How much is generated where a letter is asked for: enough to see that it was not only a letter."""


@dataclass(frozen=True, slots=True)
class _Ready:
    """A question that can be asked: where it stands in the call, and its prompt."""

    place: int
    ask: AskStudent
    prompt: Prompt


class Engine:
    """One family's base weights with any number of its adapters, ``keep_adapters`` of them in memory.

    ``threads`` sets torch's intra-op threads for the process; ``batch`` is the largest number of prompts run at once;
    ``sight_mib`` bounds the memory for images whose features are kept. Not thread-safe: one caller at a time.
    """

    def __init__(
        self,
        family: Family,
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
        self._family = family
        self._batch = batch
        self._tokenizer = family.load_tokenizer(base_path)
        self._image_token_id = family.image_token_id(self._tokenizer)
        base = cast(PreTrainedModel, cast(torch.nn.Module, family.load_model(base_path)).to(torch.device(device)))
        self._longest = int(base.config.get_text_config().max_position_embeddings)
        self._base_digest = digest_of_weights(base_path)
        self._digests: dict[Path, str] = {}
        self._adapters = Adapters(base, keep_adapters)
        self._features = ImageFeatureCache(family, sight_mib)

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
        refused = self._features.encode(model, [ask.image for ask in asks], self._adapters.own_tower)
        results: list[Answer | NoAnswer | None] = [None] * len(asks)
        ready: list[_Ready] = []
        for place, ask in enumerate(asks):
            prepared = self._prepare(place, ask, refused)
            if isinstance(prepared, NoAnswer):
                results[place] = prepared
            else:
                ready.append(prepared)
        self._run(model, ready, results, digest)
        return [
            r if r is not None else NoAnswer(a.question_id, "not asked") for r, a in zip(results, asks, strict=True)
        ]

    def _prepare(self, place: int, ask: AskStudent, refused: dict[bytes, str]) -> _Ready | NoAnswer:
        if ask.image in refused:
            return NoAnswer(ask.question_id, f"picture: {refused[ask.image]}")
        if ask.mode is AnswerMode.LIKELIHOOD and not ask.choices:
            return NoAnswer(ask.question_id, "no choices to rank")
        with_image = bool(ask.image)
        prompt = encode(self._family, self._tokenizer, [(ask.prompt, None)], with_image=with_image).ids
        choices: tuple[tuple[int, ...], ...] = ()
        if ask.mode is AnswerMode.LIKELIHOOD:
            choices = tuple(self._answer_ids(ask.prompt, choice, with_image) for choice in ask.choices)
        room = max(map(len, choices)) if choices else ask.max_tokens
        if len(prompt) + room > self._longest:
            return NoAnswer(ask.question_id, f"prompt of {len(prompt)} tokens is too long")
        places = self._family.num_image_tokens if with_image else 0
        if self._family.image_token in ask.prompt or prompt.count(self._image_token_id) != places:
            return NoAnswer(ask.question_id, f"the question contains {self._family.image_token}")
        return _Ready(place, ask, Prompt(tuple(prompt), self._features.key(ask.image), choices))

    def _answer_ids(self, question: str, answer: str, with_image: bool) -> tuple[int, ...]:
        encoded: Encoded = encode(self._family, self._tokenizer, [(question, answer)], with_image=with_image)
        return tuple(label for label in encoded.labels if label >= 0)

    def _run(
        self, model: PreTrainedModel, ready: list[_Ready], results: list[Answer | NoAnswer | None], digest: str
    ) -> None:
        ranked = [r for r in ready if r.ask.mode is AnswerMode.LIKELIHOOD]
        for batch in self._batches(ranked, lambda r: (len(r.prompt.choices), len(r.prompt.ids))):
            prompts = [r.prompt for r in batch]
            losses = rank(model, self._family, self._tokenizer, self._features.features_of(prompts), prompts)
            for r, row in zip(batch, losses, strict=True):
                text = r.ask.choices[row.index(min(row))]
                results[r.place] = Answer(r.ask.question_id, text, digest, tuple(row))
        for mode in (AnswerMode.LETTER, AnswerMode.FREE_FORM):
            asked = [r for r in ready if r.ask.mode is mode]
            for batch in self._batches(asked, lambda r: (r.ask.max_tokens, len(r.prompt.ids))):
                prompts = [r.prompt for r in batch]
                most = batch[0].ask.max_tokens if mode is AnswerMode.FREE_FORM else LETTER_TOKENS
                texts = generate(
                    model, self._family, self._tokenizer, self._features.features_of(prompts), prompts, most
                )
                for r, text in zip(batch, texts, strict=True):
                    results[r.place] = Answer(r.ask.question_id, text, digest)

    def _batches(self, ready: list[_Ready], key: Callable[[_Ready], tuple[int, int]]) -> list[list[_Ready]]:
        """Neighbours in length together; what the first key says must be equal within a batch."""
        batches: list[list[_Ready]] = []
        for r in sorted(ready, key=key):
            if batches and len(batches[-1]) < self._batch and key(batches[-1][0])[0] == key(r)[0]:
                batches[-1].append(r)
            else:
                batches.append([r])
        return batches
