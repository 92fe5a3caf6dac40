"""`dataengine classify`: a teacher sorts a benchmark's questions into gen-1's 18 types."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path
from typing import Annotated

import orjson
import typer
from pydantic import TypeAdapter, ValidationError
from rich.console import Console

from dataengine.cli.benchmark_tables import types_table
from dataengine.cli.benchmarks import DataOption, NameArgument, progress_bar, read_dataset
from dataengine.core.errors import ConfigurationError
from dataengine.core.questions import Question
from dataengine.evaluation.benchmarks.aokvqa import UNCLASSIFIED, read_types
from dataengine.evaluation.benchmarks.registry import find_benchmark
from dataengine.evaluation.teacher_types import TYPES, types_by_teacher
from dataengine.teachers.registry import AnyTeacher, place_of
from dataengine.teachers.section import TeacherSection
from dataengine.wire.whole_files import write_atomically
from dataengine.wire.yaml_files import read_yaml


def classify(
    benchmark: NameArgument,
    teacher: Annotated[Path, typer.Option(help="A run file, or a YAML with its `teacher` section alone.")],
    data: DataOption = None,
    again: Annotated[bool, typer.Option("--again", help="Ask for all types, also those that are known.")] = False,
) -> None:
    """Let a teacher give every question one of gen-1's 18 types, 50 questions a request. Interrupted, it goes on.

    The types are kept beside the questions, in the file that the benchmark reads them from.

    Example: dataengine classify aokvqa --data DIR --teacher run.yaml
    """
    found = find_benchmark(benchmark)
    if not found.types_file:
        raise ConfigurationError(
            f"the questions of {found.title} have types of their own", todo="Choose one with --by, or `type_field`"
        )
    section = read_teacher(teacher)
    dataset = read_dataset(found, data)
    path = dataset.files[0].with_name(found.types_file)
    known = {} if again else dict(read_types(path))
    wanted = [q for q in dataset.questions if q.question_id not in known and (again or q.question_type == UNCLASSIFIED)]
    asyncio.run(_ask(section, wanted, known, path))
    Console().print(types_table(Counter(known.values()), TYPES))
    print(f"{len(wanted)} questions asked, {len(known)} types in {path}")


async def _ask(section: TeacherSection, questions: list[Question], known: dict[str, str], path: Path) -> None:
    """Every batch is kept as soon as it is in."""
    asked = section.open()
    try:
        with progress_bar("questions") as bar:
            task = bar.add_task("questions", total=len(questions))
            async for batch in types_by_teacher(questions, asked):
                known.update(batch)
                _write_whole(path, orjson.dumps(known, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
                bar.advance(task, len(batch))
    finally:
        await asked.close()


def _write_whole(path: Path, content: bytes) -> None:
    """Replace the file at once, so that a kill leaves the old one or the new one."""
    try:
        write_atomically(path, content)
    except OSError as error:
        raise ConfigurationError(f"the types cannot be written: {error.strerror}", where=str(path)) from error


def read_teacher(path: Path) -> TeacherSection:
    """The `teacher` section of a YAML. Raises ConfigurationError if it is not there, is wrong, or names no endpoint."""
    content = read_yaml(path, "file", "Give the path of a YAML")
    if not isinstance(content, dict) or not isinstance(content.get("teacher"), dict):
        raise ConfigurationError("has no section `teacher`", where=str(path), todo="See docs/guides/run-file.md")
    try:
        section: TeacherSection = TypeAdapter[TeacherSection](AnyTeacher).validate_python(content["teacher"])
    except ValidationError as error:
        first = error.errors()[0]
        place = place_of(["teacher", *first["loc"]])
        raise ConfigurationError(f"{place}: {first['msg'].lower()}", where=str(path)) from error
    if not section.takes_any_prompt:
        raise ConfigurationError(
            f"a teacher of the kind {section.kind!r} sorts no questions", where=str(path), todo="Say `kind: openai`"
        )
    return section
