"""Answering by families whose image features are computed once per image, and shared by its questions and adapters."""

from __future__ import annotations

from collections.abc import Sequence

from transformers import PreTrainedModel, PreTrainedTokenizerBase

from dataengine.core.ports import AskStudent
from dataengine.core.questions import AnswerMode, NoAnswer
from dataengine.inference.answering import Ready, not_rankable, too_long
from dataengine.inference.decoding import Prompt, generate, rank
from dataengine.inference.image_features import ImageFeatureCache
from dataengine.student.encoding import Encoded, encode
from dataengine.student.family import Family


class FeatureAnswering:
    """See `Answering`. ``features_mib`` bounds the memory for image features."""

    def __init__(self, family: Family, tokenizer: PreTrainedTokenizerBase, longest: int, features_mib: int) -> None:
        self._family = family
        self._tokenizer = tokenizer
        self._longest = longest
        self._image_token_id = family.image_token_id(tokenizer)
        self._features = ImageFeatureCache(family, features_mib)

    def prepare(self, model: PreTrainedModel, asks: Sequence[AskStudent], tower: str) -> list[Ready | NoAnswer]:
        """See `Answering`."""
        refused = self._features.encode(model, [ask.image for ask in asks], tower)
        return [self._one(ask, refused) for ask in asks]

    def _one(self, ask: AskStudent, refused: dict[bytes, str]) -> Ready | NoAnswer:
        if ask.image in refused:
            return NoAnswer(ask.question_id, f"picture: {refused[ask.image]}")
        if reason := not_rankable(ask):
            return NoAnswer(ask.question_id, reason)
        with_image = bool(ask.image)
        prompt = encode(self._family, self._tokenizer, [(ask.prompt, None)], with_image=with_image).ids
        choices: tuple[tuple[int, ...], ...] = ()
        if ask.mode is AnswerMode.LIKELIHOOD:
            choices = tuple(self._answer_ids(ask.prompt, choice, with_image) for choice in ask.choices)
        room = max(map(len, choices)) if choices else ask.max_tokens
        if len(prompt) + room > self._longest:
            return NoAnswer(ask.question_id, too_long(len(prompt)))
        places = self._family.num_image_tokens if with_image else 0
        if self._family.image_token in ask.prompt or prompt.count(self._image_token_id) != places:
            return NoAnswer(ask.question_id, f"the question contains {self._family.image_token}")
        return Ready(ask, len(prompt), Prompt(tuple(prompt), self._features.key(ask.image), choices))

    def _answer_ids(self, question: str, answer: str, with_image: bool) -> tuple[int, ...]:
        encoded: Encoded = encode(self._family, self._tokenizer, [(question, answer)], with_image=with_image)
        return tuple(label for label in encoded.labels if label >= 0)

    def rank(self, model: PreTrainedModel, batch: Sequence[Ready]) -> list[list[float]]:
        """See `Answering`; a prompt is run once for all its choices."""
        prompts = [ready.prompt for ready in batch]
        return rank(model, self._family, self._tokenizer, self._features.features_of(prompts), prompts)

    def generate(self, model: PreTrainedModel, batch: Sequence[Ready], max_tokens: int) -> list[str]:
        """See `Answering`."""
        prompts = [ready.prompt for ready in batch]
        features = self._features.features_of(prompts)
        return generate(model, self._family, self._tokenizer, features, prompts, max_tokens)
