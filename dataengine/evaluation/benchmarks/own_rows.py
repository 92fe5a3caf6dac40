"""Rows of a user's own question file: JSONL, Parquet, TSV or CSV."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from dataengine.core.errors import ConfigurationError, InputError
from dataengine.evaluation.benchmarks.files import decode_utf8, json_lines, read_bytes

_TODO = "Correct the file that the YAML names"


def read_rows(path: Path) -> Iterator[Mapping[str, Any]]:
    """One mapping per row, by column. Raises InputError with file and line, ConfigurationError for other types."""
    suffix = path.suffix.lower()
    if suffix in (".jsonl", ".ndjson"):
        return (row for _, row in json_lines(path, _TODO))
    if suffix in (".tsv", ".csv"):
        return _table(path, "\t" if suffix == ".tsv" else ",")
    if suffix == ".parquet":
        return _parquet(path)
    raise ConfigurationError(
        f"{path.name} is of no known type", where=str(path), todo="Name a .jsonl, .parquet, .tsv or .csv file"
    )


def _table(path: Path, delimiter: str) -> Iterator[Mapping[str, Any]]:
    text = decode_utf8(read_bytes(path, _TODO).removeprefix(b"\xef\xbb\xbf"), path)
    csv.field_size_limit(sys.maxsize)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    header = next(reader, [])
    for cells in reader:
        if not cells:
            continue
        if len(cells) != len(header):
            raise InputError(
                f"has {len(cells)} cells instead of the header's {len(header)}: the file may be cut off",
                where=f"{path}:{reader.line_num}",
                todo=_TODO,
            )
        yield dict(zip(header, cells, strict=True))


def _parquet(path: Path) -> Iterator[Mapping[str, Any]]:
    import pyarrow
    import pyarrow.parquet

    if not path.is_file():
        raise InputError("there is no such file", where=str(path), todo=_TODO)
    try:
        file = pyarrow.parquet.ParquetFile(path)
        for batch in file.iter_batches():
            yield from batch.to_pylist()
    except (pyarrow.ArrowException, OSError) as error:
        raise InputError(f"is no complete Parquet file: {error}", where=str(path), todo=_TODO) from error
