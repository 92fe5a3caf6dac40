"""The run file: one documented YAML per run, validated whole before anything starts, stored beside what it produced.

Every key has a docstring below; unknown keys are errors. Relative paths are relative to the run file.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AliasChoices, BaseModel, Field, ValidationError, model_validator

from dataengine.core.artifacts import ArtifactRef
from dataengine.core.errors import ConfigurationError
from dataengine.core.identity import canonical_json
from dataengine.core.ports import Store
from dataengine.core.questions import AnswerMode
from dataengine.runtime.generation_sections import (
    PROMPT_FILE,
    CostSection,
    GenerationSection,
    ImagesSection,
    Section,
    Share,
    TeacherSection,
)
from dataengine.runtime.training_sections import TrainingSection
from dataengine.teachers.registry import AnyTeacher, place_of
from dataengine.teachers.scripted.section import AnnotationsSection
from dataengine.wire.yaml_files import read_yaml

__all__ = [
    "CostSection",
    "GenerationSection",
    "ImagesSection",
    "RunFile",
    "Section",
    "TeacherSection",
    "TrainingSection",
]

RunName = Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?$")]


class StudentSection(Section):
    """The model being improved."""

    model: str | None = None
    """Folder or hub name (`ORG/NAME`) of the model that round 0 evaluates and training starts from. This is enough; a
    hub name is fetched, and its commit kept with the run."""
    family: str = "auto"
    """`auto`: any image-text model of transformers, by its own processor and chat template. Or a family with special
    knowledge: llava-1.5, minigpt4-v2, minigpt4, tiny-llava."""
    base: Path
    """Folder of the weights; that of `model` if not given."""
    revision: str | None = None
    """Commit, tag or branch of a hub's model; the newest if not given. A run keeps the commit that it began with."""

    @model_validator(mode="before")
    @classmethod
    def _model_is_enough(cls, given: Any) -> Any:
        if isinstance(given, dict) and "base" not in given and isinstance(given.get("model"), str):
            return {**given, "base": given["model"]}
        return given


class SplitSection(Section):
    """Where the questions of one split are, and which of them."""

    data: Path
    """Folder with the benchmark's own files."""
    limit: int | None = Field(default=None, ge=1)
    """Use only this many questions, drawn with the run's seed and balanced over types."""


class UploadSection(Section):
    """A split whose right answers are not public. Every checkpoint answers it, and instead of a score its test server's
    file is written into the round's folder, as `uploads/NAME`."""

    name: str | None = None
    """A benchmark with a test server: vqav2, mmbench, vizwiz. That of the loop if not given."""
    data: Path
    """Folder with the benchmark's own files, or the questions file itself."""
    mode: AnswerMode | None = None
    """How the student answers; the benchmark's usual way if not given."""


class BenchmarkSection(Section):
    """The questions that the student is asked. Give `diagnose` and `report`, or one `data` to be split."""

    name: str
    """A benchmark's name, one of `dataengine benchmarks`, or the path of a benchmark YAML of your own."""
    diagnose: SplitSection | None = None
    """Questions that steer the loop."""
    report: SplitSection | None = None
    """Questions that nothing but the report and the promotion test may see."""
    data: SplitSection | None = None
    """One folder, split into both halves by image with the run's seed."""
    diagnose_share: Share = 0.5
    """Of `data`, the share of images that go to the diagnose half."""
    mode: AnswerMode = AnswerMode.LIKELIHOOD
    """How the student answers: letter, free-form, or likelihood (SEED-Bench's own way)."""
    variant: str | None = None
    """Which of the benchmark's scorers reads the answers; its default if not given."""
    type_field: str | None = None
    """Which of the benchmark's classes is the question type; its default if not given."""
    uploads: tuple[UploadSection, ...] = ()
    """Splits without public answers, for which every round writes the test server's file instead of a score."""

    @model_validator(mode="after")
    def _both_splits_or_one_to_split(self) -> BenchmarkSection:
        if (self.data is None) == (self.diagnose is None or self.report is None):
            raise ValueError("give `diagnose` and `report`, or `data` to be split, and not both")
        return self


