"""Sections of the run file that say what the student is trained on, and how."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AliasChoices, BeforeValidator, Field, model_validator

from dataengine.runtime.generation_sections import Section, formerly

Form = Literal["direct", "choice", "both"]
MixForm = Literal["direct", "sentence", "choice", "permuted-choice", "both"]
MixBy = Annotated[
    Literal["size", "ratio", "sqrt-size"],
    BeforeValidator(lambda given: "sqrt-size" if given == ROOT_OF_SIZE else given),
]
"""How the data sets of a mixture are drawn."""
ROOT_OF_SIZE = "root-of-size"
"""The former name of `sqrt-size`, which checkpoints' documents go on using."""
ENGINE = "engine"
"""How the names of the engine's own data sets begin."""


class ReplaySection(Section):
    """Base data that is mixed in, so that nothing is forgotten."""

    data: Path
    """JSON Lines or one JSON list of records (the seed's or LLaVA's), images relative to its folder."""
    ratio: float = Field(default=0.5, ge=0)
    """Replay records per engine sample."""
    whole: bool = False
    """Every replay record once, whatever the ratio."""


class MixedSection(Section):
    """A data set beside the engine's own data."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    """What plans and lineage call it."""
    data: Path
    """JSON Lines or one JSON list of records: the seed's, or LLaVA's conversations, as they are published."""
    images: Path | None = Field(
        default=None, validation_alias=AliasChoices("images", "pictures"), serialization_alias="pictures"
    )
    """The folder that images are relative to; that of `data` if not given."""
    ratio: float | None = Field(default=None, gt=0)
    """by ratio only: how often it is drawn, as a share of the sum of all ratios."""
    batch_size: int | None = Field(default=None, ge=1)
    """by ratio and sqrt-size: records per step and device; the recipe's if not given."""
    form: MixForm | None = None
    """What a record of the seed's kind becomes, as for the engine's data; `training.form` if not given."""


class EngineDataSection(Section):
    """The engine's samples in one form: a data set of the mix."""

    form: MixForm
    """A direct answer in a word or phrase, the answer as a `sentence`, a choice with letter, one whose options are
    shuffled anew, or a dialogue of direct answer and choice. Choices leave out samples without options."""
    ratio: float | None = Field(default=None, gt=0)
    """As for other data sets."""
    batch_size: int | None = Field(default=None, ge=1)
    """As for other data sets."""
    each_round: bool = False
    """Whether the samples of each round are a data set of their own, with this ratio."""

    @property
    def name(self) -> str:
        """What plans and lineage call it."""
        return f"{ENGINE} {self.form}"


class MixSection(Section):
    """Data sets that are trained on together, and how they are drawn."""

    by: MixBy = "size"
    """`size`: all records as one list, each once an epoch (LLaVA-1.5). `ratio`: each step draws one data set with
    p = ratio / sum of all ratios, and its batch is of that set alone (MiniGPT4-v2). `sqrt-size`: so too, with p
    proportional to the square root of the number of records (MiniGPT-4); formerly `root-of-size`, still read."""
    sets: tuple[MixedSection, ...] = ()
    """The data sets beside the engine's own data."""
    engine: tuple[EngineDataSection, ...] = ()
    """The engine's data, in one form or several; in `training.form` if not given."""

    @property
    def parts(self) -> tuple[MixedSection | EngineDataSection, ...]:
        """All data sets, the engine's first."""
        return (*self.engine, *self.sets)

    @model_validator(mode="after")
    def _as_drawn(self) -> Self:
        given = self.parts
        twice = [name for name, count in Counter(part.name for part in given).items() if count > 1]
        if twice:
            raise ValueError(f"two data sets are called {twice[0]!r}")
        if any(part.name == ENGINE for part in self.sets):
            raise ValueError(f"{ENGINE!r} is the engine's own data: give the data set another name")
        if self.by == "ratio" and (not self.engine or any(part.ratio is None for part in given)):
            raise ValueError("by ratio: give each of `sets` and `engine` a `ratio`, and at least one of `engine`")
        if self.by != "ratio" and any(part.ratio is not None for part in given):
            raise ValueError(f"by {self.by}: a `ratio` has no meaning, use `by: ratio` or leave it out")
        if self.by == "size" and any(part.batch_size is not None for part in given):
            raise ValueError("by size: a batch mixes data sets, so none of them has a `batch_size` of its own")
        return self


class TrainingSection(Section):
    """Fine-tuning."""

    init_from: Literal["base", "best"] = Field(default="base", validation_alias=formerly("init_from", "start"))
    """LoRA from the base on all rounds' data (gen-2), or on top of the best checkpoint on this round's (gen-1)."""
    recipe: dict[str, Any] = Field(default={})
    """Overrides of the family's recipe: rank, alpha, lr, epochs, batch_size, … For epochs, max_steps and
    iterations_per_epoch, a list gives those of round 1, 2, …; its last value stands for all later rounds."""
    replay: ReplaySection | None = None
    """Base data to mix in, so much per engine sample. Either this or `mix`."""
    mix: MixSection | None = None
    """Data sets to train on beside the engine's data. Either this or `replay`."""
    form: Form = "direct"
    """What a sample becomes: a direct answer, a choice with letter, or one of each."""
    timeout: float = Field(default=86400.0, gt=0)
    """Seconds until a training job counts as failed."""

    @model_validator(mode="after")
    def _one_way_to_mix(self) -> Self:
        if self.replay is not None and self.mix is not None:
            raise ValueError("give `replay` or `mix`, and not both")
        return self

    def mixed(self) -> MixSection | None:
        """The mix with the forms that are not given filled in."""
        if self.mix is None:
            return None
        sets = tuple(part.model_copy(update={"form": part.form or self.form}) for part in self.mix.sets)
        engine = self.mix.engine or (EngineDataSection(form=self.form),)
        return self.mix.model_copy(update={"sets": sets, "engine": engine})
