"""The real families at the size of a test: the parity vectors' tiny models, where an engine and a trainer load them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from dataengine.student.family import Family
from dataengine.student.llava15 import Llava15
from dataengine.student.minigpt4 import MiniGpt4
from dataengine.student.minigpt4_v2 import MiniGpt4V2
from tests.golden.parity.vectors import HERE, Vectors, copy, vectors


@dataclass(frozen=True)
class Real:
    """A family, its vectors, and the questions that the vectors' greedy tokens answer, for `wide` and `tall`."""

    family: Family
    vectors: Vectors
    questions: tuple[str, str]
    left_out: str

    def base(self, folder: Path) -> Path:
        """The base without any fine-tuning, in the authors' layout, in a folder of its own."""
        return copy(self.vectors.folder.name, folder, self.left_out)


SHORT = "Answer the question using a single word or phrase."
LETTER = "Answer with the option's letter from the given choices directly."
REAL: dict[str, Callable[[], Real]] = {
    "llava-1.5": lambda: Real(
        Llava15(dtype=torch.float32),
        vectors("llava-1.5"),
        (f"What is the colour of the square?\n{SHORT}", f"How many circles?\nA. 1\nB. 2\n{LETTER}"),
        "lora",
    ),
    "minigpt4-v2": lambda: Real(
        MiniGpt4V2(side=84, layers=3, heads=4, lora_alpha=2, dtype=torch.float32),
        vectors("minigpt4-v2"),
        tuple(vectors("minigpt4-v2").told["eval_questions"]),
        "no-such-file",
    ),
    "minigpt4": lambda: Real(
        MiniGpt4(side=56, layers=3, heads=4, qformer_heads=4, queries=8, dtype=torch.float32),
        vectors("minigpt4"),
        ("What is the colour of the square?", "How many?"),
        "no-such-file",
    ),
}


def image(name: str) -> bytes:
    return (HERE / "images" / f"{name}.png").read_bytes()
