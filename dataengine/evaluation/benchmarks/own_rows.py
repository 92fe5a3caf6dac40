"""Rows of a user's own question file: JSONL, Parquet, TSV or CSV."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from dataengine.core.errors import ConfigurationError, InputError
from dataengine.data.tables import decoded, text_rows
from dataengine.evaluation.benchmarks.files import json_lines, read_bytes

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
    header: list[str] = []
    for _, cells in text_rows(decoded(read_bytes(path, _TODO), path), delimiter, path, _TODO):
        if header:
            yield dict(zip(header, cells, strict=True))
        header = header or cells


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
