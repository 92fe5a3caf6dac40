"""What the student is trained on: engine samples of all rounds, mixed with replay of base data."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dataengine.core.errors import InputError
from dataengine.core.identity import derived_seed, digest_of
from dataengine.core.ports import PictureSource
from dataengine.core.samples import Sample
from dataengine.runtime.runfile import TrainingSection
from dataengine.wire.samples import read_sample

Turns = list[tuple[str, str]]
_PICTURE_PLACE = "<image>"


@dataclass(frozen=True, slots=True)
class TrainingRecord:
    """A picture's local file and a dialogue about it: (question, answer) turns, of which the answers are learned.

    None: a dialogue without a picture.
    """

    picture: Path | None
    turns: tuple[tuple[str, str], ...]

    def encode(self) -> str:
        """One JSON line, as a training job reads it."""
        picture = str(self.picture) if self.picture else None
        return json.dumps({"picture": picture, "turns": [list(turn) for turn in self.turns]})


def engine_records(
    samples: Sequence[Sample], source: PictureSource, cache: Path, turns_of: Callable[[Sample], Turns]
) -> list[TrainingRecord]:
    """One record per sample. Pictures are copied into `cache`, once each, so that the job needs no source."""
    return [TrainingRecord(_cached(source, sample.image, cache), tuple(turns_of(sample))) for sample in samples]


def _cached(source: PictureSource, image: str, cache: Path) -> Path:
    path = cache / f"{digest_of(image.encode())[:32]}{Path(image).suffix}"
    if not path.is_file():
        cache.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".partial-{path.name}")
        partial.write_bytes(source.read(image))
        partial.rename(path)
    return path


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


def read_records(path: Path, turns_of: Callable[[Sample], Turns]) -> Iterator[TrainingRecord]:
    """Records of a JSON Lines file, LLaVA's (`conversations`) or the seed's; pictures lie relative to its folder."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError as error:
        raise InputError("there is no such file", where=str(path), todo="Check training.replay.data") from error
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot be read: {error}", where=str(path)) from error
    for number, line in enumerate(lines, start=1):
        if line.strip():
            yield _record(line, path, f"{path}, line {number}", turns_of)


def _record(line: str, path: Path, where: str, turns_of: Callable[[Sample], Turns]) -> TrainingRecord:
    try:
        record = json.loads(line)
    except ValueError as error:
        raise InputError(f"is not JSON: {error}", where=where) from error
    if isinstance(record, dict) and "conversations" in record and "image" not in record:
        return TrainingRecord(None, tuple(_dialogue(record, where)))
    if not isinstance(record, dict) or "image" not in record:
        raise InputError("is no record with an `image`", where=where)
    picture = path.parent / str(record["image"])
    if not picture.is_file():
        raise InputError(f"the picture {picture} is missing", where=where)
    turns = _dialogue(record, where) if "conversations" in record else turns_of(read_sample(record, where))
    return TrainingRecord(picture, tuple(turns))


def _dialogue(record: dict[str, Any], where: str) -> Turns:
    """LLaVA's conversations: human and gpt take turns; the picture's place in the first question is left out."""
    said = record["conversations"]
    try:
        speakers = [(turn["from"], str(turn["value"])) for turn in said]
    except (TypeError, KeyError) as error:
        raise InputError("`conversations` is no list of {from, value}", where=where) from error
    if not speakers or len(speakers) % 2 or [who for who, _ in speakers] != ["human", "gpt"] * (len(speakers) // 2):
        raise InputError("human and gpt do not take turns in `conversations`", where=where)
    texts = [text.replace(_PICTURE_PLACE, "").strip() for _, text in speakers]
    return list(zip(texts[0::2], texts[1::2], strict=True))
