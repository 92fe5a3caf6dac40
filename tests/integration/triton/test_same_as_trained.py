"""What is served is what was trained: the trainer's own model gives an answer the loss that the served one gives it."""

import io
from pathlib import Path

import pytest
import torch
from peft import PeftModel
from PIL import Image

from dataengine.backends.triton.student import TritonStudent
from dataengine.core.questions import Answer
from dataengine.inference.checkpoints import Checkpoints
from dataengine.student.encoding import IGNORED, encode, padded
from dataengine.student.family import token_id
from dataengine.student.tiny_llava import TinyLlava
from dataengine.testing.student_contract import RANK
from dataengine.training.trainer import StudentWithLoss
from tests.student_world import StudentWorld

pytestmark = [pytest.mark.integration]


@torch.no_grad()
def losses_in_training(base: Path, adapter: Path) -> list[float]:
    """The training loss of `RANK` with each of its choices as the answer."""
    family = TinyLlava()
    tokenizer = family.load_tokenizer(base)
    trained = PeftModel.from_pretrained(family.load_model(base), str(adapter)).eval()
    module = StudentWithLoss(trained, family, token_id(tokenizer, family.image_token), sees=False)
    pixels = family.pixels(Image.open(io.BytesIO(RANK.image))).unsqueeze(0)
    losses = []
    for choice in RANK.choices:
        row = encode(family, tokenizer, [(RANK.prompt, choice)])
        losses.append(float(module(padded([row.ids], 0), padded([row.labels], IGNORED), pixels)["loss"]))
    return losses


async def test_a_served_adapter_has_the_losses_of_the_trainers_model(
    student: TritonStudent, world: StudentWorld, tmp_path: Path
) -> None:
    (base,) = await student.answer([RANK], world.base)
    (served,) = await student.answer([RANK], world.adapted)
    assert isinstance(base, Answer) and isinstance(served, Answer)
    adapter = Checkpoints(world.store, tmp_path).open(world.adapted).adapter
    assert adapter is not None
    trained = losses_in_training(world.folder / "base", adapter)
    assert served.choice_losses == pytest.approx(trained, abs=1e-5)
    assert base.choice_losses != pytest.approx(trained, abs=1e-3), "the adapter changes something"
