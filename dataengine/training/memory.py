"""How much memory a training step takes, told from a model's shapes alone.

On one device, in bytes, with e = 2 bytes a number under bf16 autocast and 4 in fp32, N tokens in a batch (records x the
longest record), h, f, k the decoder's hidden, feed-forward and key width, a its heads, r the LoRA rank:

- weights: every parameter in the precision it is served in, and in fp32 what is trained (LoRA's A and B of r (in + out)
  for each adapted layer; the projector as a copy beside the frozen one, which is how peft keeps it);
- gradients: 4 a trained number. Optimizer: AdamW's two moments, 8 a trained number;
- activations: what autograd keeps for the backward pass. Frozen layers keep nothing, an adapted one keeps its input.
  Per token and decoder layer: two norms 4 h each; the inputs of adapted layers, which queries, keys and values share,
  and gate and up (with dropout each layer keeps its own, and a mask of 1 byte); e (2 h + 2 k) and 4 a for queries,
  keys, values and result of attention, which keeps no matrix of scores (flash attention); 3 e f for the gated
  feed-forward; e r for each adapted layer. With recomputation (gradient checkpointing) 4 h per layer, and one layer in
  full;
- head: logits of answer tokens in fp32, their log-softmax, and their gradient;
- working space: gradients of one layer's largest tensors.

Counting activations tensor by tensor follows Korthikanti et al., Reducing Activation Recomputation in Large Transformer
Models (2205.05198), section 4, for Llama's layer with frozen weights; sharing out over devices as in ZeRO-3 divides
weights, gradients and optimizer by their number (Rajbhandari et al., 1910.02054). Fragmentation and the device's own
context (0.5 to 1 GiB on a GPU) come on top.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields

from torch import nn
from transformers import PreTrainedModel

from dataengine.student.registry import AnyFamily
from dataengine.training.recipe import Recipe

_FP32 = 4
_PROMPT_TOKENS = 128
_MOMENTS = 2 * _FP32


@dataclass(frozen=True, slots=True)
class TrainingMemory:
    """Bytes on one device."""

    weights: float
    trained: float
    gradients: float
    optimizer: float
    activations: float
    head: float
    working: float

    @property
    def total(self) -> float:
        """All of it, as if it lived at once."""
        return float(sum(getattr(self, field.name) for field in fields(self)))


@dataclass(frozen=True, slots=True)
class Batch:
    """What is trained on at once: records, the tokens of the longest with its image's, answer tokens of each."""

    records: int
    tokens: int
    answer_tokens: int


def longest_batch(family: AnyFamily, recipe: Recipe) -> Batch:
    """The largest batch that the recipe allows."""
    answer = recipe.longest_answer or recipe.max_length
    tokens = min(recipe.max_length, family.num_image_tokens + _PROMPT_TOKENS + answer)
    return Batch(recipe.batch_size, tokens, min(answer, tokens - family.num_image_tokens))


def training_memory(
    family: AnyFamily, model: PreTrainedModel, recipe: Recipe, batch: Batch, devices: int = 1, mask_bytes: int = 1
) -> TrainingMemory:
    """The memory of a training step; `model` may be a skeleton without weights.

    `devices` share weights, gradients and optimizer out among them (1: each has all). A dropout mask takes `mask_bytes`
    a number (1 on a GPU, 4 on a CPU).
    """
    held = sum(p.numel() * (_FP32 if recipe.precision == "fp32" else p.element_size()) for p in model.parameters())
    adapted = _adapted(family, model, recipe)
    lora = sum(recipe.rank * (layer.in_features + layer.out_features) for layer in adapted.values())
    trained = lora + _whole(family, model, recipe)
    layer = _Layer.of(model, adapted, recipe, mask_bytes)
    tokens = batch.records * batch.tokens
    kept = layer.kept
    layers = layer.count * (layer.residual if recipe.gradient_checkpointing else kept)
    again = kept if recipe.gradient_checkpointing else 0.0
    answers = batch.records * batch.answer_tokens
    return TrainingMemory(
        weights=held / devices,
        trained=trained * _FP32 / devices,
        gradients=trained * _FP32 / devices,
        optimizer=trained * _MOMENTS / devices,
        activations=tokens * (layers + again) + _projected(family, model, recipe, batch),
        head=answers * layer.vocabulary * (3 * _FP32 + (0 if layer.number == _FP32 else layer.number)),
        working=tokens * layer.number * 3 * layer.feed_forward,
    )


