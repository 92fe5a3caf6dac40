"""Samples and refusals <-> JSON Lines in the seed's record format.

The seed writes `instruction, answer, short_answer, options, choice_answer, image, qtype`, with `qtype` a number 1 to 9
and one key misspelt `choide_answer` in its published sample. We write the right names, the type's name as `qtype`, and
what we know beside it; we read both.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from dataengine.core.errors import InputError
from dataengine.core.identity import canonical_json, derived_id
from dataengine.core.samples import LETTERS, Lineage, Refusal, Sample

SEED_TYPES: Mapping[int, str] = {
    1: "Scene Understanding",
    2: "Instance Identity",
    3: "Instance Attributes",
    4: "Instance Location",
    5: "Instances Counting",
    6: "Spatial Relation",
    7: "Instance Interaction",
    8: "Visual Reasoning",
    9: "Text Understanding",
}
_NO_LINEAGE = Lineage("", 0, 0, (), "", "")


def sample_record(sample: Sample) -> dict[str, object]:
    """The sample as the record that our own datasets hold: the seed's keys, plus `sample_id` and `lineage`."""
    lineage = sample.lineage
    return {
        "sample_id": sample.sample_id,
        "instruction": sample.instruction,
        "answer": sample.answer,
        "short_answer": sample.short_answer,
        "options": list(sample.options),
        "choice_answer": sample.choice_answer,
        "image": sample.image,
        "qtype": sample.qtype,
        "lineage": {
            "run": lineage.run,
            "round": lineage.round,
            "part": lineage.part,
            "bad_cases": list(lineage.bad_cases),
            "prompt_digest": lineage.prompt_digest,
            "teacher": lineage.teacher,
        },
    }


def read_sample(record: Mapping[str, Any], where: str) -> Sample:
    """A sample from one of our records or the seed's. Raises InputError that says what is missing, and `where`."""
    missing = [key for key in ("instruction", "answer", "image", "qtype") if key not in record]
    if missing:
        raise InputError(f"the record has no {', '.join(missing)}", where=where)
    options = tuple(str(option) for option in record.get("options", ()))
    letter = str(record.get("choice_answer", record.get("choide_answer", ""))).strip().upper()[:1]
    short = str(record.get("short_answer", record["answer"]))
    if options and not letter and short in options:
        letter = LETTERS[options.index(short)]
    if options and (not letter or LETTERS.find(letter) not in range(len(options))):
        raise InputError(f"choice_answer {letter!r} names none of {len(options)} options", where=where)
    known = {
        "lineage",
        "sample_id",
        "instruction",
        "answer",
        "short_answer",
        "options",
        "choice_answer",
        "choide_answer",
    }
    return Sample(
        sample_id=str(record.get("sample_id") or derived_id(where, record["instruction"], record["image"])),
        instruction=str(record["instruction"]),
        answer=str(record["answer"]),
        short_answer=short,
        options=options,
        choice_answer=letter if options else "",
        image=str(record["image"]),
        qtype=_qtype(record["qtype"]),
        lineage=_lineage(record.get("lineage")),
        extra={key: value for key, value in record.items() if key not in known | {"image", "qtype"}},
    )


def _qtype(value: Any) -> str:
    if isinstance(value, int) or (isinstance(value, str) and value.isdigit()):
        return SEED_TYPES.get(int(value), str(value))
    return str(value)


def _lineage(value: Mapping[str, Any] | None) -> Lineage:
    if not value:
        return _NO_LINEAGE
    return Lineage(**{**value, "bad_cases": tuple(value.get("bad_cases", ()))})


def encode_samples(samples: Iterable[Sample]) -> bytes:
    """JSON Lines of sample records."""
    return b"".join(canonical_json(sample_record(sample)) + b"\n" for sample in samples)


def decode_samples(data: bytes, where: str) -> list[Sample]:
    """Samples from JSON Lines. Raises InputError that names the line."""
    return [read_sample(record, f"{where}, line {number}") for number, record in _lines(data, where)]


def encode_refusals(refusals: Sequence[Refusal]) -> bytes:
    """JSON Lines of refusals."""
    rows = (
        {"filter": r.filter_name, "reason": r.reason, "qtype": r.qtype, "image": r.image, "raw": r.raw}
        for r in refusals
    )
    return b"".join(canonical_json(row) + b"\n" for row in rows)


def decode_refusals(data: bytes, where: str) -> list[Refusal]:
    """Refusals from JSON Lines."""
    return [
        Refusal(row["filter"], row["reason"], row["qtype"], row["image"], row["raw"]) for _, row in _lines(data, where)
    ]


def _lines(data: bytes, where: str) -> Iterable[tuple[int, dict[str, Any]]]:
    for number, line in enumerate(data.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except ValueError as error:
            raise InputError(f"is not JSON: {error}", where=f"{where}, line {number}") from error
        if not isinstance(record, dict):
            raise InputError("is no JSON object", where=f"{where}, line {number}")
        yield number, record
