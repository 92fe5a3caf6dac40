"""MiniGPT-4's two generations as one model of transformers' parts: EVA-CLIP-g, perhaps a Q-Former, one layer, Llama."""

from __future__ import annotations

from typing import Any, ClassVar, cast

import torch
from torch import nn
from transformers import (
    AutoConfig,
    Blip2QFormerConfig,
    Blip2QFormerModel,
    Blip2VisionConfig,
    Blip2VisionModel,
    GenerationMixin,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedConfig,
    PreTrainedModel,
)

AFTER_TOWER_EPS = 1e-5
"""The norm after the tower is not part of it and was trained with torch's default, unlike the tower's own (1e-6)."""


class MiniGptConfig(PreTrainedConfig):
    """``qformer``: the Q-Former's settings, with ``queries`` query tokens; None: there is none.

    ``neighbours``: how many tokens are put side by side where there is no Q-Former.
    """

    model_type = "minigpt4"
    sub_configs_defaults: ClassVar[dict[str, Any]] = {"vision_config": Blip2VisionConfig, "text_config": LlamaConfig}

    vision_config: dict[str, Any] | PreTrainedConfig | None = None
    text_config: dict[str, Any] | PreTrainedConfig | None = None
    qformer: dict[str, Any] | None = None
    queries: int = 0
    neighbours: int = 1
    tie_word_embeddings: bool = False


class MiniGpt(PreTrainedModel, GenerationMixin):
    """Answers from embeddings in which images have their places; ``see`` and ``llama_proj`` make those."""

    config_class = MiniGptConfig
    base_model_prefix = "minigpt"
    supports_gradient_checkpointing = True
    _supports_sdpa = True
    _supports_flash_attn = True
    _supports_attention_backend = True

    def __init__(self, config: MiniGptConfig) -> None:
        super().__init__(config)
        vision = cast(Blip2VisionConfig, config.vision_config)
        text = cast(LlamaConfig, config.text_config)
        self.vision_model = Blip2VisionModel(vision)
        self.vision_model.post_layernorm.eps = AFTER_TOWER_EPS
        width = vision.hidden_size * config.neighbours
        if config.qformer is not None:
            settings = Blip2QFormerConfig(**config.qformer)
            # it is frozen: its dropout is never on, not even while the rest is trained
            settings.hidden_dropout_prob = settings.attention_probs_dropout_prob = 0.0
            self.qformer = Blip2QFormerModel(settings)
            self.query_tokens = nn.Parameter(torch.zeros(1, config.queries, settings.hidden_size))
            width = settings.hidden_size
        self.llama_proj = nn.Linear(width, text.hidden_size)
        self.language_model = LlamaForCausalLM(text)
        self.post_init()  # type: ignore[no-untyped-call]

    def encode_images(self, pixels: torch.Tensor) -> torch.Tensor:
        """(N, 3, height, width) to what the projector takes, (N, T, V).

        A Q-Former sees every token of the tower, the class token too. Without one, the class token goes and neighbours
        in reading order are put side by side.
        """
        features: torch.Tensor = self.vision_model(pixel_values=pixels).last_hidden_state
        if self.config.qformer is None:
            return features[:, 1:].reshape(len(features), -1, features.shape[-1] * self.config.neighbours)
        queries = self.query_tokens.expand(len(features), -1, -1)
        out = self.qformer(query_embeds=queries, encoder_hidden_states=features)
        return cast(torch.Tensor, out.last_hidden_state)

    def get_input_embeddings(self) -> nn.Module:
        """The language model's."""
        return self.language_model.get_input_embeddings()

    def set_input_embeddings(self, value: nn.Module) -> None:
        """The language model's."""
        self.language_model.set_input_embeddings(value)

    def get_output_embeddings(self) -> nn.Module:
        """The language model's head."""
        return cast(nn.Module, self.language_model.lm_head)

    def get_decoder(self) -> nn.Module:
        """The language model without its head."""
        return cast(nn.Module, self.language_model.model)

    def forward(self, **given: Any) -> Any:
        """The language model's, whose arguments it takes."""
        return self.language_model(**given)


AutoConfig.register(MiniGptConfig.model_type, MiniGptConfig, exist_ok=True)
