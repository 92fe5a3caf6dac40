"""CLIP's image embeddings (the first generation used ViT-B/32), as the `ImageEmbedder` port."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from transformers import CLIPImageProcessor, CLIPVisionModelWithProjection

from dataengine.core.errors import InputError
from dataengine.images import open_image


class ClipEmbedder:
    """A CLIP vision tower with its projection, on the GPU where there is one."""

    def __init__(self, folder: Path) -> None:
        """`folder` holds a CLIP in transformers' layout, with its preprocessor. Raises InputError where it does not."""
        try:
            self._processor = CLIPImageProcessor.from_pretrained(folder, local_files_only=True)
            model = CLIPVisionModelWithProjection.from_pretrained(folder, local_files_only=True)
        except (OSError, ValueError) as error:
            todo = "Give the folder of openai/clip-vit-base-patch32 as transformers lays it out"
            raise InputError(f"holds no CLIP: {error}", where=str(folder), todo=todo) from error
        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        self._model = model.eval().to(self._device)

    def embed(self, images: Sequence[bytes]) -> Sequence[Sequence[float]]:
        """See `ImageEmbedder.embed`."""
        if not images:
            return []
        decoded = [open_image(data, f"picture {number} of the batch") for number, data in enumerate(images)]
        pixels = self._processor(images=decoded, return_tensors="pt")["pixel_values"].to(self._device)
        with torch.inference_mode():
            points = self._model(pixel_values=pixels).image_embeds
        return torch.nn.functional.normalize(points, dim=-1).float().cpu().tolist()
