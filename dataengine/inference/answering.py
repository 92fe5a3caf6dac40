"""What the engine asks of a model, whatever kind its family is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from transformers import PreTrainedModel

from dataengine.core.ports import AskStudent
from dataengine.core.questions import AnswerMode, NoAnswer
from dataengine.student.registry import AnyFamily


@dataclass(frozen=True, slots=True)
class Ready:
    """A question that can be asked: its length in tokens, and what its family needs to ask it."""

    ask: AskStudent
    length: int
    prompt: Any


class Answering(Protocol):
    """Questions made ready, ranked and answered by one family on one model."""

    def prepare(self, model: PreTrainedModel, asks: Sequence[AskStudent], tower: str) -> list[Ready | NoAnswer]:
        """Each question ready, or why it cannot be asked. ``tower`` names the vision tower's weights ("": the
        base's)."""

    def rank(self, model: PreTrainedModel, batch: Sequence[Ready]) -> list[list[float]]:
        """Per question, each choice's mean token loss in nats, its end included. All have equally many choices."""

    def generate(self, model: PreTrainedModel, batch: Sequence[Ready], max_tokens: int) -> list[str]:
        """Greedy answers of at most ``max_tokens`` tokens."""


def answering_of(family: AnyFamily, base: Path, longest: int, features_mib: int) -> Answering:
    """How that family answers; it is fitted to ``base``. ``longest``: most tokens of a prompt with its answer."""
    from dataengine.inference.feature_answering import FeatureAnswering
    from dataengine.inference.processor_answering import ProcessorAnswering
    from dataengine.student.auto import AutoFamily

    if isinstance(family, AutoFamily):
        return ProcessorAnswering(family, longest)
    return FeatureAnswering(family, family.load_tokenizer(base), longest, features_mib)


def not_rankable(ask: AskStudent) -> str | None:
    """Why its choices cannot be ranked."""
    return "no choices to rank" if ask.mode is AnswerMode.LIKELIHOOD and not ask.choices else None


def too_long(tokens: int) -> str:
    """The reason of a prompt that leaves no room for its answer."""
    return f"prompt of {tokens} tokens is too long"