class AnalysisSection(Section):
    """How weakness becomes weights, and when the loop rests."""

    weighting: Literal["gain", "smoothed", "error", "sqrt-error", "uniform", "random"] = "gain"
    """`error` = 1 - a and `sqrt-error` = sqrt(1 - a) as published; `smoothed` shrinks uncertain types to the mean;
    `gain` is `smoothed` until a round has been seen, then what each type has been seen to gain per sample;
    `uniform` spends alike on all types; `random` as often as the pool's images give rise to a type."""
    floor: Share = 0.02
    """Least share of the budget for every type (not for error, sqrt-error, uniform and random)."""
    similarity: Share = 0.9
    """Bad cases whose questions are more alike than this are one."""
    alpha: float = Field(default=0.05, gt=0, lt=1)
    """Level of the paired tests that promote a checkpoint or find a regression."""
    min_gain: float = Field(default=0.0, ge=0)
    """Rest when a round's best checkpoint gains less overall accuracy than this."""
    patience: int = Field(default=2, ge=1)
    """Rest after this many rounds in a row without a promotion."""
    guard: tuple[str, ...] | Literal["all"] = "all"
    """Question types that must not get significantly worse."""
    examples: int = Field(default=10, ge=0)
    """Bad cases shown to the teacher per request."""


class RunFile(Section):
    """One closed loop."""

    run: RunName
    """The run's name: its folder, and the key of its events."""
    seed: int = 0
    """Every draw of the run derives from it."""
    rounds: int = Field(default=3, ge=1)
    """Rounds of generation and training after the evaluation of the base."""
    student: StudentSection
    benchmark: BenchmarkSection
    images: ImagesSection = Field(validation_alias=AliasChoices("images", "pictures"), serialization_alias="pictures")
    """The pool of images that the teacher writes about. Formerly `pictures:`, which goes on being read."""
    teacher: AnyTeacher = AnnotationsSection()
    """The model that writes questions and answers; its keys depend on its `kind`."""
    analysis: AnalysisSection = AnalysisSection()
    generation: GenerationSection
    training: TrainingSection = TrainingSection()
    cost: CostSection = CostSection()

    def encode(self) -> bytes:
        """Canonical JSON of every key, defaults included."""
        return canonical_json(self.model_dump(mode="json", by_alias=True))

    def is_what(self, stored: bytes) -> bool:
        """Whether a stored configuration means the same. Not by its bytes: an older release knew fewer keys, and other
        names for some."""
        try:
            return RunFile.model_validate_json(stored) == self
        except ValidationError:
            return False

    @classmethod
    def load(cls, store: Store, ref: ArtifactRef) -> RunFile:
        """The run file that a run was started with."""
        return cls.model_validate_json(store.get(ref))


def read_run_file(path: Path, overrides: dict[str, Any] | None = None) -> RunFile:
    """Read, resolve and validate a run file. Raises ConfigurationError that names every wrong key at once.

    `overrides` replaces top-level keys or dotted ones, such as `{"generation.budget": 100}`.
    """
    content = read_yaml(path, "run file", "Give the path of a YAML")
    if not isinstance(content, dict):
        raise ConfigurationError("holds no mapping of keys", where=str(path), todo="See docs/guides/run-file.md")
    for dotted, value in (overrides or {}).items():
        _set(content, dotted.split("."), value)
    try:
        former: list[str] = []
        resolved = RunFile.model_validate(content, context={"former": former})
    except ValidationError as error:
        raise ConfigurationError(_explain(error), where=str(path), todo="See docs/guides/run-file.md") from error
    if former:
        warnings.warn(f"{path}: {'; '.join(former)}", FutureWarning, stacklevel=2)
    absolute: RunFile = _with_absolute_paths(resolved, path.resolve().parent)
    return absolute


def _set(content: dict[str, Any], keys: list[str], value: Any) -> None:
    for key in keys[:-1]:
        content = content.setdefault(key, {})
    content[keys[-1]] = value


def _explain(error: ValidationError) -> str:
    lines = (f"{place_of(item['loc'])}: {item['msg'].lower()}" for item in error.errors())
    return "; ".join(lines)


def _with_absolute_paths(section: Any, folder: Path) -> Any:
    if isinstance(section, BaseModel):
        fields = type(section).model_fields
        if isinstance(section, BenchmarkSection) and section.name.endswith((".yaml", ".yml")):
            section = section.model_copy(update={"name": str(folder / section.name)})
        if isinstance(section, GenerationSection) and section.prompt.endswith(PROMPT_FILE):
            section = section.model_copy(update={"prompt": str(folder / section.prompt)})
        return section.model_copy(
            update={name: _with_absolute_paths(getattr(section, name), folder) for name in fields}
        )
    if isinstance(section, tuple):
        return tuple(_with_absolute_paths(part, folder) for part in section)
    if isinstance(section, Path):
        return folder / section.expanduser()
    return section
