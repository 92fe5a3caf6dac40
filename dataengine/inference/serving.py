"""Many requests at once, each for a checkpoint of its own: what the model does, without Triton."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TypeAlias

from dataengine.core.artifacts import ArtifactRef
from dataengine.core.errors import Rejected, Retryable
from dataengine.core.ports import AskStudent
from dataengine.core.questions import Answer, NoAnswer
from dataengine.hosting.backends import open_store, work_folder
from dataengine.inference.checkpoints import Checkpoints
from dataengine.inference.in_process import CheckpointAnswers
from dataengine.inference.settings import serving_settings
from dataengine.wire.inference import Arrays, decode_ask

Outcome: TypeAlias = Answer | NoAnswer | Retryable | Rejected


class Serving:
    """Answers requests as they come in, batched by checkpoint. No request harms one for another checkpoint."""

    def __init__(self, answers: CheckpointAnswers) -> None:
        self._answers = answers

    def respond(self, requests: Sequence[Arrays]) -> list[Outcome]:
        """What became of every request, in their order."""
        outcomes: list[Outcome | None] = [None] * len(requests)
        groups: dict[ArtifactRef, list[tuple[int, AskStudent]]] = {}
        for place, request in enumerate(requests):
            try:
                ask, checkpoint = decode_ask(request)
            except Rejected as error:
                outcomes[place] = error
            else:
                groups.setdefault(checkpoint, []).append((place, ask))
        for checkpoint, group in groups.items():
            for (place, _), outcome in zip(group, self._group([ask for _, ask in group], checkpoint), strict=True):
                outcomes[place] = outcome
        return [outcome for outcome in outcomes if outcome is not None]

    def _group(self, asks: Sequence[AskStudent], checkpoint: ArtifactRef) -> Sequence[Outcome]:
        try:
            return self._answers.answer(asks, checkpoint)
        except (Rejected, Retryable) as error:
            return [error] * len(asks)


def serving_from_environment(device: str, environ: Mapping[str, str] = os.environ) -> Serving:
    """The serving that the environment asks for. Raises ConfigurationError."""
    from dataengine.inference.bases import Bases  # torch

    settings = serving_settings(environ)
    cache = settings.cache or work_folder() / "adapters"
    checkpoints = Checkpoints(open_store(environ), cache, settings.keep_fetched)
    bases = Bases(settings, device)
    return Serving(CheckpointAnswers(checkpoints, lambda document: bases.engine_of(document).answer))
