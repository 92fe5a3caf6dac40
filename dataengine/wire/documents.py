"""The JSON documents that events name: what one service writes into the store and another reads.

Every document is frozen, refuses unknown keys, and is stored as canonical JSON, so that equal documents have equal
digests.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_serializer

from dataengine.core.artifacts import ArtifactRef
from dataengine.core.errors import ContractError
from dataengine.core.identity import canonical_json
from dataengine.core.ports import Store
from dataengine.wire.mixes import MixDoc

D = TypeVar("D", bound="Document")


class Document(BaseModel):
    """A frozen JSON document."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    def encode(self) -> bytes:
        """Canonical JSON."""
        return canonical_json(self.model_dump(mode="json", by_alias=True))

    @classmethod
    def load(cls, store: Store, ref: ArtifactRef) -> Self:
        """Read the document that `ref` names. Raises ContractError if its content is something else."""
        try:
            return cls.model_validate_json(store.get(ref))
        except ValidationError as error:
            raise ContractError(f"is no {cls.__name__}: {error.errors()[0]['msg']}", where=ref.uri) from error


class CheckpointDoc(Document):
    """A checkpoint: a family's base weights, and an adapter on top unless it is the base itself."""

    run: str
    round: int
    family: str
    base: str
    base_digest: str
    adapter: dict[str, ArtifactRef] = {}
    parent: ArtifactRef | None = None
    dataset: ArtifactRef | None = None
    recipe: dict[str, object] = {}
    mix: MixDoc | None = None
    metrics: dict[str, float] = {}
    samples: int = 0
    seconds: float = 0.0
    code_version: str = ""


class Score(Document):
    """A score in [0, 1] over `n` answered questions (or groups that count as one), with its 95 % interval.

    `scale` x `accuracy` is the score in the benchmark's own unit.
    """

    n: int
    accuracy: float
    interval: tuple[float, float]
    unanswered: int = 0
    chance: float = 0.0
    scale: float = 100.0


class SplitScores(Document):
    """The scores of one split. `summed`: overall is the mean over types (in `unit`: their sum), not over questions."""

    overall: Score
    by_type: dict[str, Score]
    unit: str = "percent"
    summed: bool = False


class HeldOutDoc(Document):
    """Fingerprints of what may not be trained on: all that the generator is told about the questions asked.

    `images` are SHA-256 digests of encoded images, `appearances` 64-bit difference hashes (16 hexadecimal digits)
    of their pixels, `questions` digests of (normalised question, image digest), see `dataengine.core.heldout`.
    """

    images: frozenset[str] = Field(alias="pictures")
    appearances: frozenset[str]
    questions: frozenset[str]

    @field_serializer("images", "appearances", "questions")
    def _in_order(self, values: frozenset[str]) -> list[str]:
        return sorted(values)


class EvaluationDoc(Document):
    """What a checkpoint scored on both splits, and where its predictions lie (JSONL, one `Prediction` a line).

    `questions_digest` is over every question asked, `prompt_digest` over the prompt's template and mode.
    """

    run: str
    round: int
    checkpoint: ArtifactRef
    benchmark: str
    mode: str
    diagnose: SplitScores
    report: SplitScores
    diagnose_predictions: ArtifactRef
    report_predictions: ArtifactRef
    held_out: ArtifactRef
    questions_digest: str
    prompt_digest: str
    seconds: float
    code_version: str
    uploads: tuple[Upload, ...] = ()


class Upload(Document):
    """The test server's file for a split without public answers, which has no score."""

    benchmark: str
    questions: int
    unanswered: int
    file: ArtifactRef


class UnitDoc(Document):
    """A `core.units.ScoringUnit` as it is stored: the group a question is scored in; `score` is None unless all of
    it was answered."""

    key: str
    question_type: str
    image: str = Field(alias="picture")
    score: float | None


class Prediction(Document):
    """One line of a predictions file: the question, what the student said, and what the scorer made of it. `score` is
    None without an answer; `reason` then says why. `unit` is the group that the question is scored in."""

    question_id: str
    split: str
    image: str = Field(alias="picture")
    image_digest: str = Field(default="", alias="picture_digest")
    question: str
    question_type: str
    choices: tuple[str, ...] = ()
    gold: str
    raw: str
    read_as: str
    score: float | None
    losses: tuple[float, ...] = ()
    answered_by: str = ""
    reason: str = ""
    unit: UnitDoc | None = None


