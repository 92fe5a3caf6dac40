"""The experiment file: which arms are compared, over which seeds, and by which number the comparison is decided."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError, model_validator

from dataengine.core.errors import ConfigurationError
from dataengine.runtime.runfile import RunFile, RunName, Section, read_run_file
from dataengine.wire.yaml_files import read_yaml

Metric = Literal["macro", "micro"]
"""Accuracy on the report split: `macro` is the mean over the question types, `micro` over the questions."""

_OWN_KEYS = frozenset({"run", "seed"})


class ExperimentFile(Section):
    """An experiment: closed loops that differ in nothing but their arm's settings and their seed."""

    experiment: RunName = Field(max_length=24)
    """The experiment's name: its folder, and the beginning of its runs' names."""
    run: Path
    """The run file that every cell (arm x seed) starts from."""
    settings: dict[str, Any] = Field(default_factory=dict)
    """Dotted keys of the run file that are set in every cell, such as `generation.budget`."""
    arms: dict[RunName, dict[str, Any]] = Field(min_length=1)
    """Arm → dotted keys of the run file that make it, such as `analysis.weighting: gain`."""
    target: str
    """The arm that is compared with the controls."""
    controls: tuple[str, ...] = Field(min_length=1)
    """The arms it has to beat at equal budget."""
    seeds: tuple[int, ...] = Field(min_length=2)
    """Seeds of the runs; every arm is run once with each, and compared with the others seed by seed."""
    metric: Metric = "macro"
    """The number that decides, chosen before anything is run; the other one is reported beside it."""
    workers: int = Field(default=2, ge=1)
    """Cells that are run at once, each in a process with one torch thread."""

    @model_validator(mode="after")
    def _arms_are_known(self) -> ExperimentFile:
        unknown = [name for name in (self.target, *self.controls) if name not in self.arms]
        if unknown:
            raise ValueError(f"there is no arm {', '.join(unknown)}; arms are {', '.join(self.arms)}")
        if self.target in self.controls:
            raise ValueError(f"the target {self.target} cannot be its own control")
        if len(set(self.seeds)) < len(self.seeds):
            raise ValueError("a seed is named twice")
        taken = _OWN_KEYS & {key for keys in (self.settings, *self.arms.values()) for key in keys}
        if taken:
            raise ValueError(f"{', '.join(sorted(taken))} is set by the experiment itself")
        return self

    def cells(self) -> tuple[Cell, ...]:
        """Every arm with every seed, seed by seed, so that an interrupted experiment has whole seeds.

        Raises ConfigurationError if the run file is wrong under an arm's settings, before anything is run.
        """
        return tuple(
            Cell(
                arm=arm,
                seed=seed,
                run=read_run_file(
                    self.run, {**self.settings, **chosen, "run": f"{self.experiment}-{arm}-{seed}", "seed": seed}
                ),
            )
            for seed in self.seeds
            for arm, chosen in self.arms.items()
        )


@dataclass(frozen=True, slots=True)
class Cell:
    """One closed loop of the experiment."""

    arm: str
    seed: int
    run: RunFile

    @property
    def name(self) -> str:
        """What a person calls it."""
        return f"{self.arm}, seed {self.seed}"


def read_experiment(path: Path, overrides: Mapping[str, Any] | None = None) -> ExperimentFile:
    """Read and validate an experiment file; `run` is relative to it; `overrides` replaces its keys.

    Raises ConfigurationError that names every wrong key.
    """
    content = read_yaml(path, "experiment file", "Give the path of a YAML")
    if not isinstance(content, dict):
        raise ConfigurationError("holds no mapping of keys", where=str(path))
    try:
        experiment = ExperimentFile.model_validate({**content, **(overrides or {})})
    except ValidationError as error:
        wrong = (f"{'.'.join(str(part) for part in item['loc'])}: {item['msg'].lower()}" for item in error.errors())
        raise ConfigurationError("; ".join(wrong).lstrip(": "), where=str(path)) from error
    return experiment.model_copy(update={"run": path.resolve().parent / experiment.run})
