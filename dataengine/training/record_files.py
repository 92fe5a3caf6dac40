"""A job's records on the disk: written one by one, read where they are needed."""

from __future__ import annotations

import os
from array import array
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path
from typing import BinaryIO

import orjson

from dataengine.core.errors import InputError
from dataengine.training.records import Outline, RecordSequence, TrainingRecord, outline_of
from dataengine.wire.whole_files import written_whole


class RecordFile(RecordSequence):
    """What ``TrainingRecord.encode`` wrote, line by line.

    In memory is where each line begins, how long its text is, and whether it has an image: 13 bytes a record. Several
    threads and forked processes may read at once.
    """

    def __init__(self, path: Path) -> None:
        """Raises InputError, which names the line, where a line holds something else."""
        self._path = path
        self._starts = array("Q")
        self._characters = array("I")
        self._with_image = bytearray()
        place = 0
        try:
            with path.open("rb") as file:
                for number, line in enumerate(file, 1):
                    if line.strip():
                        characters, with_image = _outline(line, f"{path}, line {number}")
                        self._starts.append(place)
                        self._characters.append(characters)
                        self._with_image.append(with_image)
                    place += len(line)
        except OSError as error:
            raise InputError(f"records cannot be read: {error}", where=str(path)) from error
        self._end = place

    def __len__(self) -> int:
        return len(self._starts)

    def at(self, place: int) -> TrainingRecord:
        """See `RecordSequence.at`."""
        start = self._starts[place]
        end = self._starts[place + 1] if place + 1 < len(self._starts) else self._end
        try:
            line = os.pread(self._file.fileno(), end - start, start)  # no position that forked processes would share
        except OSError as error:
            raise InputError(f"records cannot be read: {error}", where=str(self._path)) from error
        return _record(line, f"{self._path}, byte {start}")

    def outlines(self) -> Iterator[Outline]:
        """See `RecordSequence.outlines`."""
        return zip(self._characters, map(bool, self._with_image), strict=True)

    @cached_property
    def _file(self) -> BinaryIO:
        return self._path.open("rb")


def write_records(records: Iterable[TrainingRecord], path: Path) -> int:
    """Write records for a job; how many there were. The file appears whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    number = 0
    with written_whole(path) as partial, partial.open("w", encoding="utf-8") as file:
        for record in records:
            file.write(record.encode() + "\n")
            number += 1
    return number


def count_records(path: Path) -> int:
    """How many records ``write_records`` wrote."""
    with path.open("rb") as file:
        return sum(1 for _ in file)


def _outline(line: bytes, where: str) -> Outline:
    """What `_record` would make of it, without making it: a file of a million records is opened in seconds."""
    try:
        row = orjson.loads(line)
        turns = row["turns"]
        if turns and all(type(q) is str and type(a) is str for q, a in turns):
            return sum(len(q) + len(a) for q, a in turns), row["picture"] is not None
    except (ValueError, KeyError, TypeError):
        pass  # told, or read all the same, just below
    return outline_of(_record(line, where))


def _record(line: bytes, where: str) -> TrainingRecord:
    try:
        row = orjson.loads(line)
        turns = tuple((str(question), str(answer)) for question, answer in row["turns"])
        image = row["picture"]
        record = TrainingRecord(None if image is None else Path(str(image)), turns)
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"is no training record: {error!r}", where=where) from error
    if not turns:
        raise InputError("is a training record without turns", where=where)
    return record
