"""Llama's tokenizer from ``tokenizer.model`` alone, without the sentencepiece package.

The package's newest release refuses to load beside the protobuf that our events are made with, and all that is needed
of the file is its list of pieces. Merges follow from it: two pieces whose join is a piece merge, earlier ones first.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import cast

from transformers import AutoTokenizer, LlamaTokenizer, PreTrainedTokenizerBase

_PIECES, _TEXT, _KIND = 1, 1, 3
"""Field numbers of sentencepiece_model.proto: ModelProto.pieces, and of a piece its text and its type."""
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_ORDINARY = 1


def load_llama_tokenizer(folder: Path, *, legacy: bool | None) -> PreTrainedTokenizerBase:
    """From tokenizer.json if there is one, else from tokenizer.model; padding goes to the left.

    ``legacy`` is SentencePiece's dummy space before the text after a special token: prompts of Llama 1 and 2 were
    tokenised with it. None: what tokenizer_config.json says, and True where it is silent, as it was when those models
    were made. It must be said at every load, because transformers 5 does not save it. Raises OSError, ValueError.
    """
    settings = folder / "tokenizer_config.json"
    said = json.loads(settings.read_text()) if settings.is_file() else {}
    if legacy is None:
        legacy = bool(said.get("legacy", True))
    if (folder / "tokenizer.json").is_file():
        tokenizer = AutoTokenizer.from_pretrained(folder, legacy=legacy, local_files_only=True)
    else:
        tokenizer = _from_pieces(folder / "tokenizer.model", legacy)
    tokenizer.padding_side = "left"
    return cast(PreTrainedTokenizerBase, tokenizer)


def _from_pieces(path: Path, legacy: bool) -> LlamaTokenizer:
    pieces = read_pieces(path)
    ids = {text: i for i, (text, _) in enumerate(pieces)}
    ordinary = {text for text, kind in pieces if kind == _ORDINARY}
    merges = [
        (text[:cut], text[cut:])
        for text, kind in pieces
        if kind == _ORDINARY
        for cut in range(1, len(text))
        if text[:cut] in ordinary and text[cut:] in ordinary
    ]
    # rank is the joined piece's place in the file; among its splits, the one with the shorter left half comes first
    merges.sort(key=lambda pair: (ids[pair[0] + pair[1]], len(pair[0])))
    return LlamaTokenizer(vocab=ids, merges=merges, legacy=legacy, add_bos_token=True)


def read_pieces(path: Path) -> list[tuple[str, int]]:
    """(text, type) of every piece in the order of their ids. Raises ValueError where the file is not such a model."""
    data = path.read_bytes()
    try:
        pieces = [_piece(value) for field, value in _fields(data) if field == _PIECES and isinstance(value, bytes)]
    except (IndexError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: is no SentencePiece model: {error}") from error
    if not pieces:
        raise ValueError(f"{path}: is no SentencePiece model: it has no pieces")
    return pieces


def _piece(data: bytes) -> tuple[str, int]:
    held = dict(_fields(data))
    text, kind = held.get(_TEXT, b""), held.get(_KIND, _ORDINARY)
    if not isinstance(text, bytes) or not isinstance(kind, int):
        raise IndexError("a piece without a text")
    return text.decode("utf-8"), kind


def _fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """(field number, value) of a protobuf message. Raises IndexError where it is cut off or not one."""
    at = 0
    while at < len(data):
        key, at = _number(data, at)
        wire = key & 7
        if wire == _VARINT:
            value, at = _number(data, at)
            yield key >> 3, value
            continue
        if wire == _BYTES:
            size, at = _number(data, at)
        elif wire in (_FIXED64, _FIXED32):
            size = 8 if wire == _FIXED64 else 4
        else:
            raise IndexError(f"wire type {wire}")
        if at + size > len(data):
            raise IndexError("cut off")
        yield key >> 3, data[at : at + size]
        at += size


def _number(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at
