"""A processor's chat template: conversations to model inputs, with the answers' tokens as labels.

What is learned is what follows the question's template: the tokens of "question, and now the answer" must begin the
tokens of "question and answer". That is checked for each conversation. Only the question goes through the processor
with its images; the answer's tokens are put behind it, so that training, ranking and generating have the same question
to the token.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

import torch
from jinja2 import TemplateError
from transformers import PreTrainedTokenizerBase

from dataengine.core.errors import InputError
from dataengine.student.conversation import Conversation, Message
from dataengine.student.encoding import IGNORED
from dataengine.student.model_inputs import IDS, LABELS, MASK, ModelInputs

_TODO = "Use another model, or a processor whose chat template keeps what it wrote"
_THINKING = ("enable_thinking",)
"""Variables of chat templates that let a model think aloud before it answers; where a template has one, it is off."""
_FAULTS = (ValueError, TypeError, KeyError, IndexError, RuntimeError, OSError)
"""What processors raise on a conversation that they cannot take."""


class Chat(Protocol):
    """How one model is spoken to."""

    @property
    def processor(self) -> Any:
        """transformers' processor of the model."""

    @property
    def tokenizer(self) -> PreTrainedTokenizerBase:
        """The processor's tokenizer."""

    @property
    def ends(self) -> tuple[int, ...]:
        """Tokens of which any ends an answer."""

    def encode(self, conversation: Conversation) -> ModelInputs:
        """The conversation's inputs; every answer in it is learned. If its last message asks, it ends where the answer
        begins. Raises InputError where the processor or its template cannot take it."""

    def answers(self, conversation: Conversation, answers: Sequence[str]) -> list[ModelInputs]:
        """One row per answer to what the conversation asks in the end: only that answer is learned."""

    def text(self, conversation: Conversation) -> list[tuple[str, bool]]:
        """The conversation as text, in pieces that are learned or not; an image is its one placeholder."""


def special_ids(tokenizer: PreTrainedTokenizerBase) -> set[int]:
    """Tokens that no text may hold: ends, images, roles."""
    added = {number for number, token in tokenizer.added_tokens_decoder.items() if token.special}
    return added | set(tokenizer.all_special_ids)


def _unanswered(made: Any) -> ModelInputs:
    """All tensors that a processor returned, but for labels of its own."""
    tensors = {name: made[name] for name in made if name != LABELS and isinstance(made[name], torch.Tensor)}
    tensors.setdefault(MASK, torch.ones_like(tensors[IDS]))
    return ModelInputs(tensors, (IGNORED,) * tensors[IDS].shape[1])


def _refuse_special(
    conversation: Conversation, tokenizer: PreTrainedTokenizerBase, specials: set[int], where: str
) -> None:
    """Raises InputError for a text that would be read as an image, a role or an end."""
    for message in conversation:
        found = specials.intersection(tokenizer(message.text, add_special_tokens=False)["input_ids"])
        if found:
            token = tokenizer.convert_ids_to_tokens(min(found))
            raise InputError(f"a text contains the special token {token}", where=where, todo="Take it out of the text")


