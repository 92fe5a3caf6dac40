"""Samples as data that other tools read: the seed's records, conversations, Parquet, each with a dataset card."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq

from dataengine.core.samples import LETTERS, Sample
from dataengine.wire.samples import SEED_TYPES, sample_record

Form = Literal["direct", "choice", "both"]
Format = Literal["seed", "llava", "sharegpt", "parquet"]
FORMATS: tuple[Format, ...] = ("seed", "llava", "sharegpt", "parquet")
LETTER_SUFFIX = "Answer with the option's letter from the given choices directly."
_TEXTS = ("sample_id", "instruction", "answer", "short_answer", "choice_answer", "image", "qtype", "lineage")
_SCHEMA = pa.schema([*((name, pa.string()) for name in _TEXTS), ("options", pa.list_(pa.string()))])
_TYPE_NUMBERS = {name: number for number, name in SEED_TYPES.items()}


def training_turns(sample: Sample, form: Form) -> list[tuple[str, str]]:
    """(question, answer) turns: `direct` asks the bare question for the short answer, `choice` lists the options and
    asks for the letter, `both` does one after the other. Samples without options are always direct."""
    turns: list[tuple[str, str]] = []
    if form in ("direct", "both") or not sample.options:
        turns.append((sample.instruction, sample.short_answer))
    if form in ("choice", "both") and sample.options:
        lines = [f"{letter}. {option}" for letter, option in zip(LETTERS, sample.options, strict=False)]
        turns.append(("\n".join([sample.instruction, *lines, LETTER_SUFFIX]), sample.choice_answer))
    return turns


def export_samples(samples: Sequence[Sample], kind: Format, folder: Path, *, title: str, provenance: str) -> list[Path]:
    """Write the samples in one format, and a README.md that describes them. Returns the files written.

    `seed`: one JSON list of the seed's records, with its type numbers where it has them; `llava` and `sharegpt`: one
    JSON list of conversations, one in direct and one in choice form per sample; `parquet`: one row per sample.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if kind == "parquet":
        data = folder / "samples.parquet"
        pq.write_table(pa.Table.from_pylist([_row(sample) for sample in samples], _SCHEMA), data)
    else:
        data = folder / f"{kind}.json"
        rows = [_seed_record(s) for s in samples] if kind == "seed" else _conversations(samples, kind)
        data.write_text(json.dumps(rows, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    card = folder / "README.md"
    card.write_text(_card(samples, kind, data.name, title, provenance), encoding="utf-8")
    return [data, card]


def _seed_record(sample: Sample) -> dict[str, Any]:
    return {
        "instruction": sample.instruction,
        "answer": sample.answer,
        "short_answer": sample.short_answer,
        "options": list(sample.options),
        "choice_answer": sample.choice_answer,
        "image": sample.image,
        "qtype": _TYPE_NUMBERS.get(sample.qtype, sample.qtype),
    }


def _conversations(samples: Sequence[Sample], kind: Format) -> list[dict[str, Any]]:
    """LLaVA's layout; ShareGPT's names the image in a list `images` and keeps the rest."""
    rows = []
    for sample in samples:
        for form in ("direct", "choice") if sample.options else ("direct",):
            ((question, answer),) = training_turns(sample, form)
            said = [{"from": "human", "value": f"<image>\n{question}"}, {"from": "gpt", "value": answer}]
            image = {"images": [sample.image]} if kind == "sharegpt" else {"image": sample.image}
            rows.append({"id": f"{sample.sample_id}-{form}", **image, "conversations": said})
    return rows


def _row(sample: Sample) -> dict[str, Any]:
    """Our record, with its lineage as JSON text: a column of one kind, whatever lineage comes to hold."""
    record = sample_record(sample)
    return {**record, "lineage": json.dumps(record["lineage"])}


def _card(samples: Sequence[Sample], kind: Format, name: str, title: str, provenance: str) -> str:
    counts = Counter(sample.qtype for sample in samples)
    rows = "\n".join(f"| {qtype} | {count} |" for qtype, count in sorted(counts.items()))
    return f"""# {title}

{len(samples)} generated questions and answers about {len({s.image for s in samples})} pictures, in `{name}` ({kind}).

| question type | samples |
|---|---|
{rows}

## Where they come from

{provenance}

Questions and answers were written by a teacher model and filtered by a program; some are wrong. The pictures are not
part of this data set; their licence, and the terms of the teacher that wrote the text, apply to its use.
"""
