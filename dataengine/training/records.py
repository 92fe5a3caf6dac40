"""What the student is trained on: engine samples of all rounds, mixed with base data."""

from __future__ import annotations

import json
import random
from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, overload

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from dataengine.core.errors import InputError
from dataengine.core.identity import derived_seed, digest_of
from dataengine.core.ports import ImageFiles, ImageSource
from dataengine.core.samples import LETTERS, Sample
from dataengine.core.text import defused, plain
from dataengine.data.exports import training_turns
from dataengine.data.json_stream import elements
from dataengine.runtime.training_sections import MixForm, TrainingSection
from dataengine.training.record_images import ImageFolder, image_named
from dataengine.wire.samples import read_sample
from dataengine.wire.whole_files import write_atomically

Turns = list[tuple[str, str]]
_IMAGE_PLACE = "<image>"
_PARQUET_ROWS = 1_000
UTF8, UTF16_LE, UTF16_BE = b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff"
"""Byte order marks."""
_TODO = "Give the file as it was published: JSON Lines, or one JSON list of records"


@dataclass(frozen=True, slots=True)
class TrainingRecord:
    """An image's local file and a dialogue about it: (question, answer) turns, of which the answers are learned.

    None: a dialogue without an image.
    """

    image: Path | None
    turns: tuple[tuple[str, str], ...]

    def encode(self) -> str:
        """One JSON line, as a training job reads it."""
        image = str(self.image) if self.image else None
        return json.dumps({"picture": image, "turns": [list(turn) for turn in self.turns]})


Outline = tuple[int, bool]
"""Of a record: characters of its turns, and whether it has an image."""


def outline_of(record: TrainingRecord) -> Outline:
    """Enough of a record to sort it by length."""
    return sum(len(question) + len(answer) for question, answer in record.turns), record.image is not None


def outlines_of(records: Sequence[TrainingRecord]) -> Iterator[Outline]:
    """Of every record, without reading those again that were read when their file was opened."""
    if isinstance(records, RecordSequence):
        yield from records.outlines()
    else:
        yield from map(outline_of, records)


class RecordSequence(Sequence[TrainingRecord]):
    """Records that are made when they are asked for: a subclass says how many there are, and which is at a place."""

    @abstractmethod
    def at(self, place: int) -> TrainingRecord:
        """The record at `place`, which is none of those that count from the end."""

    def outlines(self) -> Iterator[Outline]:
        """Of every record, in their order."""
        return (outline_of(self.at(place)) for place in range(len(self)))

    @overload
    def __getitem__(self, index: int) -> TrainingRecord: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[TrainingRecord]: ...
    def __getitem__(self, index: int | slice) -> TrainingRecord | Sequence[TrainingRecord]:
        places = range(len(self))[index]
        return self.at(places) if isinstance(places, int) else [self.at(place) for place in places]


def engine_records(
    samples: Sequence[Sample], source: ImageSource, cache: Path, turns_of: Callable[[Sample], Turns]
) -> list[TrainingRecord]:
    """One record per sample. The job needs no source: images that are files are read where they lie, others are written
    into `cache`, once each."""
    return [TrainingRecord(_local(source, sample.image, cache), tuple(turns_of(sample))) for sample in samples]


def _local(source: ImageSource, image: str, cache: Path) -> Path:
    file = source.file(image) if isinstance(source, ImageFiles) else None
    if file is not None:
        return file.absolute()
    path = cache / f"{digest_of(image.encode())[:32]}{Path(image).suffix}"
    if not path.is_file():
        cache.mkdir(parents=True, exist_ok=True)
        write_atomically(path, source.read(image))
    return path


def turns_in(form: MixForm, seed: int) -> Callable[[Sample], Turns]:
    """What a sample becomes in that form; `seed` shuffles the options of `permuted-choice`."""

    def turns(sample: Sample) -> Turns:
        if form == "sentence":
            return [(sample.instruction, sample.answer)]
        if form == "permuted-choice":
            return training_turns(permuted(sample, seed), "choice")
        return training_turns(sample, form)

    return turns


def has_form(sample: Sample, form: MixForm) -> bool:
    """Whether the sample has what the form shows: a choice needs options."""
    return bool(sample.options) or form not in ("choice", "permuted-choice")


def permuted(sample: Sample, seed: int) -> Sample:
    """The sample with its options in an order drawn by seed and sample (it may be the same order)."""
    order = list(range(len(sample.options)))
    random.Random(derived_seed("permuted choice", seed, sample.instruction, sample.image)).shuffle(order)
    right = LETTERS.index(sample.choice_answer) if sample.options else 0
    options = tuple(sample.options[place] for place in order)
    return replace(sample, options=options, choice_answer=LETTERS[order.index(right)] if options else "")