@dataclass
class TemplateChat:
    """A processor with a chat template; its switch for thinking aloud is off."""

    processor: Any
    name: str
    _specials: set[int] = field(init=False)
    _switches: dict[str, bool] = field(init=False)

    def __post_init__(self) -> None:
        self._specials = special_ids(self.tokenizer)
        template = getattr(self.processor, "chat_template", None) or self.tokenizer.chat_template
        self._switches = {name: False for name in _THINKING if name in str(template)}

    @property
    def tokenizer(self) -> PreTrainedTokenizerBase:
        """See Chat."""
        tokenizer: PreTrainedTokenizerBase = self.processor.tokenizer
        return tokenizer

    @cached_property
    def ends(self) -> tuple[int, ...]:
        """See Chat: the tokenizer's own end, and what the template writes behind an answer."""
        row = self.encode([Message("user", "a"), Message("assistant", "a")])
        eos = self.tokenizer.eos_token_id
        return tuple(dict.fromkeys(token for token in (eos, row.answer[-1]) if token is not None))

    def encode(self, conversation: Conversation) -> ModelInputs:
        """See Chat."""
        _refuse_special(conversation, self.tokenizer, self._specials, self.name)
        asks = [place for place, message in enumerate(conversation) if message.role == "assistant"]
        first = asks[0] if asks else len(conversation)
        if any(message.images for message in conversation[first:]):
            raise InputError("an image in a later turn: images belong to the first question", where=self.name)
        row = self._question(conversation[:first])
        known = self._tokens(self._written(conversation[:first], asks=True))
        for place in asks:
            asked = known if place == first else self._tokens(self._written(conversation[:place], asks=True))
            row = self._behind(row, known, asked, learned=False)
            answered = self._tokens(self._written(conversation[: place + 1], asks=False))
            row = self._behind(row, asked, answered, learned=True, last=place == len(conversation) - 1)
            known = answered
        if asks and conversation[-1].role != "assistant":
            row = self._behind(row, known, self._tokens(self._written(conversation, asks=True)), learned=False)
        return row

    def answers(self, conversation: Conversation, answers: Sequence[str]) -> list[ModelInputs]:
        """See Chat; the processor is asked once."""
        question = self.encode(conversation)
        question = ModelInputs(question.tensors, (IGNORED,) * question.length)
        asked = self._tokens(self._written(conversation, asks=True))
        _refuse_special([Message("assistant", answer) for answer in answers], self.tokenizer, self._specials, self.name)
        rows = []
        for answer in answers:
            whole = self._tokens(self._written([*conversation, Message("assistant", answer)], asks=False))
            rows.append(self._behind(question, asked, whole, learned=True, last=True))
        return rows

    def text(self, conversation: Conversation) -> list[tuple[str, bool]]:
        """See Chat."""
        pieces: list[tuple[str, bool]] = []
        known = ""
        for place, message in enumerate(conversation):
            if message.role == "assistant":
                asked = self._written(conversation[:place], asks=True)
                whole = self._written(conversation[: place + 1], asks=False)
                if not (asked.startswith(known) and whole.startswith(asked)):
                    raise self._no_prefix()
                pieces += [(asked[len(known) :], False), (whole[len(asked) :], True)]
                known = whole
        if not conversation or conversation[-1].role != "assistant":
            pieces.append((self._written(conversation, asks=True)[len(known) :], False))
        return pieces

    def _question(self, conversation: Conversation) -> ModelInputs:
        messages = [message.as_template() for message in conversation]
        try:
            made = self.processor.apply_chat_template(
                messages,
                add_generation_prompt=True,
                tokenize=True,
                return_dict=True,
                return_tensors="pt",
                **self._switches,
            )
        except _FAULTS as error:
            first = str(error).split("\n", 1)[0]
            raise InputError(f"the processor cannot take the question: {first}", where=self.name) from error
        return _unanswered(made)

    def _written(self, conversation: Conversation, *, asks: bool) -> str:
        messages = [message.as_template() for message in conversation]
        try:
            text: str = self.processor.apply_chat_template(
                messages, add_generation_prompt=asks, tokenize=False, **self._switches
            )
        except (TemplateError, *_FAULTS) as error:
            first = str(error).split("\n", 1)[0]
            raise InputError(f"the chat template cannot take the messages: {first}", where=self.name) from error
        return text

    def _tokens(self, text: str) -> list[int]:
        return list(self.tokenizer(text, add_special_tokens=False)["input_ids"])

    def _behind(
        self, row: ModelInputs, known: list[int], whole: list[int], *, learned: bool, last: bool = False
    ) -> ModelInputs:
        """The row with what ``whole`` says beyond ``known``; of an answer, up to and with the token that ends it.

        A template that writes no end gets the tokenizer's, behind the last answer: nobody would learn to stop else.
        """
        if whole[: len(known)] != known:
            raise self._no_prefix()
        more = whole[len(known) :]
        end = next((place for place, token in enumerate(more) if token in self._specials), None) if learned else None
        if learned and last and end is None and self.tokenizer.eos_token_id is not None:
            more = [*more, int(self.tokenizer.eos_token_id)]
        if end is not None and last:
            more = more[: end + 1]
        wanted = [learned and (end is None or place <= end) for place in range(len(more))]
        return row.continued(more, wanted, {MASK: 1})

    def _no_prefix(self) -> InputError:
        return InputError(
            "the chat template of a question is no beginning of that of question and answer: what is to be learned "
            "cannot be told from what was asked",
            where=self.name,
            todo=_TODO,
        )


