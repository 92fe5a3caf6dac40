"""A store with a tiny base and an adapter of it as checkpoints, for whoever answers questions with them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dataengine.backends.directory.store import DirectoryStore
from dataengine.core.artifacts import ArtifactRef
from dataengine.core.identity import digest_of_weights
from dataengine.core.ports import AskStudent
from dataengine.core.questions import AnswerMode
from dataengine.inference.bases import Bases
from dataengine.inference.in_process import InprocessStudent
from dataengine.inference.settings import ServingSettings
from dataengine.student.tiny_llava import TinyLlava
from dataengine.testing.images import noisy_image, plain_image
from dataengine.training.fine_tuning import train
from dataengine.training.recipe import Recipe
from dataengine.training.records import TrainingRecord
from dataengine.wire.documents import CheckpointDoc
from dataengine.wire.trees import put_tree
from tests.unit import micro_student

WORDS = ("what", "color", "is", "the", "thing", "top", "left")


@dataclass(frozen=True, slots=True)
class StudentWorld:
    """`base` and `adapted` are checkpoints in `store`, which lies in `folder`."""

    folder: Path
    store: DirectoryStore
    base: ArtifactRef
    adapted: ArtifactRef

    @property
    def environment(self) -> dict[str, str]:
        """What the served model is told."""
        return {"DATAENGINE_STORE_FOLDER": str(self.folder / "store"), "DATAENGINE_WORK_FOLDER": str(self.folder / "w")}

    def inprocess(self) -> InprocessStudent:
        """The student in this process, on the same store."""
        bases = Bases(ServingSettings(), "cpu")
        return InprocessStudent(
            self.store, self.folder / "inprocess", lambda document: bases.engine_of(document).answer
        )


def build(folder: Path) -> StudentWorld:
    """Random base weights, and an adapter trained on them for two steps."""
    store = DirectoryStore(folder / "store")
    weights = micro_student.build(folder / "base")
    image = folder / "p.png"
    image.write_bytes(plain_image(220, 0, 0))
    record = TrainingRecord(image, (("what color is the thing?", "blue"),))
    recipe = Recipe(max_steps=2, batch_size=2, rank=4, lr=2e-2)
    adapter = train(TinyLlava(), weights, [record] * 4, recipe, folder / "trained").adapter
    base = CheckpointDoc(
        run="r", round=0, family="tiny-llava", base=str(weights), base_digest=digest_of_weights(weights)
    )
    files = put_tree(store, "runs/r/rounds/01/adapter", adapter)
    adapted = base.model_copy(update={"round": 1, "adapter": files})
    return StudentWorld(
        folder,
        store,
        store.claim("runs/r/rounds/00/checkpoint.json", base.encode()),
        store.claim("runs/r/rounds/01/checkpoint.json", adapted.encode()),
    )


def questions(number: int) -> list[AskStudent]:
    """Questions in every mode, about images of which each is asked about several times."""
    modes = (AnswerMode.LIKELIHOOD, AnswerMode.FREE_FORM, AnswerMode.LIKELIHOOD, AnswerMode.LETTER)
    asks = []
    for i in range(number):
        prompt = f"what {' '.join(WORDS[: i % len(WORDS)])}?"
        choices = ("red", "in the top left", "blue", "a green thing")[: 2 + i % 3]
        asks.append(AskStudent(f"q{i}", noisy_image(i % 20), prompt, modes[i % 4], choices, max_tokens=6))
    return asks
