"""What a model family is: everything that serving and training must agree on, in one place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, cast

import torch
from PIL import Image
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from dataengine.student.weights import CPU

IMAGE = -200
"""Stands in token ids for one place of the image, where a family's vocabulary has no token for it. Never embedded."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of prompt text.

    ``learned``: training takes its loss here (it is an answer). ``joined``: tokenised as one text with the piece before
    it. ``image``: no text, but the image's places.
    """

    text: str
    learned: bool = False
    joined: bool = False
    image: bool = False


class Family(Protocol):
    """A kind of student. A family holds no weights: it knows how to load them and how to speak to them.

    Sizes below: N images, T image tokens per image, V the vision tower's width, H the language model's width.
    """

    @property
    def name(self) -> str:
        """The registry's name."""

    @property
    def image_token(self) -> str:
        """The token text that stands for one place of the image in the prompt."""

    @property
    def num_image_tokens(self) -> int:
        """T: how many such places one image fills."""

    @property
    def answer_end(self) -> str:
        """The text that ends an answer: what stands before it has been said."""

    @property
    def lora_targets(self) -> str:
        """Regular expression over module names (peft's form) for every linear layer that LoRA adapts by default."""

    @property
    def projector(self) -> str:
        """Name prefix of the projector's parameters: trained in full beside LoRA, at a learning rate of its own."""

    @property
    def vision(self) -> str:
        """Name prefix of the vision tower's parameters: frozen unless a recipe says otherwise."""

    @property
    def dtype(self) -> torch.dtype:
        """The precision in which the family is served."""

    def fitted(self, base: Path) -> Family:
        """This family with the image's size that the weights at ``base`` were made for. Raises as ``load_model``."""

    def skeleton(self, base: Path | None = None) -> PreTrainedModel:
        """The model without memory for its weights (torch's meta device), of the published size or of ``base``'s.

        Raises as ``load_model``, and ValueError where a family has no published size and ``base`` is None.
        """

    def load_model(self, base: Path, device: str = CPU) -> PreTrainedModel:
        """The model in ``dtype``, in evaluation mode; ``device`` is ``weights.CPU`` or ``weights.META``.

        On META it has no numbers: of the files only headers are read, and checked as far as headers tell (whole files,
        names, shapes). Raises OSError where files are missing, ValueError where they are torn or not this family's.
        """

    def load_tokenizer(self, base: Path) -> PreTrainedTokenizerBase:
        """The tokenizer that belongs to the weights; pad and end tokens are set."""

    def pixels(self, image: Image.Image) -> torch.Tensor:
        """The image as the tower wants it: float32, (3, height, width)."""

    def prompt(self, turns: Sequence[tuple[str, str | None]], *, with_image: bool = True) -> list[Piece]:
        """The dialogue as text with the image's places before the first question, or, not ``with_image``, without any.

        A turn is (question, answer); None in the last turn asks for an answer: the text then ends where it begins.
        """

    def image_token_id(self, tokenizer: PreTrainedTokenizerBase) -> int:
        """What stands in token ids for one place of the image: a token of the vocabulary, or IMAGE."""

    def encode_images(self, model: torch.nn.Module, pixels: torch.Tensor) -> torch.Tensor:
        """Run the vision tower: (N, 3, height, width) to (N, T, V). Does not depend on LoRA or projector."""

    def project(self, model: torch.nn.Module, image_features: torch.Tensor) -> torch.Tensor:
        """Run the projector: (N, T, V) to (N, T, H)."""


def token_id(tokenizer: PreTrainedTokenizerBase, token: str) -> int:
    """The id of one token of the vocabulary."""
    return cast(int, tokenizer.convert_tokens_to_ids(token))


def embed(model: PreTrainedModel, ids: torch.Tensor, image_token_id: int, projected: torch.Tensor) -> torch.Tensor:
    """Embeddings of (N, L) token ids with the image's places filled, in order, from ``projected`` (P, T, H).

    P is the number of rows that have an image; the others have no such places.
    """
    embeddings: torch.Tensor = model.get_input_embeddings()(ids.clamp(min=0))
    places = (ids == image_token_id).unsqueeze(-1)
    return embeddings.masked_scatter(places, projected.to(embeddings.dtype))
