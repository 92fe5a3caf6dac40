"""The vision tower's output per image, kept: an image asked about ten times goes through the tower once."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Sequence

import torch
from transformers import PreTrainedModel

from dataengine.core.errors import InputError
from dataengine.images import open_image
from dataengine.inference.decoding import Prompt
from dataengine.student.family import Family

BATCH = 64


class ImageFeatureCache:
    """A bounded memory of tower outputs by the image's digest, oldest forgotten first."""

    def __init__(self, family: Family, mib: int) -> None:
        self._family = family
        self._room = mib * 2**20
        self._bytes = 0
        self._kept: OrderedDict[str, torch.Tensor] = OrderedDict()
        self._tower: str = ""

    def key(self, image: bytes) -> str:
        """The image's digest; "" where there is no image."""
        return hashlib.sha256(image).hexdigest() if image else ""

    def encode(self, model: PreTrainedModel, images: Sequence[bytes], tower: str) -> dict[bytes, str]:
        """Run the tower on every image that is not held; return why for those that cannot be read.

        ``tower`` names the tower's weights: where they change, all is forgotten.
        """
        if tower != self._tower:
            self._kept.clear()
            self._bytes, self._tower = 0, tower
        refused: dict[bytes, str] = {}
        fresh: list[tuple[str, torch.Tensor]] = []
        for image in filter(None, dict.fromkeys(images)):
            key = self.key(image)
            if key in self._kept:
                self._kept.move_to_end(key)
                continue
            try:
                fresh.append((key, self._family.pixels(open_image(image))))
            except InputError as error:
                refused[image] = error.what
        needed = {self.key(p) for p in images}
        for start in range(0, len(fresh), BATCH):
            part = fresh[start : start + BATCH]
            pixels = torch.stack([p for _, p in part]).to(model.device)
            for (key, _), features in zip(part, self._family.encode_images(model, pixels), strict=True):
                self._keep(key, features.clone(), needed)
        return refused

    def _keep(self, key: str, features: torch.Tensor, needed: set[str]) -> None:
        self._kept[key] = features
        self._bytes += features.nbytes
        while self._bytes > self._room and next(iter(self._kept)) not in needed:
            _, old = self._kept.popitem(last=False)
            self._bytes -= old.nbytes

    def features_of(self, prompts: Sequence[Prompt]) -> torch.Tensor | None:
        """(N, T, V) for the N prompts with an image, which ``encode`` has run in this call; None if there are none."""
        with_image = [self._kept[p.image] for p in prompts if p.image]
        return torch.stack(with_image) if with_image else None
