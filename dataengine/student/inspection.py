"""What a model of any kind is made of, by looking at it: language model, what LoRA adapts, projector, vision tower."""

from __future__ import annotations

import re
from typing import cast

from torch import nn
from transformers import PreTrainedModel

_PROJECTOR = re.compile(
    r"(multi_modal_projector|multimodal_projector|mm_projector|connector|merger|aligner|embed_vision)$"
)
_TOWER = re.compile(r"(vision_tower|vision_model|visual|vision_encoder|image_encoder)$")


def language_model(model: PreTrainedModel) -> str:
    """The name of the decoder that writes the answer. Raises ValueError where the model names none of its own."""
    decoder = model.get_decoder()
    for name, module in model.named_modules():
        if module is decoder and name:
            return str(name)
    raise ValueError(f"{type(model).__name__}: no part of it is its language model")


def lora_targets(model: PreTrainedModel) -> str:
    """Regular expression (peft's form: the whole name) for every linear layer of the language model's layers.

    The head and embeddings are no layers of it, and the vision tower and projector stay as they are.
    """
    decoder = language_model(model)
    inner = f"{decoder}."
    names = [name for name, module in model.named_modules() if isinstance(module, nn.Linear) and name.startswith(inner)]
    heads = [id(head) for head in (model.get_output_embeddings(),) if head is not None]
    kinds = {name.rsplit(".", 1)[-1] for name in names if id(model.get_submodule(name)) not in heads}
    if not kinds:
        raise ValueError(f"{type(model).__name__}: its language model has no linear layer")
    return rf"{re.escape(decoder)}\..*\.({'|'.join(sorted(kinds))})"


def projector(model: PreTrainedModel) -> str | None:
    """The name of what brings image features to the language model's width, or None where it cannot be told."""
    return _first(model, _PROJECTOR)


def vision_tower(model: PreTrainedModel) -> str | None:
    """The name of the vision tower, or None where it cannot be told."""
    return _first(model, _TOWER)


def _first(model: PreTrainedModel, pattern: re.Pattern[str]) -> str | None:
    found = [name for name, _ in model.named_modules() if pattern.search(name)]
    return min(found, key=lambda name: (name.count("."), found.index(name)), default=None)


def longest_text(model: PreTrainedModel) -> int | None:
    """The most tokens that the language model has positions for; None where its configuration does not say."""
    most = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    return cast("int | None", most)