class Comparison(Document):
    """A paired test between two checkpoints on the same questions: the score of `gained` units rose, that of
    `lost` fell; `difference` is in accuracy, with its 95 % interval; `p` is `core.comparison`'s (runs before that
    counted fractional scores as right from 0.5 on)."""

    n: int
    gained: int
    lost: int
    difference: float
    interval: tuple[float, float]
    p: float


class BadCase(Document):
    """A question of the diagnose split that the student got wrong."""

    question_id: str
    question: str
    question_type: str
    image: str = Field(alias="picture")
    choices: tuple[str, ...]
    gold: str
    answered: str


class AnalysisDoc(Document):
    """The analyzer's decision after one evaluation: the pure function's inputs and its outcome.

    `weights` sum to 1 over the question types; `bad_cases` names the de-duplicated pool (JSONL of `BadCase`).
    `decision` is "turn" or "rest"; `best` is the best checkpoint seen, `best_round` its round. `weak` names the types
    that fail more often than noise explains (diagnose split). `against_base` and `against_best` compare the report
    split, under "overall" and under each type. `gain_per_sample` is the accuracy that a type's next sample is expected
    to bring.
    """

    run: str
    round: int
    evaluation: ArtifactRef
    checkpoint: ArtifactRef
    decision: str
    reason: str
    promoted: bool
    promotion_reason: str
    best: ArtifactRef
    best_round: int
    weighting: str
    weights: dict[str, float]
    bad_cases: ArtifactRef
    bad_case_counts: dict[str, int]
    weak: tuple[str, ...] = ()
    against_base: dict[str, Comparison]
    against_best: dict[str, Comparison]
    gain_per_sample: dict[str, float] = {}
    code_version: str = ""


class PlannedQuery(Document):
    """One request to the teacher: an image, a question type, and the bad cases shown as examples."""

    image_id: str = Field(alias="picture_id")
    qtype: str
    bad_cases: tuple[str, ...]
    seed: int


class PlanDoc(Document):
    """A round's generation: how many accepted samples each type shall get, and the parts that share the work."""

    run: str
    round: int
    analysis: ArtifactRef
    start_from: ArtifactRef
    budget: dict[str, int]
    parts: tuple[PlanPart, ...]


class PlanPart(Document):
    """One part: accepted samples wanted per type, and the queries to try, in order, until they are there."""

    wanted: dict[str, int]
    queries: tuple[PlannedQuery, ...]


class PartDoc(Document):
    """What one part gave: samples (JSONL), refusals (JSONL), and the teacher's use."""

    run: str
    round: int
    part: int
    samples: ArtifactRef
    refusals: ArtifactRef
    accepted: dict[str, int]
    refused: dict[str, int]
    requests: int
    prompt_tokens: int
    completion_tokens: int
    seconds: float
    teacher: str


class DatasetDoc(Document):
    """A round's dataset: the merged samples (JSONL) with counts per type, refusals per filter, and the teacher's use.

    `wanted` is the plan's budget, which `accepted` falls short of where requests ran out; `earlier` names the datasets
    of former rounds that training uses too.
    """

    run: str
    round: int
    samples: ArtifactRef
    refusals: ArtifactRef
    wanted: dict[str, int] = {}
    accepted: dict[str, int]
    refused: dict[str, int]
    requests: int
    prompt_tokens: int
    completion_tokens: int
    seconds: float
    teacher: str
    earlier: tuple[ArtifactRef, ...] = ()


def encode_lines(documents: Sequence[Document]) -> bytes:
    """JSON Lines of documents."""
    return b"".join(document.encode() + b"\n" for document in documents)


def decode_lines(kind: type[D], data: bytes, where: str) -> list[D]:
    """Documents from JSON Lines. Raises ContractError that names the line."""
    documents: list[D] = []
    for number, line in enumerate(data.splitlines(), start=1):
        try:
            documents.append(kind.model_validate_json(line))
        except ValidationError as error:
            what = f"is no {kind.__name__}: {error.errors()[0]['msg']}"
            raise ContractError(what, where=f"{where}, line {number}") from error
    return documents


EvaluationDoc.model_rebuild()
PlanDoc.model_rebuild()
