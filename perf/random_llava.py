"""LLaVA-1.5 of random weights, at its published sizes or tiny: nothing is downloaded, nothing is read from a disk."""

from __future__ import annotations

import io
import random
import re
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Self, cast

import torch
from PIL import Image
from transformers import LlavaConfig, LlavaForConditionalGeneration, PreTrainedModel, PreTrainedTokenizerBase

from dataengine.student.family import token_id
from dataengine.student.llava15 import SYSTEM, Llava15
from dataengine.student.tiny_llava import build_tokenizer
from dataengine.student.weights import CPU
from dataengine.training.records import TrainingRecord

SIZES: dict[str, dict[str, dict[str, int]]] = {
    "7b": {"text": {}, "vision": {}},
    "13b": {
        "text": {"hidden_size": 5120, "intermediate_size": 13824, "num_hidden_layers": 40, "num_attention_heads": 40},
        "vision": {},
    },
    "tiny": {
        "text": {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4,
                 "vocab_size": 480, "max_position_embeddings": 1024},
        "vision": {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2,
                   "image_size": 56},
    },
}  # fmt: skip
"""What differs from LLaVA-1.5-7b's configuration. Vicuna-13b's numbers; tiny: the same architecture for a CPU."""
_WORDS = (
    "red",
    "green",
    "blue",
    "round",
    "square",
    "small",
    "large",
    "left",
    "right",
    "above",
    "below",
    "behind",
    "one",
)
QUESTION = "what is in the picture and where does it stand ?"


@dataclass(frozen=True, slots=True)
class RandomLlava(Llava15):
    """The family ``llava-1.5`` in everything but where its weights come from; folders of weights are never opened.

    The model is made where it will work: ``place`` is torch's name of that device. Prompt, places, LoRA, projector,
    tower and images are the family's.
    """

    size: str = "7b"
    place: str = "cpu"

    @classmethod
    def of(cls, size: str, device: torch.device) -> Self:
        """The family at one of SIZES."""
        vision = _configuration(size).vision_config
        made = cls(side=int(cast(Any, vision).image_size))
        return replace(made, size=size, place=str(device))

    def fitted(self, base: Path) -> Self:
        """As it is."""
        return self

    def skeleton(self, base: Path | None = None) -> PreTrainedModel:
        """See Family."""
        return self._made("meta")

    def load_model(self, base: Path, device: str = CPU) -> PreTrainedModel:
        """See Family; always the same weights, drawn on the device that they are for."""
        torch.manual_seed(0)
        return self._made(self.place)

    def _made(self, place: str) -> PreTrainedModel:
        before = torch.get_default_dtype()
        torch.set_default_dtype(self.dtype)
        try:
            with torch.device(place):
                model = LlavaForConditionalGeneration(_configuration(self.size))
        finally:
            torch.set_default_dtype(before)
        return cast(PreTrainedModel, torch.nn.Module.eval(model))

    def load_tokenizer(self, base: Path) -> PreTrainedTokenizerBase:
        """See Family; every word that the records and questions here are made of is one token."""
        return tokenizer()

    def encode_images(self, model: torch.nn.Module, pixels: torch.Tensor) -> torch.Tensor:
        """See Family; images are brought to where the model is."""
        return Llava15.encode_images(self, model, pixels.to(self.place))


@cache
def tokenizer() -> PreTrainedTokenizerBase:
    """Words as tokens. ``<image>`` is one of them, which is where transformers' own way puts the image."""
    return build_tokenizer([*re.findall(r"\w+", f"{SYSTEM} {QUESTION}"), *_WORDS, *map(str, range(10))])


@cache
def _published() -> LlavaConfig:
    return cast(LlavaConfig, Llava15().skeleton().config)


def _configuration(size: str) -> LlavaConfig:
    config = deepcopy(_published())
    for part, changes in ((config.text_config, SIZES[size]["text"]), (config.vision_config, SIZES[size]["vision"])):
        for name, value in changes.items():
            setattr(part, name, value)
    text, words = cast(Any, config.text_config), tokenizer()
    text.num_key_value_heads = text.num_attention_heads
    text.head_dim = text.hidden_size // text.num_attention_heads
    config.image_token_index = token_id(words, "<image>")
    text.pad_token_id, text.bos_token_id, text.eos_token_id = (token_id(words, t) for t in ("<pad>", "<s>", "</s>"))
    return config


def image(number: int, side: int = 336) -> bytes:
    """A PNG of coloured noise, another one for each number."""
    draw = random.Random(number)
    small = Image.frombytes("RGB", (16, 12), draw.randbytes(16 * 12 * 3))
    buffer = io.BytesIO()
    small.resize((side, side * 3 // 4)).save(buffer, "PNG")
    return buffer.getvalue()


def records(folder: Path, count: int, answer_words: int) -> list[TrainingRecord]:
    """Records of equal length, each with an image of its own below ``folder``: a question, and words as the answer."""
    made = []
    for number in range(count):
        path = folder / f"{number}.png"
        path.write_bytes(image(number))
        words = random.Random(number).choices(_WORDS, k=answer_words)
        made.append(TrainingRecord(path, ((QUESTION, " ".join(words)),)))
    return made
