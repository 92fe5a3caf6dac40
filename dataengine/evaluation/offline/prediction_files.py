"""The shapes in which other tools write predictions, each turned into rows: a place in the file and its fields.

Native and LLaVA JSONL, official result JSON (a list, or an object by id), VLMEvalKit's tables (xlsx, tsv, csv),
lmms-eval's sample logs, and MME's folder of text files.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from dataengine.core.errors import InputError
from dataengine.data.json_files import kind_of
from dataengine.data.tables import as_id, decoded, sheet_rows, text_rows
from dataengine.evaluation.benchmarks.files import json_lines, read_bytes, read_json_file, read_text_lines
from dataengine.evaluation.scoring.mme import COGNITION, PERCEPTION

_TODO = "See the guide on prediction files for what is accepted"
_TABLE_KEY = "prediction"
_IDS = ("index", "question_id")


class Row(NamedTuple):
    """One prediction: where it stands, and its fields as the file has them."""

    place: str
    fields: Mapping[str, Any]


def prediction_rows(path: Path) -> Iterator[Row]:
    """The rows of a prediction file or folder, in its order. Raises InputError that names the file and line."""
    if path.is_dir():
        return _mme_folder(path)
    readers = {".json": _json, ".xlsx": _xlsx, ".tsv": _table, ".csv": _table}
    return readers.get(path.suffix.lower(), _jsonl)(path)


def _jsonl(path: Path) -> Iterator[Row]:
    for number, fields in json_lines(path, _TODO):
        yield Row(f"{path}:{number}", _flattened(fields, path))


def _json(path: Path) -> Iterator[Row]:
    content = read_json_file(path, _TODO)
    if isinstance(content, dict) and isinstance(content.get("logs"), list):
        content = content["logs"]
    if isinstance(content, dict):
        for name, value in content.items():
            fields = value if isinstance(value, dict) else {_TABLE_KEY: value}
            yield Row(f"{path}, question {name}", {"question_id": name, **fields})
        return
    if not isinstance(content, list):
        raise InputError(f"holds {kind_of(content)} instead of predictions", where=str(path), todo=_TODO)
    for i, fields in enumerate(content, 1):
        if not isinstance(fields, dict):
            raise InputError(f"is {kind_of(fields)} instead of an object", where=f"{path}, entry {i}", todo=_TODO)
        yield Row(f"{path}, entry {i}", _flattened(fields, path))


def _flattened(fields: Mapping[str, Any], path: Path) -> Mapping[str, Any]:
    """A row of lmms-eval's log with the question's fields on one level; other rows as they are."""
    if "doc_id" not in fields or not ({"filtered_resps", "resps"} & fields.keys()):
        return fields
    doc = fields.get("doc")
    named = {key: value for key, value in doc.items() if key != "answer"} if isinstance(doc, dict) else {}
    said = fields.get("filtered_resps", fields.get("resps"))
    while isinstance(said, list) and said:
        said = said[0]
    return {**named, "doc_id": fields["doc_id"], "task": path.name, _TABLE_KEY: said}


def _table(path: Path) -> Iterator[Row]:
    delimiter = "\t" if path.suffix.lower() == ".tsv" else ","
    return _rows(path, text_rows(decoded(read_bytes(path, _TODO), path), delimiter, path, "Write it again"))


def _xlsx(path: Path) -> Iterator[Row]:
    return _rows(path, sheet_rows(path, read_bytes(path, _TODO), "Write it again"))


def _rows(path: Path, lines: Iterator[tuple[int, list[Any]]]) -> Iterator[Row]:
    header: list[str] = []
    for line, cells in lines:
        if header:
            yield Row(f"{path}:{line}", _cells(header, cells))
        else:
            header = _checked_header([str(cell) for cell in cells], path)


def _checked_header(cells: Sequence[str], path: Path) -> list[str]:
    if _TABLE_KEY not in cells or not ({"index", "question_id"} & set(cells)):
        raise InputError(
            "the first line names no columns `index` (or `question_id`) and `prediction`", where=f"{path}:1", todo=_TODO
        )
    return list(cells)


def _cells(header: Sequence[str], cells: Sequence[Any]) -> dict[str, Any]:
    row = {name: None if cell == "" else cell for name, cell in zip(header, cells, strict=False)}
    return {name: as_id(cell) if name in _IDS and isinstance(cell, float | str) else cell for name, cell in row.items()}


def _mme_folder(path: Path) -> Iterator[Row]:
    tasks = [task for task in (*PERCEPTION, *COGNITION) if (path / f"{task}.txt").is_file()]
    if not tasks:
        raise InputError(
            "is a folder without MME's text files (existence.txt, …)", where=str(path),
            todo="Only MME's predictions are a folder; give a file for other benchmarks",
        )  # fmt: skip
    for task in tasks:
        file = path / f"{task}.txt"
        for number, line in enumerate(read_text_lines(file, _TODO)[0], 1):
            cells = line.split("\t")
            if len(cells) != 4:
                raise InputError(
                    f"has {len(cells)} tab-separated fields instead of four (picture, question, answer, prediction)",
                    where=f"{file}:{number}", todo="Blanks instead of tabs and line breaks in answers, one line each",
                )  # fmt: skip
            image, question, gold, said = cells
            fields = {"question_id": f"{task}/{image}", "question": question, "gold": gold, _TABLE_KEY: said}
            yield Row(f"{file}:{number}", fields)
