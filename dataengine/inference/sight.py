"""Pictures already looked at: the tower's output per picture, so that a picture asked about ten times is seen once."""

from __future__ import annotations

import hashlib
import io
from collections import OrderedDict
from collections.abc import Sequence

import torch
from PIL import Image
from transformers import PreTrainedModel

from dataengine.inference.decoding import Prompt
from dataengine.student.family import Family

BATCH = 64
UNREADABLE = (OSError, ValueError, SyntaxError, Image.DecompressionBombError)
"""What Pillow raises on bytes that are no picture, or not a whole one."""


class Sight:
    """A bounded memory of tower outputs by the picture's digest, oldest forgotten first."""

    def __init__(self, family: Family, mib: int) -> None:
        self._family = family
        self._room = mib * 2**20
        self._held = 0
        self._seen: OrderedDict[str, torch.Tensor] = OrderedDict()
        self._eyes: str = ""

    def key(self, picture: bytes) -> str:
        """The picture's digest; "" where there is no picture."""
        return hashlib.sha256(picture).hexdigest() if picture else ""

    def look(self, model: PreTrainedModel, pictures: Sequence[bytes], eyes: str) -> dict[bytes, str]:
        """See every picture not seen yet; return why for those that cannot be read.

        ``eyes`` names the tower's weights: where they change, all is forgotten.
        """
        if eyes != self._eyes:
            self._seen.clear()
            self._held, self._eyes = 0, eyes
        refused: dict[bytes, str] = {}
        fresh: list[tuple[str, torch.Tensor]] = []
        for picture in filter(None, dict.fromkeys(pictures)):
            key = self.key(picture)
            if key in self._seen:
                self._seen.move_to_end(key)
                continue
            try:
                fresh.append((key, self._family.pixels(Image.open(io.BytesIO(picture)))))
            except UNREADABLE as error:
                refused[picture] = str(error) or type(error).__name__
        needed = {self.key(p) for p in pictures}
        for start in range(0, len(fresh), BATCH):
            part = fresh[start : start + BATCH]
            pixels = torch.stack([p for _, p in part]).to(model.device)
            for (key, _), seen in zip(part, self._family.look(model, pixels), strict=True):
                self._keep(key, seen.clone(), needed)
        return refused

    def _keep(self, key: str, seen: torch.Tensor, needed: set[str]) -> None:
        self._seen[key] = seen
        self._held += seen.nbytes
        while self._held > self._room and next(iter(self._seen)) not in needed:
            _, old = self._seen.popitem(last=False)
            self._held -= old.nbytes

    def seen(self, prompts: Sequence[Prompt]) -> torch.Tensor | None:
        """(N, T, V) for the N prompts with a picture, which ``look`` has seen in this call; None if there are none."""
        pictured = [self._seen[p.picture] for p in prompts if p.picture]
        return torch.stack(pictured) if pictured else None
