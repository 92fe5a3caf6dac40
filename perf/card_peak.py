"""What a card could do at most, and how much arithmetic a training step is.

Model FLOPs of one step, with P weights in the decoder's matrices (with the head's, without embeddings), t trained ones,
L layers of width h, N records of T tokens, of which n carry a label::

    forward            2 N T (P - P_head) + 2 N n P_head + 2 N T^2 h L
    backward           the same again for activations, and 2 N T t for the gradients of what is trained
    projector          2 (forward) + 2 (its gradients) for each of its weights and of the image's tokens

2 a weight and token is a multiplication and an addition; 2 T^2 h L is attention's scores and values (2 x 2 T^2 h) under
a causal mask, which needs half. Frozen weights take no gradient: that third of a full training's 6 N T P (Chowdhery et
al., PaLM, 2204.02311, appendix B) does not exist under LoRA. The vision tower is not counted, nor the head where no
label is. MFU, model FLOPs utilisation, is these FLOPs a second over the card's peak; HFU, of the hardware, counts
recomputation (gradient checkpointing: the decoder's forward once more) too (Korthikanti et al., 2205.05198, 6.3).
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass

import torch

from dataengine.training.memory import Batch

PEAKS: dict[str, tuple[float, str]] = {
    r"B200": (2250e12, "NVIDIA Blackwell datasheet: 4.5 PFLOPS with sparsity"),
    r"H200": (989e12, "NVIDIA H200 datasheet: 1,979 TFLOPS with sparsity"),
    r"H100 NVL": (835e12, "NVIDIA H100 datasheet: 1,671 TFLOPS with sparsity"),
    r"H100 PCIe": (756e12, "NVIDIA H100 datasheet: 1,513 TFLOPS with sparsity"),
    r"H100": (989e12, "NVIDIA H100 datasheet, SXM: 1,979 TFLOPS with sparsity"),
    r"A100": (312e12, "NVIDIA A100 datasheet: 312 TFLOPS"),
    r"A40": (149.7e12, "NVIDIA A40 datasheet: 149.7 TFLOPS"),
    r"A30": (165e12, "NVIDIA A30 datasheet: 165 TFLOPS"),
    r"A10": (125e12, "NVIDIA A10 datasheet: 125 TFLOPS"),
    r"L40S": (362e12, "NVIDIA L40S datasheet: 362 TFLOPS"),
    r"L4": (121e12, "NVIDIA L4 datasheet: 242 TFLOPS with sparsity"),
    r"RTX 4090": (165.2e12, "NVIDIA Ada architecture whitepaper: 165.2 TFLOPS with FP32 accumulation"),
    r"RTX 3090": (71e12, "NVIDIA GA102 architecture whitepaper: 71 TFLOPS with FP32 accumulation"),
}
"""Dense bf16 products by what a card's name contains; half of what is printed with sparsity. The first match counts."""
_SIDE = {"cuda": 8192, "cpu": 512}
_PRODUCTS = 10


@dataclass(frozen=True, slots=True)
class Peak:
    """FLOPs a second, and where the number comes from."""

    flops: float
    source: str


def card_name(device: torch.device) -> str:
    """The card's own name, or the processor's kind."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"


def known_peak(name: str) -> Peak | None:
    """The published peak of a card of that name."""
    for part, (flops, source) in PEAKS.items():
        if re.search(rf"\b{part}\b", name):
            return Peak(flops, source)
    return None


def peak_of(device: torch.device) -> Peak:
    """The published peak; of a card that is not in the table, what a large matrix product reaches here."""
    return known_peak(card_name(device)) or _measured(device)


def _measured(device: torch.device) -> Peak:
    """The best of ten square bf16 products (on a CPU fp32, which it has units for)."""
    kind = torch.bfloat16 if device.type == "cuda" else torch.float32
    side = _SIDE["cuda" if device.type == "cuda" else "cpu"]
    a, b = (torch.randn(side, side, device=device, dtype=kind) for _ in range(2))
    best = float("inf")
    for _ in range(_PRODUCTS):
        waited_for(device)
        began = time.perf_counter()
        a @ b
        waited_for(device)
        best = min(best, time.perf_counter() - began)
    return Peak(2 * side**3 / best, f"measured: product of two {side} x {side} matrices, {kind}")


def waited_for(device: torch.device) -> None:
    """Let the card finish what it was given, so that a clock may be read."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """The numbers of weights that the formula above speaks of."""

    decoder: int
    head: int
    lora: int
    projector: int
    layers: int
    width: int

    def step(self, batch: Batch, num_image_tokens: int, *, again: bool) -> float:
        """FLOPs of one training step; ``again``: with the decoder's forward pass once more."""
        tokens, answers = batch.records * batch.tokens, batch.records * batch.answer_tokens
        attention = 2 * batch.records * batch.tokens**2 * self.width * self.layers
        layers = 2 * tokens * (self.decoder + self.lora) + attention
        head = 2 * answers * self.head
        backward = layers + head + 2 * tokens * self.lora
        projected = 4 * batch.records * num_image_tokens * self.projector
        return float(layers * (2 if again else 1) + head + backward + projected)
