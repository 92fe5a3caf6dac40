"""What a round is trained on, put on the disk for its job; and what that is, as the checkpoint will tell it."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from dataengine.core.errors import InputError
from dataengine.core.identity import canonical_json, derived_seed, digest_of, digest_of_file
from dataengine.core.ports import ImageSource
from dataengine.core.samples import Sample
from dataengine.runtime.runfile import RunFile
from dataengine.runtime.training_sections import (
    ENGINE,
    ROOT_OF_SIZE,
    EngineDataSection,
    MixedSection,
    MixForm,
    MixSection,
)
from dataengine.training.mixture import by_ratio, by_size, by_sqrt_size
from dataengine.training.record_files import count_records, write_records
from dataengine.training.records import TrainingRecord, engine_records, has_form, read_records, replay_records, turns_in
from dataengine.wire.mixes import MixDoc, MixedSet


@dataclass(frozen=True, slots=True)
class RoundSamples:
    """The engine's samples of one round; `digest` is that of their file."""

    round: int
    digest: str
    samples: Sequence[Sample]


class TrainingSet(Protocol):
    """Records for a job."""

    @property
    def doc(self) -> MixDoc:
        """What they are: equal documents stand for equal trainings."""

    def write(self, folder: Path, source: ImageSource) -> dict[str, Any]:
        """Put them below `folder`; the keys of a training job that name them."""


def training_set_of(run: RunFile, rounds: Sequence[RoundSamples], order: int, seed: int, work: Path) -> TrainingSet:
    """What the run file wants of the engine's data of `rounds`. `order` is the seed of a single list of records, `seed`
    that of the training, which draws from a mix. Caches lie below `work`.

    Raises InputError for a file of base data that is missing or broken, and for a data set without a record.
    """
    mix = run.training.mixed()
    if mix is None:
        return _ListedRecords(run, rounds, order, work)
    return _MixedSets(mix, rounds, seed, work)


class _ListedRecords:
    """The engine's samples, and replay, in an order drawn by the seed."""

    def __init__(self, run: RunFile, rounds: Sequence[RoundSamples], order: int, work: Path) -> None:
        self._samples = [sample for part in rounds for sample in part.samples]
        self._turns = turns_in(run.training.form, order)
        self._order = order
        self._work = work
        self._replay = replay_records(run.training, len(self._samples), order, self._turns)
        sets = [(ENGINE, len(self._samples), _digest(rounds), run.training.form)]
        if self._replay and run.training.replay is not None:
            sets.append(("replay", len(self._replay), digest_of_file(run.training.replay.data), run.training.form))
        shares = by_size({name: size for name, size, _, _ in sets})
        self.doc = MixDoc(
            by="size",
            seed=order,
            sets=tuple(
                MixedSet(name=name, records=size, share=shares[name], digest=digest, form=form)
                for name, size, digest, form in sets
            ),
        )

    def write(self, folder: Path, source: ImageSource) -> dict[str, Any]:
        """See TrainingSet."""
        records = engine_records(self._samples, source, self._work / "pictures", self._turns) + self._replay
        random.Random(self._order).shuffle(records)
        write_records(records, folder / "records.jsonl")
        return {"records": str(folder / "records.jsonl")}


@dataclass(frozen=True, slots=True)
class _Part:
    """A data set of a mix: `put` writes its records, or has written them, and says where."""

    name: str
    form: MixForm
    records: int
    digest: str
    given: MixedSection | EngineDataSection
    put: Callable[[Path, ImageSource], Path]


class _MixedSets:
    """Data sets of which each is a file."""

    def __init__(self, mix: MixSection, rounds: Sequence[RoundSamples], seed: int, work: Path) -> None:
        self._work = work
        self._seed = seed
        self._by = mix.by
        self._parts = [*self._engine_parts(mix, rounds), *(self._file_part(given) for given in mix.sets)]
        for part in self._parts:
            if not part.records:
                raise InputError("the data set has no record", where=f"training.mix, {part.name}")
        shares = self._shares()
        self.doc = MixDoc(
            by=ROOT_OF_SIZE if mix.by == "sqrt-size" else mix.by,
            seed=seed,
            sets=tuple(
                MixedSet(
                    name=part.name,
                    records=part.records,
                    share=shares[part.name],
                    digest=part.digest,
                    form=part.form,
                    batch_size=part.given.batch_size,
                )
                for part in self._parts
            ),
        )

    def _shares(self) -> dict[str, float]:
        if self._by == "ratio":
            return by_ratio({part.name: part.given.ratio or 0.0 for part in self._parts})
        sizes = {part.name: part.records for part in self._parts}
        return by_size(sizes) if self._by == "size" else by_sqrt_size(sizes)

    def _engine_parts(self, mix: MixSection, rounds: Sequence[RoundSamples]) -> Iterator[_Part]:
        for given in mix.engine:
            for name, some in _named(given, rounds):
                samples = [sample for part in some for sample in part.samples if has_form(sample, given.form)]
                put = _EngineFile(name, samples, given.form, self._seed, self._work / "pictures")
                yield _Part(name, given.form, len(samples), _digest(some), given, put)

    def _file_part(self, given: MixedSection) -> _Part:
        form = given.form or "direct"
        path, digest = converted(given, form, self._seed, self._work / "mix")
        return _Part(given.name, form, count_records(path), digest, given, lambda folder, source: path)

    def write(self, folder: Path, source: ImageSource) -> dict[str, Any]:
        """See TrainingSet."""
        sets = [
            {
                "name": part.name,
                "records": str(part.put(folder, source)),
                "ratio": part.given.ratio or 0.0,
                "batch_size": part.given.batch_size,
            }
            for part in self._parts
        ]
        return {"mix": {"by": self._by, "sets": sets}}


@dataclass(frozen=True, slots=True)
class _EngineFile:
    name: str
    samples: Sequence[Sample]
    form: MixForm
    seed: int
    cache: Path

    def __call__(self, folder: Path, source: ImageSource) -> Path:
        path = folder / f"{self.name.replace(' ', '-')}.jsonl"
        write_records(engine_records(self.samples, source, self.cache, turns_in(self.form, self.seed)), path)
        return path


def converted(given: MixedSection, form: MixForm, seed: int, cache: Path) -> tuple[Path, str]:
    """The data set as a job reads it, and the digest of its own file. It is converted once for each content and form.

    Raises InputError that names the file, and the record that is broken or whose image is missing.
    """
    try:
        digest = digest_of_file(given.data)
    except OSError as error:
        what = f"the data set {given.name!r} cannot be read: {error.strerror}"
        raise InputError(what, where=str(given.data), todo="Check training.mix") from error
    images = given.images or given.data.parent
    drawn = derived_seed("permuted", seed) if form == "permuted-choice" else 0
    key = digest_of(canonical_json([digest, str(images), form, drawn]))
    path = cache / f"{given.name}-{key[:16]}.jsonl"
    if not path.exists():
        write_records(_of_file(given, form, seed), path)
    return path, digest


def _of_file(given: MixedSection, form: MixForm, seed: int) -> Iterator[TrainingRecord]:
    yield from read_records(given.data, turns_in(form, seed), given.images)


def _named(given: EngineDataSection, rounds: Sequence[RoundSamples]) -> Iterator[tuple[str, Sequence[RoundSamples]]]:
    if not given.each_round:
        yield given.name, rounds
        return
    for part in rounds:
        yield f"{given.name} round {part.round}", [part]


def _digest(rounds: Sequence[RoundSamples]) -> str:
    return digest_of("".join(part.digest for part in rounds).encode())