def _adapted(family: AnyFamily, model: nn.Module, recipe: Recipe) -> dict[str, nn.Linear]:
    """The layers that LoRA adapts, as peft finds them: by the whole name."""
    pattern = re.compile(recipe.targets or family.lora_targets)
    return {
        name: module
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear) and pattern.fullmatch(name)
    }


def _whole(family: AnyFamily, model: nn.Module, recipe: Recipe) -> int:
    """Numbers that are trained in full."""
    prefixes = [family.projector] * recipe.train_projector + [family.vision] * recipe.train_vision
    prefixes = [prefix for prefix in prefixes if prefix]
    return sum(p.numel() for name, p in model.named_parameters() if name.startswith(tuple(prefixes)) and prefixes)


def _projected(family: AnyFamily, model: nn.Module, recipe: Recipe, batch: Batch) -> float:
    """What the projector keeps, and the tower where it is trained (17 numbers a token, width and layer: 2205.05198)."""
    number = 2 if recipe.precision == "bf16" else _FP32
    widths = sum(
        module.in_features + module.out_features
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear) and family.projector and name.startswith(family.projector)
    )
    kept = batch.records * family.num_image_tokens * number * widths if recipe.train_projector else 0.0
    if recipe.train_vision:
        tower = [
            m for name, m in model.named_modules() if isinstance(m, nn.LayerNorm) and name.startswith(family.vision)
        ]
        kept += batch.records * family.num_image_tokens * number * 17 * sum(m.normalized_shape[0] for m in tower) / 2
    return kept


@dataclass(frozen=True, slots=True)
class _Layer:
    """A decoder layer: bytes that it keeps per token."""

    count: int
    vocabulary: int
    feed_forward: int
    number: int
    residual: float
    kept: float

    @classmethod
    def of(cls, model: PreTrainedModel, adapted: dict[str, nn.Linear], recipe: Recipe, mask_bytes: int) -> _Layer:
        config = model.get_decoder().config
        hidden, feed = int(config.hidden_size), int(config.intermediate_size)
        heads = int(config.num_attention_heads)
        keys = hidden // heads * int(getattr(config, "num_key_value_heads", None) or heads)
        number = 2 if recipe.precision == "bf16" else _FP32
        count = int(config.num_hidden_layers)
        inputs = _inputs(adapted, count, recipe.dropout > 0, number, mask_bytes)
        attention = number * (2 * hidden + 2 * keys) + _FP32 * heads
        lora = number * recipe.rank * len(adapted) / count
        kept = 2 * _FP32 * hidden + inputs + attention + 3 * number * feed + lora
        return cls(count, int(config.vocab_size), feed, number, float(_FP32 * hidden), kept)


_SHARED = {"q_proj": "attention", "k_proj": "attention", "v_proj": "attention", "gate_proj": "feed", "up_proj": "feed"}


def _inputs(adapted: dict[str, nn.Linear], count: int, drops: bool, number: int, mask_bytes: int) -> float:
    """Bytes per token and layer for the inputs that adapted layers keep."""
    if drops:
        return sum(layer.in_features * (number + mask_bytes) for layer in adapted.values()) / count
    kinds = {_SHARED.get(name.rsplit(".", 1)[-1], name.rsplit(".", 1)[-1]): m for name, m in adapted.items()}
    return float(sum(module.in_features * number for module in kinds.values()))
