"""LLaVA-1.5: CLIP ViT-L/14 at 336 pixels, a two-layer projector, Vicuna v1.5. transformers' own implementation.

Weights in the hub's layout (``llava-hf/llava-1.5-7b-hf``) or the authors' (see ``llava_files``). What is trained: LoRA
on every linear layer of the language model but ``lm_head``, and the projector at a learning rate of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import torch
from PIL import Image
from transformers import (
    CLIPVisionConfig,
    LlamaConfig,
    LlavaConfig,
    LlavaForConditionalGeneration,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from dataengine.student import llava_files
from dataengine.student.family import IMAGE, Piece
from dataengine.student.images import centre_crop, normalised, on_a_square, scaled
from dataengine.student.sentencepieces import load_llama_tokenizer
from dataengine.student.tiny_llava import llava_configuration
from dataengine.student.weights import CPU, filled, loaded

SYSTEM = (
    "A chat between a curious user and an artificial intelligence assistant. "
    "The assistant gives helpful, detailed, and polite answers to the user's questions."
)
"""The system prompt of Vicuna v1, which LLaVA-1.5 was trained with."""


@dataclass(frozen=True, slots=True)
class Llava15:
    """The family at its published size; ``fitted`` takes the size from a checkpoint.

    ``pad_to_square``: as LLaVA-1.5 was trained; without it an image is cropped to its middle (LLaVA-1). ``legacy``:
    see ``load_llama_tokenizer``; None follows the checkpoint. ``dtype`` is bfloat16 and not the authors' float16,
    because one precision then serves the CPU, training and every card of the last years, and cannot overflow.
    """

    name: str = "llava-1.5"
    side: int = 336
    patch: int = 14
    layer: int = -2
    pad_to_square: bool = True
    legacy: bool | None = None
    dtype: torch.dtype = torch.bfloat16
    image_token: str = "<image>"
    lora_targets: str = r".*language_model.*\.(q|k|v|o|gate|up|down)_proj"
    projector: str = "model.multi_modal_projector"
    vision: str = "model.vision_tower"
    answer_end: str = "</s>"

    @property
    def num_image_tokens(self) -> int:
        """One per patch: 576."""
        return (self.side // self.patch) ** 2

    def fitted(self, base: Path) -> Llava15:
        """See Family."""
        config = self._configuration(base)
        vision = cast(CLIPVisionConfig, config.vision_config)
        layer = cast(int, config.vision_feature_layer)
        return replace(self, side=cast(int, vision.image_size), patch=cast(int, vision.patch_size), layer=layer)

    def _configuration(self, base: Path) -> LlavaConfig:
        if llava_files.is_authors(base):
            return llava_files.configuration(base, self.layer)
        llava_configuration(base)
        return LlavaConfig.from_pretrained(base, local_files_only=True)

    def skeleton(self, base: Path | None = None) -> PreTrainedModel:
        """See Family; the published size is LLaVA-1.5-7b's."""
        config = _published() if base is None else self._configuration(base)
        with torch.device("meta"):
            model = LlavaForConditionalGeneration(config)
        return cast(PreTrainedModel, torch.nn.Module.to(model, self.dtype))

    def load_model(self, base: Path, device: str = CPU) -> PreTrainedModel:
        """See Family; a LoRA in the authors' layout is merged, as their loader does."""
        if llava_files.is_authors(base):
            config = llava_files.configuration(base, self.layer)
            weights = llava_files.read_authors(base, self.dtype, device)
            return filled(LlavaForConditionalGeneration, config, weights, self.dtype, base, device)
        llava_configuration(base)
        return loaded(LlavaForConditionalGeneration, base, self.dtype, device)

    def load_tokenizer(self, base: Path) -> PreTrainedTokenizerBase:
        """See Family; where there is no padding token it is the unknown one, as the authors set it."""
        tokenizer = load_llama_tokenizer(llava_files.language_folder(base), legacy=self.legacy)
        if tokenizer.pad_token is None:
            tokenizer.pad_token = tokenizer.unk_token
        return tokenizer

    def pixels(self, image: Image.Image) -> torch.Tensor:
        """On a square of CLIP's mean colour, or cropped; scaled with a bicubic filter, CLIP's mean and spread."""
        colours = image.convert("RGB")
        if self.pad_to_square:
            return normalised(scaled(on_a_square(colours), self.side, self.side))
        return normalised(centre_crop(colours, self.side))

    def prompt(self, turns: Sequence[tuple[str, str | None]], *, with_image: bool = True) -> list[Piece]:
        """``vicuna_v1``: system, ``USER: <image>\\nquestion ASSISTANT: answer</s>USER: …``; no space after ``</s>``."""
        pieces = [Piece("<s>"), Piece(f"{SYSTEM} USER: ")]
        if with_image:
            pieces.append(Piece("", image=True))
        for i, (question, answer) in enumerate(turns):
            head = "USER: " if i else "\n" if with_image else ""
            pieces.append(Piece(f"{head}{question} ASSISTANT:", joined=i > 0 or not with_image))
            if answer is not None:
                pieces.append(Piece(f" {answer}</s>", learned=True, joined=True))
        return pieces

    def image_token_id(self, tokenizer: PreTrainedTokenizerBase) -> int:
        """No token: the authors' vocabulary has none, and a ``<image>`` in a question must not become an image."""
        return IMAGE

    def encode_images(self, model: torch.nn.Module, pixels: torch.Tensor) -> torch.Tensor:
        """The output of the last layer but one, without the class token and without the tower's last norm."""
        tower = cast(PreTrainedModel, model.get_submodule(self.vision))
        hidden = tower(pixel_values=pixels.to(tower.dtype), output_hidden_states=True).hidden_states
        return cast(torch.Tensor, hidden[self.layer][:, 1:])

    def project(self, model: torch.nn.Module, image_features: torch.Tensor) -> torch.Tensor:
        """The two-layer projector."""
        projected: torch.Tensor = model.get_submodule(self.projector)(image_features)
        return projected


def _published() -> LlavaConfig:
    vision = CLIPVisionConfig(
        hidden_size=1024, intermediate_size=4096, num_hidden_layers=24, num_attention_heads=16,
        image_size=336, patch_size=14, projection_dim=768,
    )  # fmt: skip
    language = LlamaConfig(
        vocab_size=32000, hidden_size=4096, intermediate_size=11008, num_hidden_layers=32, num_attention_heads=32,
        max_position_embeddings=4096, rms_norm_eps=1e-5, pad_token_id=0,
    )  # fmt: skip
    return LlavaConfig(vision_config=vision, text_config=language, image_token_index=IMAGE)
