"""The embedded student: a LLaVA of a few million parameters, built from a configuration."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from PIL import Image
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers
from transformers import (
    CLIPVisionConfig,
    LlamaConfig,
    LlavaConfig,
    LlavaForConditionalGeneration,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    PreTrainedTokenizerFast,
)

from dataengine.student.family import Piece, token_id
from dataengine.student.weights import CPU, loaded

SPECIAL = ("<pad>", "<unk>", "<s>", "</s>", "<image>")
LETTERS = ("A", "B", "C", "D", "E", "F")
"""Option letters are tokens of their own, apart from the article; all other text is lower case."""


@dataclass(frozen=True, slots=True)
class TinyLlava:
    """CLIP tower of one patch per grid cell (9 patches), two-layer projector, Llama of four layers."""

    name: str = "tiny-llava"
    side: int = 96
    patch: int = 32
    image_token: str = "<image>"
    lora_targets: str = r".*language_model.*\.(q|k|v|o|gate|up|down)_proj"
    projector: str = "model.multi_modal_projector"
    vision: str = "model.vision_tower"
    answer_end: str = "</s>"

    @property
    def num_image_tokens(self) -> int:
        """One per patch."""
        return (self.side // self.patch) ** 2

    @property
    def dtype(self) -> torch.dtype:
        """Single precision: the model is so small that conversions would cost more than they save."""
        return torch.float32

    def fitted(self, base: Path) -> TinyLlava:
        """See Family."""
        vision = llava_configuration(base)["vision_config"]
        return replace(self, side=int(vision["image_size"]), patch=int(vision["patch_size"]))

    def skeleton(self, base: Path | None = None) -> PreTrainedModel:
        """See Family."""
        if base is None:
            raise ValueError(f"{self.name} has no published size: name a checkpoint")
        llava_configuration(base)
        with torch.device("meta"):
            return LlavaForConditionalGeneration(LlavaConfig.from_pretrained(base, local_files_only=True))

    def load_model(self, base: Path, device: str = CPU) -> PreTrainedModel:
        """See Family."""
        llava_configuration(base)
        return loaded(LlavaForConditionalGeneration, base, self.dtype, device)

    def load_tokenizer(self, base: Path) -> PreTrainedTokenizerBase:
        """See Family."""
        tokenizer = PreTrainedTokenizerFast.from_pretrained(base, local_files_only=True)
        tokenizer.padding_side = "left"
        return cast(PreTrainedTokenizerBase, tokenizer)

    def pixels(self, image: Image.Image) -> torch.Tensor:
        """Squeezed to the tower's side, scaled to -1..1."""
        small = image.convert("RGB").resize((self.side, self.side), Image.Resampling.BOX)
        array = np.asarray(small, dtype=np.float32) / 127.5 - 1.0
        return torch.from_numpy(array).permute(2, 0, 1).contiguous()

    def prompt(self, turns: Sequence[tuple[str, str | None]], *, with_image: bool = True) -> list[Piece]:
        """``<s>USER: <image>\\nquestion ASSISTANT: answer</s>``, further turns appended."""
        pieces: list[Piece] = []
        places = f"{self.image_token * self.num_image_tokens}\n" if with_image else ""
        for i, (question, answer) in enumerate(turns):
            head = f"<s>USER: {places}" if i == 0 else "USER: "
            pieces.append(Piece(f"{head}{question} ASSISTANT:"))
            if answer is not None:
                pieces.append(Piece(f"{answer}</s>", learned=True))
        return pieces

    def image_token_id(self, tokenizer: PreTrainedTokenizerBase) -> int:
        """The token ``<image>``."""
        return token_id(tokenizer, self.image_token)

    def encode_images(self, model: torch.nn.Module, pixels: torch.Tensor) -> torch.Tensor:
        """The tower's last layer without the class token."""
        tower = model.get_submodule(self.vision)
        hidden: torch.Tensor = tower(pixel_values=pixels).last_hidden_state
        return hidden[:, 1:]

    def project(self, model: torch.nn.Module, image_features: torch.Tensor) -> torch.Tensor:
        """The two-layer projector."""
        projected: torch.Tensor = model.get_submodule(self.projector)(image_features)
        return projected


def llava_configuration(base: Path) -> dict[str, Any]:
    """``config.json`` of a LLaVA in transformers' layout. Raises OSError, or ValueError where it is something else."""
    kind: dict[str, Any] = json.loads((base / "config.json").read_text())
    if kind.get("model_type") != "llava":
        raise ValueError(f"{base}: model_type is {kind.get('model_type')!r}, not 'llava'")
    return kind


def build_tokenizer(words: Iterable[str]) -> PreTrainedTokenizerFast:
    """Words as tokens, any other ASCII word letter by letter; lower case but for option letters."""
    letters = [chr(c) for c in range(33, 127) if not chr(c).isupper()]
    vocabulary = [*SPECIAL, *LETTERS, *letters, *(f"##{c}" for c in letters), *sorted({w.lower() for w in words})]
    ids = {token: i for i, token in enumerate(dict.fromkeys(vocabulary))}
    inner = Tokenizer(models.WordPiece(ids, unk_token="<unk>", max_input_chars_per_word=64))
    inner.normalizer = normalizers.BertNormalizer(lowercase=True)
    inner.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    inner.decoder = decoders.WordPiece()
    inner.add_special_tokens([AddedToken(t, normalized=False) for t in SPECIAL])
    inner.add_tokens([AddedToken(t, single_word=True, normalized=False) for t in LETTERS])
    return PreTrainedTokenizerFast(
        tokenizer_object=inner,
        pad_token="<pad>",
        unk_token="<unk>",
        bos_token="<s>",
        eos_token="</s>",
        additional_special_tokens=["<image>"],
        padding_side="left",
        clean_up_tokenization_spaces=False,
    )


def build_model(
    tokenizer: PreTrainedTokenizerBase,
    *,
    family: TinyLlava,
    seed: int,
    vision_width: int = 192,
    vision_layers: int = 3,
    width: int = 160,
    layers: int = 4,
) -> LlavaForConditionalGeneration:
    """The model with random weights, drawn from the seed."""
    torch.manual_seed(seed)
    config = LlavaConfig(
        vision_config=_vision(family, vision_width, vision_layers),
        text_config=_language(tokenizer, width, layers),
        image_token_index=token_id(tokenizer, "<image>"),
        vision_feature_layer=-1,
        vision_feature_select_strategy="default",
        image_seq_length=family.num_image_tokens,
        tie_word_embeddings=True,
    )
    return LlavaForConditionalGeneration(config)


def _vision(family: TinyLlava, width: int, layers: int) -> CLIPVisionConfig:
    return CLIPVisionConfig(
        hidden_size=width,
        intermediate_size=512,
        num_hidden_layers=layers,
        num_attention_heads=width // 32,
        image_size=family.side,
        patch_size=family.patch,
        projection_dim=width,
    )


def _language(tokenizer: PreTrainedTokenizerBase, width: int, layers: int) -> LlamaConfig:
    return LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=width,
        intermediate_size=448,
        num_hidden_layers=layers,
        num_attention_heads=width // 32,
        num_key_value_heads=width // 32,
        max_position_embeddings=512,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        tie_word_embeddings=True,
    )
