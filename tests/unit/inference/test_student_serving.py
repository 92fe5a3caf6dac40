"""Requests for several checkpoints in one batch: grouped, answered, and failing each for itself."""

import os
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from dataengine.core.artifacts import ArtifactRef
from dataengine.core.errors import ConfigurationError, Rejected, Retryable
from dataengine.core.ports import AskStudent
from dataengine.core.questions import Answer, AnswerMode, NoAnswer
from dataengine.inference.bases import Bases
from dataengine.inference.checkpoints import SPARED_SECONDS, Checkpoints
from dataengine.inference.in_process import CheckpointAnswers
from dataengine.inference.serving import Serving
from dataengine.inference.settings import ServingSettings, serving_settings
from dataengine.testing.memory_store import MemoryStore
from dataengine.wire.documents import CheckpointDoc
from dataengine.wire.inference import Arrays, encode_ask, encode_probe

ASK = AskStudent("q", b"", "what?", AnswerMode.FREE_FORM)


class SometimesAway(MemoryStore):
    def __init__(self) -> None:
        super().__init__()
        self.away: set[str] = set()
        self.reads = 0

    def get(self, ref: ArtifactRef) -> bytes:
        self.reads += 1
        if ref.key in self.away:
            raise Retryable("the store cannot be reached")
        return super().get(ref)


def checkpoint(store: MemoryStore, number: int) -> ArtifactRef:
    adapter = {"adapter_model.safetensors": store.put(f"runs/r/{number}/a.safetensors", str(number).encode())}
    document = CheckpointDoc(run="r", round=number, family="f", base="b", base_digest="d", adapter=adapter)
    return store.claim(f"runs/r/{number}/checkpoint.json", document.encode())


def says_the_adapter(asks: Sequence[AskStudent], adapter: Path | None, checkpoint: str) -> list[Answer | NoAnswer]:
    assert adapter is not None
    text = (adapter / "adapter_model.safetensors").read_text()
    return [Answer(ask.question_id, f"{text} of {len(asks)}", checkpoint) for ask in asks]


@pytest.fixture
def store() -> SometimesAway:
    return SometimesAway()


@pytest.fixture
def serving(store: SometimesAway, tmp_path: Path) -> Serving:
    return Serving(CheckpointAnswers(Checkpoints(store, tmp_path), lambda document: says_the_adapter))


def request(question_id: str, checkpoint: ArtifactRef) -> Arrays:
    return encode_ask(replace(ASK, question_id=question_id), checkpoint)


def test_requests_are_answered_in_order_and_together_by_checkpoint(store: SometimesAway, serving: Serving) -> None:
    one, two = checkpoint(store, 1), checkpoint(store, 2)
    outcomes = serving.respond([request("a", one), request("b", two), request("c", one)])
    assert outcomes == [
        Answer("a", "1 of 2", one.digest),
        Answer("b", "2 of 1", two.digest),
        Answer("c", "1 of 2", one.digest),
    ]


def test_what_fails_fails_alone(store: SometimesAway, serving: Serving) -> None:
    known, away = checkpoint(store, 1), checkpoint(store, 2)
    store.away.add(away.key)
    absent = ArtifactRef("artifact://nothing", "0" * 64, 1)
    answer, no_store, nothing, broken = serving.respond(
        [request("a", known), request("b", away), request("c", absent), encode_probe()]
    )
    assert isinstance(answer, Answer)
    assert isinstance(no_store, Retryable)
    assert isinstance(nothing, Rejected) and isinstance(broken, Rejected)


def test_a_checkpoint_is_read_once_and_its_adapter_kept(store: SometimesAway, serving: Serving) -> None:
    one = checkpoint(store, 1)
    serving.respond([request("a", one)])
    reads, store.away = store.reads, {one.key}
    assert isinstance(serving.respond([request("a", one)])[0], Answer)
    assert store.reads == reads


def test_adapters_unused_for_an_hour_make_room(store: SometimesAway, tmp_path: Path) -> None:
    checkpoints = Checkpoints(store, tmp_path, keep=2)
    folders = [checkpoints.open(checkpoint(store, number)).adapter for number in range(3)]
    assert all(folder is not None and folder.is_dir() for folder in folders), "all were used just now"
    long_ago = time.time() - SPARED_SECONDS - 1
    for age, folder in enumerate(folders):
        assert folder is not None
        os.utime(folder, (long_ago + age, long_ago + age))
    fourth = checkpoints.open(checkpoint(store, 3)).adapter
    assert [folder is not None and folder.is_dir() for folder in (*folders, fourth)] == [False, False, True, True]
    again = checkpoints.open(checkpoint(store, 0)).adapter
    assert again == folders[0] and again is not None and again.is_dir()


def test_settings_come_from_the_environment() -> None:
    settings = serving_settings({"DATAENGINE_STUDENT_BASE": "/weights", "DATAENGINE_STUDENT_KEEP_ADAPTERS": "7"})
    assert (settings.base, settings.keep_adapters, settings.threads) == (Path("/weights"), 7, 1)
    with pytest.raises(ConfigurationError, match="KEEP_ADAPTRS is no setting"):
        serving_settings({"DATAENGINE_STUDENT_KEEP_ADAPTRS": "7"})


def test_a_base_that_is_not_on_this_machine_is_named_with_what_to_do(tmp_path: Path) -> None:
    document = CheckpointDoc(run="r", round=0, family="tiny-llava", base=str(tmp_path / "none"), base_digest="d")
    with pytest.raises(ConfigurationError, match="DATAENGINE_STUDENT_BASE"):
        Bases(ServingSettings(), "cpu").engine_of(document)
