"""A user's own benchmark: a YAML that names a file, its columns, a prompt, and one of the scorers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, ValidationError

from dataengine.core.errors import ConfigurationError, InputError
from dataengine.core.questions import AnswerMode, Question
from dataengine.evaluation.benchmarks.benchmark import Benchmark, Dataset, NeededFile
from dataengine.evaluation.benchmarks.entries import Seen
from dataengine.evaluation.benchmarks.files import ImageFolders, line_end_notes, with_suffixes
from dataengine.evaluation.benchmarks.own_rows import read_rows
from dataengine.evaluation.benchmarks.own_scorers import SCORERS, ScorerName, needs_choices
from dataengine.evaluation.benchmarks.prompts import option_lines
from dataengine.evaluation.scoring.scored_answer import ScoredAnswer
from dataengine.wire.yaml_files import read_yaml

_TODO = "Compare the file with the columns that the YAML names"
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


class Columns(BaseModel):
    """Which column holds what. `choices` is one column with a list, or one column per option. `image` was `picture`
    formerly, which is still read."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    question: str = "question"
    answer: str = "answer"
    image: str = Field(default="image", validation_alias=AliasChoices("image", "picture"))
    id: str | None = None
    type: str | None = None
    choices: str | tuple[str, ...] = ()
    hint: str | None = None


class Description(BaseModel):
    """The whole YAML. Paths are relative to it. `prompt` may use {question}, {hint} and {options}. `images`
    was `pictures` formerly, which is still read."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1)
    file: Path
    images: Path = Field(default=Path(), validation_alias=AliasChoices("images", "pictures"))
    columns: Columns = Columns()
    prompt: str = "{question}"
    scorer: ScorerName
    mode: Literal["letter", "free-form"] | None = None
    version: str = "1"


class OwnBenchmark(Benchmark):
    """A benchmark made of a description. Rows without an id column are numbered from 0."""

    task = "your own"
    split = "your own"
    metric = "mean score"

    def __init__(self, path: Path) -> None:
        description = read_description(path)
        self._path = path
        self._description = description
        self.home = path.parent
        self.name = description.name
        self.title = description.name
        self.version = description.version
        self.variants = (description.scorer,)
        asked = description.mode or ("letter" if description.columns.choices else "free-form")
        self.modes = (AnswerMode(asked), AnswerMode.LIKELIHOOD) if description.columns.choices else (AnswerMode(asked),)
        self.files = (NeededFile(str(description.file), "the questions", str(path)),)

    def read(self, data: Path) -> Dataset:
        """The file's rows; `data` is the folder it lies in, or the file itself."""
        file = data if data.is_file() and data != self._path else data / self._description.file
        questions = []
        seen = Seen(file, "row")
        for i, row in enumerate(read_rows(file)):
            questions.append(self._question(row, i, seen.where(i)))
            seen.add(questions[-1].question_id, i)
        images = ImageFolders((self._path.parent / self._description.images, file.parent), with_suffixes)
        return Dataset(tuple(questions), images, (self._path, file), line_end_notes(file))

    def prompt(self, question: Question, family: str, mode: AnswerMode) -> str:
        """The YAML's prompt; for likelihood without the options, which are ranked as its continuations."""
        options = option_lines(question.choices) if mode is AnswerMode.LETTER else ""
        filled = self._description.prompt.format(question=question.text, hint=question.hint, options=options)
        return filled if mode is AnswerMode.LETTER else filled.replace("\n\n", "\n").strip()

    def scorer_for(self, variant: str) -> Callable[[Question, str], ScoredAnswer]:
        """The YAML's scorer."""
        return SCORERS[self._description.scorer].make()

    def gold_text(self, question: Question, variant: str) -> str:
        """The letter for scorers of letters, else the accepted answers."""
        if needs_choices(self._description.scorer):
            return super().gold_text(question, variant)
        return " | ".join(question.references)

    def _question(self, row: Mapping[str, Any], index: int, where: str) -> Question:
        columns = self._description.columns
        choices = tuple(_choices(row, columns.choices, where))
        answer = _cell(row, columns.answer, where)
        references = tuple(map(str, answer)) if isinstance(answer, list | tuple) else (str(answer),)
        gold = _gold(references, choices, where) if choices else None
        if needs_choices(self._description.scorer) and gold is None:
            raise InputError("has no choices, which the scorer needs", where=where, todo="Name them as columns.choices")
        kind = str(_cell(row, columns.type, where)) if columns.type else "all"
        return Question(
            question_id=str(_cell(row, columns.id, where)) if columns.id else str(index),
            image=str(_cell(row, columns.image, where)),
            text=str(_cell(row, columns.question, where)),
            question_type=kind,
            choices=choices,
            gold=gold,
            references=references,
            hint=str(row.get(columns.hint) or "") if columns.hint else "",
            extra={"types": {"question_type": kind}},
        )


def read_description(path: Path) -> Description:
    """The YAML, checked. Raises ConfigurationError that names the file and the first field that is wrong."""
    content = read_yaml(path, "file", "Give a YAML file")
    try:
        description = Description.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the file"
        raise ConfigurationError(
            f"{place}: {first['msg']}", where=str(path), todo="See the guide on your own benchmark"
        ) from error
    try:
        description.prompt.format(question="", hint="", options="")
    except (KeyError, IndexError, ValueError) as error:
        raise ConfigurationError(
            f"prompt: {error} is none of {{question}}, {{hint}}, {{options}}",
            where=str(path),
            todo="Correct the prompt",
        ) from error
    return description


def _cell(row: Mapping[str, Any], column: str, where: str) -> Any:
    value = row.get(column)
    if value is None or value == "":
        problem = f"`{column}` is empty" if column in row else f"there is no column `{column}`, only {', '.join(row)}"
        raise InputError(problem, where=where, todo=_TODO)
    return value


def _choices(row: Mapping[str, Any], columns: str | Sequence[str], where: str) -> Iterator[str]:
    if isinstance(columns, str):
        listed = _cell(row, columns, where)
        if not isinstance(listed, list | tuple):
            raise InputError(f"`{columns}` is no list", where=where, todo="Name one column per option instead")
        yield from map(str, listed)
        return
    for column in columns:
        if row.get(column) not in (None, ""):
            yield str(row[column])


def _gold(references: Sequence[str], choices: Sequence[str], where: str) -> int:
    """The right choice, given as its letter or its text."""
    answer = references[0]
    if answer in choices:
        return choices.index(answer)
    if len(answer) == 1 and answer in _LETTERS[: len(choices)]:
        return _LETTERS.index(answer)
    raise InputError(f"the answer {answer!r} is neither a letter nor the text of a choice", where=where, todo=_TODO)
