"""The ports: what the services need of the outside, as Protocols. Each has a contract suite in `dataengine.testing`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, runtime_checkable

from dataengine.core.artifacts import ArtifactRef
from dataengine.core.images import Annotations, PoolImage
from dataengine.core.questions import Answer, AnswerMode, NoAnswer


@dataclass(frozen=True, slots=True)
class Message:
    """Bytes on a topic. Headers are CloudEvents attributes in binary mode (`ce_id`, `ce_type`, …) and `traceparent`.

    `at` is when the bus got it (seconds since 1970, on the bus's own clock), on messages that a bus gives out. Whoever
    publishes leaves it alone, and it is no part of what a message says: two that differ in it alone are equal.
    """

    topic: str
    key: str
    value: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    at: float | None = field(default=None, compare=False)


class Delivery(Protocol):
    """A message handed to one subscriber. Its partition stays closed until it is committed or released."""

    @property
    def message(self) -> Message:
        """The message."""

    @property
    def lost(self) -> bool:
        """True once the partition belongs to somebody else: stop working on it and do not commit."""

    async def commit(self) -> None:
        """Say that everything that follows from the message has been done."""

    async def release(self) -> None:
        """Give it back: it is delivered again, to this subscriber or to another one of the group."""


class Subscription(Protocol):
    """One member of a group that shares topics."""

    async def next(self) -> Delivery:
        """Wait for the next message of a partition that has no open delivery."""

    async def close(self) -> None:
        """Leave the group. Open deliveries are released."""


class Bus(Protocol):
    """A durable, ordered-by-key, at-least-once bus. Raises Retryable when it cannot be reached."""

    async def publish(self, messages: Sequence[Message]) -> None:
        """Return when every message is durable."""

    async def subscribe(self, group: str, topics: Sequence[str]) -> Subscription:
        """Join `group` on `topics`, from the oldest message that the group has not committed."""

    async def history(self, topics: Sequence[str]) -> Sequence[Message]:
        """Every message on `topics`, in order per key, for those who only read."""

    async def lag(self, group: str, topics: Sequence[str]) -> Mapping[str, int]:
        """Messages per topic that the group has not committed."""

    async def close(self) -> None:
        """Flush and disconnect."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """`number` counts from 1 and was recorded before the work began; `outputs` is what followed from the event
    if a former attempt got so far, else None."""

    number: int
    outputs: tuple[Message, ...] | None


class Ledger(Protocol):
    """Remembers per consumer and event id how often it was tried and what followed from it."""

    async def begin(self, consumer: str, event_id: str) -> Attempt:
        """Count one more attempt, durably, and say what is known."""

    async def forgive(self, consumer: str, event_id: str) -> None:
        """Take one attempt back: the world was not ready, the event is not to blame."""

    async def finish(self, consumer: str, event_id: str, outputs: Sequence[Message]) -> None:
        """Record what follows from the event; the first record wins."""

    async def forget(self, consumer: str, event_id: str) -> None:
        """Drop what is known, so that a parked event can be replayed."""


class Store(Protocol):
    """Artifacts by key. Blocking: call it off the event loop. Raises Retryable when unreachable, Rejected when bytes
    are absent or do not have their digest."""

    def put(self, key: str, data: bytes) -> ArtifactRef:
        """Write `data` under `content_key(key, digest)`. Writing the same twice is writing once."""

    def put_file(self, key: str, path: Path) -> ArtifactRef:
        """The same for a file, without reading it into memory whole."""

    def claim(self, key: str, data: bytes) -> ArtifactRef:
        """Write `data` under exactly `key` unless something stands there; return the ref of what stands there then."""

    def find(self, key: str) -> ArtifactRef | None:
        """The ref of what stands under exactly `key`, or None."""

    def get(self, ref: ArtifactRef) -> bytes:
        """The bytes, checked against the digest."""

    def local(self, ref: ArtifactRef) -> Path:
        """A local read-only file with the bytes, checked against the digest."""

    def keys(self, prefix: str) -> Iterator[str]:
        """Every key that starts with `prefix`, sorted."""


@dataclass(frozen=True, slots=True)
class AskStudent:
    """One question to the student: the image's bytes, the prompt's text, how to answer, and the choices to rank.

    An empty `image` asks without one: the family's prompt then has no place for an image.
    """

    question_id: str
    image: bytes
    prompt: str
    mode: AnswerMode
    choices: tuple[str, ...] = ()
    max_tokens: int = 16


class Student(Protocol):
    """The model being improved, with any of its checkpoints."""

    async def answer(self, asks: Sequence[AskStudent], checkpoint: ArtifactRef) -> Sequence[Answer | NoAnswer]:
        """Answers in the order of `asks`. A question that cannot be asked is a NoAnswer; raises Retryable when the
        student as a whole cannot be reached."""


@dataclass(frozen=True, slots=True)
class TeacherReply:
    """What the teacher wrote, and what it cost.

    `refused` is not empty where this one request cannot be answered, whatever is done: it names the refusal
    (`content-filter`, `context-length`, `truncated`, …), and `why` says more. Such a reply is kept like any other.
    """

    text: str
    prompt_tokens: int
    completion_tokens: int
    model: str
    refused: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True)
class TeacherRequest:
    """One request: `system` and `user` text, decoding options, a seed, and optionally the image itself. An option that
    is None is the model's own. `schema` is the JSON schema of the reply where it is to be JSON, as a text."""

    system: str
    user: str
    temperature: float | None = 0.7
    top_p: float | None = 0.9
    max_tokens: int = 800
    seed: int = 0
    image: bytes | None = None
    schema: str = ""


class Teacher(Protocol):
    """The model that writes data. Raises Retryable for what may pass (429, 5xx, time-out, silence), and Rejected for
    what no request gets over (a wrong key, an unknown model, a used-up account)."""

    async def write(self, request: TeacherRequest) -> TeacherReply:
        """The reply to one request, or a refusal of this one request (`TeacherReply.refused`)."""

    async def close(self) -> None:
        """Give back what it holds (connections); it is not asked any more. Closing twice is closing once."""


class ImageSource(Protocol):
    """A pool of images that are described. Raises InputError for broken files."""

    def images(self) -> Sequence[PoolImage]:
        """Every image, in a fixed order."""

    def annotations(self, image_id: str) -> Annotations:
        """What is known about one image."""

    def read(self, path: str) -> bytes:
        """The encoded bytes of the image that a sample names `path`."""


@runtime_checkable
class ImageFiles(Protocol):
    """What an image source has beside its own methods where its images are files of this machine."""

    def file(self, path: str) -> Path | None:
        """The file of the image that a sample names `path`, to be read in place; None where it is no file of its own.
        Raises InputError where `path` is none of the source's. Whether it is there, and decodes, its reader finds out.
        """


class ImageEmbedder(Protocol):
    """Says how images look, as points. Blocking: call it off the event loop."""

    def embed(self, images: Sequence[bytes]) -> Sequence[Sequence[float]]:
        """A point of length 1 for each image: images that look alike lie close. Raises InputError for one that does
        not decode."""


@dataclass(frozen=True, slots=True)
class JobSpec:
    """A training job: a deterministic name, its spec document as JSON, and a folder of its own for results."""

    name: str
    document: bytes
    folder: Path


@dataclass(frozen=True, slots=True)
class JobResult:
    """How a job ended: exit code 0 is success; `log_tail` is the last lines it wrote."""

    exit_code: int
    log_tail: str


class Progress(Protocol):
    """Somewhere to say how far a stage is."""

    def report(self, run: str, round_number: int, stage: str, done: float, total: float, note: str = "") -> None:
        """`done` of `total` units of `stage` are done."""


class JobRunner(Protocol):
    """Runs a training job to its end, off the event loop; cancelling the call cancels the job. The same name is never
    run twice at once; a job that succeeded before is not run again but reported."""

    async def run(self, spec: JobSpec, progress: Progress, run: str, round_number: int) -> JobResult:
        """The result, when the job has ended."""
