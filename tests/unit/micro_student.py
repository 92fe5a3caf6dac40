"""A student so small that a test can build, train and ask it in a second."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image

from dataengine.student.tiny_llava import TinyLlava, build_model, build_tokenizer

WORDS = (
    *("what", "color", "is", "the", "thing", "red", "green", "blue"),
    *("in", "top", "left", "a", "picture", "user", "assistant"),
)


def build(folder: Path, seed: int = 0) -> Path:
    """Random base weights with a working tokenizer, saved as files."""
    tokenizer = build_tokenizer(WORDS)
    model = build_model(tokenizer, family=TinyLlava(), seed=seed, vision_width=32, vision_layers=1, width=32, layers=2)
    # random embeddings are so short that a frozen head of them could not say anything with certainty
    model.model.language_model.embed_tokens.weight.data.mul_(10)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def image(color: tuple[int, int, int], side: int = 32) -> bytes:
    """A plain image as PNG bytes."""
    buffer = io.BytesIO()
    Image.new("RGB", (side, side), color).save(buffer, "PNG")
    return buffer.getvalue()
