"""What MiniGPT-4's two generations share as families: weights, images, where image tokens come from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self, cast

import torch
from PIL import Image
from transformers import Blip2VisionConfig, LlamaConfig, PreTrainedModel, PreTrainedTokenizerBase

from dataengine.student import minigpt_files
from dataengine.student.family import IMAGE
from dataengine.student.images import normalised, scaled
from dataengine.student.minigpt_model import MiniGpt, MiniGptConfig
from dataengine.student.sentencepieces import load_llama_tokenizer
from dataengine.student.weights import CPU, META, filled, loaded

QFORMER = {"encoder_hidden_size": 1408, "cross_attention_frequency": 2, "layer_norm_eps": 1e-12, "hidden_act": "gelu"}
"""The published Q-Former; its other sizes are transformers' defaults, which are BERT's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MiniGptFamily:
    """Everything but the prompt. The sizes are those of EVA-CLIP-g and must be said: its file does not.

    ``lora_alpha``: with what scale x rank a checkpoint's LoRA is merged; its file does not say that either.
    ``pad``: the token that fills up rows. The authors fill with ``$$``, a piece that may stand in a text, and then mask
    it there as well; the default is ``<unk>``, which cannot, so that every token of a text counts. Results differ only
    for texts with ``$$``. ``dtype`` is bfloat16 as for LLaVA-1.5; the authors' float16 overflows in places.
    """

    name: str
    side: int
    neighbours: int
    queries: int
    lora_targets: str
    answer_end: str
    patch: int = 14
    layers: int = 39
    heads: int = 16
    qformer_heads: int = 12
    lora_alpha: float = 16.0
    pad: str = "<unk>"
    dtype: torch.dtype = torch.bfloat16
    image_token: str = "<ImageHere>"
    projector: str = "llama_proj"
    vision: str = "vision_model"

    @property
    def num_image_tokens(self) -> int:
        """One per query, or one per group of neighbouring patches."""
        return self.queries or (self.side // self.patch) ** 2 // self.neighbours

    def fitted(self, base: Path) -> Self:
        """See Family; the authors' files do not say the image's side, so that theirs is the published one."""
        if minigpt_files.is_authors(base):
            return self
        config = MiniGptConfig.from_pretrained(base, local_files_only=True)
        vision = cast(Blip2VisionConfig, config.vision_config)
        side, patch = cast(int, vision.image_size), cast(int, vision.patch_size)
        return replace(self, side=side, patch=patch, queries=config.queries, neighbours=config.neighbours)

    def skeleton(self, base: Path | None = None) -> PreTrainedModel:
        """See Family; the published size is that of the 7B models."""
        if base is None:
            config = self._published()
        elif minigpt_files.is_authors(base):
            config, _ = self._read(base, META)
        else:
            config = MiniGptConfig.from_pretrained(base, local_files_only=True)
        with torch.device("meta"):
            model = MiniGpt(config)
        return cast(PreTrainedModel, torch.nn.Module.to(model, self.dtype))

    def _read(self, base: Path, device: str) -> tuple[MiniGptConfig, dict[str, torch.Tensor]]:
        shape = minigpt_files.Shape(self.side, self.layers, self.heads, self.neighbours, self.qformer_heads)
        return minigpt_files.read_authors(base, shape, self.lora_alpha, self.dtype, device)

    def _published(self) -> MiniGptConfig:
        vision = Blip2VisionConfig(image_size=self.side, patch_size=self.patch, num_hidden_layers=self.layers)
        language = LlamaConfig(
            vocab_size=32000, hidden_size=4096, intermediate_size=11008, num_hidden_layers=32, num_attention_heads=32,
            max_position_embeddings=4096, rms_norm_eps=1e-5,
        )  # fmt: skip
        return MiniGptConfig(
            vision_config=vision.to_dict(),
            text_config=language.to_dict(),
            qformer=QFORMER if self.queries else None,
            queries=self.queries,
            neighbours=self.neighbours,
        )

    def load_model(self, base: Path, device: str = CPU) -> PreTrainedModel:
        """See Family; a checkpoint's LoRA in the authors' layout is merged."""
        if minigpt_files.is_authors(base):
            config, weights = self._read(base, device)
            return filled(MiniGpt, config, weights, self.dtype, base, device)
        return loaded(MiniGpt, base, self.dtype, device)

    def load_tokenizer(self, base: Path) -> PreTrainedTokenizerBase:
        """See Family; always with the dummy space, the only way that the authors' transformers (4.30) knew."""
        folder = base / "llm" if (base / "llm").is_dir() else base
        tokenizer = load_llama_tokenizer(folder, legacy=True)
        tokenizer.pad_token = self.pad
        return tokenizer

    def pixels(self, image: Image.Image) -> torch.Tensor:
        """Squeezed to a square with Pillow's bicubic filter, CLIP's mean and spread."""
        return normalised(scaled(image.convert("RGB"), self.side, self.side))

    def image_token_id(self, tokenizer: PreTrainedTokenizerBase) -> int:
        """No token: an image's places are filled between two stretches of text."""
        return IMAGE

    def encode_images(self, model: torch.nn.Module, pixels: torch.Tensor) -> torch.Tensor:
        """Tower, norm, and Q-Former or neighbours side by side."""
        whole = cast(MiniGpt, model)
        return whole.encode_images(pixels.to(whole.vision_model.dtype))

    def project(self, model: torch.nn.Module, image_features: torch.Tensor) -> torch.Tensor:
        """One linear layer."""
        projected: torch.Tensor = model.get_submodule(self.projector)(image_features)
        return projected