@dataclass
class PrefixChat:
    """PaliGemma: no template but a prefix, which every token of the prompt may see whole, and a suffix to be
    learned."""

    processor: Any
    name: str

    @property
    def tokenizer(self) -> PreTrainedTokenizerBase:
        """See Chat."""
        tokenizer: PreTrainedTokenizerBase = self.processor.tokenizer
        return tokenizer

    @property
    def ends(self) -> tuple[int, ...]:
        """See Chat."""
        return (int(self.tokenizer.eos_token_id),) if self.tokenizer.eos_token_id is not None else ()

    def encode(self, conversation: Conversation) -> ModelInputs:
        """See Chat; one question about at least one image, and its answer. A system prompt stands before the
        question."""
        asked, answer = self._parts(conversation)
        row = self._question(asked)
        return row if answer is None else self._with(row, answer)

    def answers(self, conversation: Conversation, answers: Sequence[str]) -> list[ModelInputs]:
        """See Chat."""
        asked, _ = self._parts(conversation)
        question = self._question(asked)
        return [self._with(question, answer) for answer in answers]

    def text(self, conversation: Conversation) -> list[tuple[str, bool]]:
        """See Chat."""
        asked, answer = self._parts(conversation)
        images, prefix = self._prefix(asked)
        pieces = [(f"{self.processor.image_token * len(images)}{self.tokenizer.bos_token}{prefix}\n", False)]
        return pieces if answer is None else [*pieces, (f"{answer}{self.tokenizer.eos_token}", True)]

    def _parts(self, conversation: Conversation) -> tuple[Conversation, str | None]:
        _refuse_special(conversation, self.tokenizer, special_ids(self.tokenizer), self.name)
        answered = bool(conversation) and conversation[-1].role == "assistant"
        asked = conversation[:-1] if answered else conversation
        if any(message.role == "assistant" for message in asked):
            raise InputError("this model has no dialogues: one question and its answer", where=self.name)
        return asked, conversation[-1].text if answered else None

    def _prefix(self, asked: Conversation) -> tuple[list[Any], str]:
        images = [image for message in asked for image in message.images]
        if not images:
            raise InputError("this model answers questions about images only", where=self.name)
        return images, "\n".join(message.text for message in asked)

    def _question(self, asked: Conversation) -> ModelInputs:
        images, prefix = self._prefix(asked)
        text = f"{self.processor.image_token * len(images)}{prefix}"
        try:
            made = self.processor(images=[images], text=[text], return_tensors="pt")
        except _FAULTS as error:
            first = str(error).split("\n", 1)[0]
            raise InputError(f"the processor cannot take the question: {first}", where=self.name) from error
        return _unanswered(made)

    def _with(self, row: ModelInputs, answer: str) -> ModelInputs:
        ids = [*self.tokenizer(answer, add_special_tokens=False)["input_ids"], *self.ends]
        # token type 1 is the suffix: causal, where the prefix sees itself in both directions
        return row.continued(ids, [True] * len(ids), {MASK: 1, "token_type_ids": 1})


def chat_of(processor: Any, name: str) -> Chat:
    """How the model of that processor is spoken to. Raises ValueError where it says nothing of that."""
    if getattr(processor, "tokenizer", None) is None:
        raise ValueError(f"{name}: its processor has no tokenizer")
    if processor.tokenizer.pad_token_id is None:
        processor.tokenizer.pad_token = processor.tokenizer.eos_token
    if getattr(processor, "chat_template", None) or getattr(processor.tokenizer, "chat_template", None):
        return TemplateChat(processor, name)
    if type(processor).__name__ == "PaliGemmaProcessor":
        return PrefixChat(processor, name)
    raise ValueError(f"{name}: its processor has no chat template, so that nothing says how a question is put")
