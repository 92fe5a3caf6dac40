"""What a training job is told, and how it tells its end."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from dataengine.runtime.training_sections import MixBy
from dataengine.training.mixture import DataSet, Mixture
from dataengine.training.recipe import Recipe, resolved_recipe
from dataengine.training.record_files import RecordFile

VERDICT_FILE = "TRAINING_VERDICT_FILE"
"""The variable that names a file for the exit code 2, for a parent that sees torchrun's exit code only."""


class MixedFile(BaseModel):
    """A data set of a mix."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(description="its name, which its order depends on")
    records: Path = Field(description="its records, as those of a job")
    ratio: float = Field(0.0, ge=0, description="by ratio: its share of the sum of all ratios")
    batch_size: int | None = Field(None, ge=1, description="records per step and device; none: the recipe's")


class MixedFiles(BaseModel):
    """Data sets, and how they are drawn."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    by: MixBy
    sets: tuple[MixedFile, ...] = Field(min_length=1)


class TrainingJob(BaseModel):
    """The specification. Paths are absolute or relative to the process's folder; unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    family: str = Field(description="model family's name in the registry")
    base: Path = Field(description="folder of base weights and tokenizer")
    previous_adapter: Path | None = Field(None, description="adapter folder to go on from; none: start from the base")
    records: Path | None = Field(None, description='JSONL of {"picture": path, "turns": [[question, answer], …]}')
    mix: MixedFiles | None = Field(None, description="several such files instead, and how they are drawn")
    out: Path = Field(description="folder of the results: adapter/, metrics.json, recipe.json")
    recipe: Recipe = Field(default_factory=lambda: Recipe(), description="what differs from the family's own recipe")
    threads: int | None = Field(None, ge=1, description="torch threads; none: torch's own choice")
    workers: int | None = Field(None, ge=0, description="processes that read images ahead; none: one for each CPU")

    @model_validator(mode="before")
    @classmethod
    def _on_the_familys_recipe(cls, given: Any) -> Any:
        if not isinstance(given, dict) or not isinstance(given.get("recipe", {}), dict):
            return given
        recipe = resolved_recipe(str(given.get("family", "")), given.get("recipe", {}), 1)
        return {**given, "recipe": recipe}

    @model_validator(mode="after")
    def _one_source_of_records(self) -> Self:
        if (self.records is None) == (self.mix is None):
            raise ValueError("give `records` or `mix`, and not both")
        return self

    def mixture(self) -> Mixture:
        """What is trained on. Raises InputError where a file is missing or broken."""
        if self.records is not None:
            return Mixture.of(RecordFile(self.records))
        assert self.mix is not None
        sets = (DataSet(p.name, RecordFile(p.records), p.ratio, p.batch_size) for p in self.mix.sets)
        return Mixture(self.mix.by, tuple(sets))