def replay_records(
    section: TrainingSection, samples: int, seed: int, turns_of: Callable[[Sample], Turns]
) -> list[TrainingRecord]:
    """`ratio` x `samples` records of base data, drawn by `seed`, each at most once more often than the others; all of
    them once where the run file wants the `whole`.

    Raises InputError that names file and line.
    """
    if section.replay is None or (section.replay.ratio == 0 and not section.replay.whole):
        return []
    known = list(read_records(section.replay.data, turns_of))
    if not known:
        raise InputError("there is no record to replay", where=str(section.replay.data))
    if section.replay.whole:
        return known
    draw = random.Random(derived_seed("replay", seed))
    wanted = round(section.replay.ratio * samples)
    chosen: list[TrainingRecord] = []
    while len(chosen) < wanted:
        chosen += draw.sample(known, min(len(known), wanted - len(chosen)))
    return chosen


def read_records(
    path: Path, turns_of: Callable[[Sample], Turns], images: Path | None = None
) -> Iterator[TrainingRecord]:
    """Records of JSON Lines or of one JSON list, LLaVA's (`conversations`) or the seed's, one at a time: the file is
    never in memory as a whole. Images lie relative to `images`, by default the file's folder.

    Raises InputError that names the line (the entry of a list) and says what to do.
    """
    folder = ImageFolder(images or path.parent)
    for where, data in _pieces(path):
        yield _record(data, folder, where, turns_of)


def _pieces(path: Path) -> Iterator[tuple[str, bytes]]:
    """Every record's bytes, and where it stands."""
    try:
        with path.open("rb") as file:
            head = file.read(64)
            if head.startswith(b"PAR1"):
                yield from _parquet_rows(path)
                return
            if head[:2] in (UTF16_LE, UTF16_BE):
                raise InputError("is UTF-16", where=str(path), todo="Save it as UTF-8")
            start = len(UTF8) if head.startswith(UTF8) else 0
            listed = head[start:].lstrip()[:1] == b"["
            file.seek(start)
            if not listed:
                yield from ((f"{path}, line {number}", line) for number, line in enumerate(file, 1) if line.strip())
    except FileNotFoundError as error:
        raise InputError("there is no such file", where=str(path), todo="Check the run file's `data`") from error
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=str(path)) from error
    if listed:
        for number, element in enumerate(elements(path, _TODO), 1):
            yield f"{path}, entry {number}", element.data


def _has_image_mark(question: str) -> bool:
    """Whether the first question has the image's place where LLaVA puts it; within a text it is text (a tag of SVG)."""
    asked = question.strip()
    return asked.startswith(_IMAGE_PLACE) or asked.endswith(_IMAGE_PLACE)


def _parquet_rows(path: Path) -> Iterator[tuple[str, bytes]]:
    """The rows of our own Parquet export, each as JSON."""
    try:
        batches = pq.ParquetFile(path).iter_batches(_PARQUET_ROWS)
        for number, row in enumerate((row for batch in batches for row in batch.to_pylist()), 1):
            lineage = row.get("lineage")
            whole = {**row, "lineage": orjson.loads(lineage)} if isinstance(lineage, str) else row
            yield f"{path}, row {number}", orjson.dumps(whole, default=str)
    except (pa.ArrowException, orjson.JSONDecodeError) as error:
        raise InputError(f"is torn: {plain(error, longest=200, one_line=True)}", where=str(path)) from error


def _record(data: bytes, folder: ImageFolder, where: str, turns_of: Callable[[Sample], Turns]) -> TrainingRecord:
    try:
        record = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise InputError(f"is not JSON: {error}", where=where, todo=_TODO) from error
    if not isinstance(record, dict):
        raise InputError("is no record with an `image`", where=where, todo=_TODO)
    name = image_named(record, where)
    image = None if name is None else folder.file(name, where)
    if "conversations" in record:
        turns = _dialogue(record, where, with_image=name is not None)
    elif name is None:
        raise InputError("is no record with an `image`", where=where, todo=_TODO)
    else:
        turns = turns_of(read_sample({**record, "image": name}, where))
    return TrainingRecord(image, tuple((defused(question), defused(answer)) for question, answer in turns))


def _dialogue(record: dict[str, Any], where: str, with_image: bool) -> Turns:
    """LLaVA's conversations: human and gpt take turns; the image's place in the first question is left out.

    What gpt says before the first question, and a last question without an answer, teach nothing and are left out, as
    LLaVA's own training does.
    """
    said = record["conversations"]
    try:
        turns = [(turn["from"], str(turn["value"])) for turn in said]
    except (TypeError, KeyError) as error:
        raise InputError("`conversations` is no list of {from, value}", where=where, todo=_TODO) from error
    turns = turns[1:] if turns and turns[0][0] == "gpt" else turns
    turns = turns[:-1] if turns and turns[-1][0] == "human" else turns
    if not turns or [who for who, _ in turns] != ["human", "gpt"] * (len(turns) // 2):
        raise InputError("human and gpt do not take turns in `conversations`", where=where, todo="Mend the record")
    if not with_image and _has_image_mark(turns[0][1]):
        what = f"says {_IMAGE_PLACE} and names no image"
        raise InputError(what, where=where, todo="Name its image under `image`, or take the mark out")
    texts = [text.replace(_IMAGE_PLACE, "").strip() for _, text in turns]
    return list(zip(texts[0::2], texts[1::2], strict=True))
