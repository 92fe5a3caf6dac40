"""Llama's tokenizer from ``tokenizer.model`` alone, without the sentencepiece package.

The package's newest release refuses to load beside the protobuf that our events are made with, and all that is needed
of the file is its list of pieces. Merges follow from it: two pieces whose join is a piece merge, earlier ones first.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any, cast

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError
from transformers import AutoTokenizer, LlamaTokenizer, PreTrainedTokenizerBase

_ORDINARY = 1
"""The type of a piece that is neither a control, a byte nor unknown; what a piece is that names no type."""


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
    model = _model_type()()
    try:
        model.ParseFromString(path.read_bytes())
        pieces = [(piece.piece, piece.type) for piece in model.pieces]
    except (DecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: is no SentencePiece model: {error}") from error
    if not pieces:
        raise ValueError(f"{path}: is no SentencePiece model: it has no pieces")
    return pieces


@cache
def _model_type() -> type[Any]:
    """Of sentencepiece_model.proto what is needed here: ModelProto.pieces, and of a piece its text and its type."""
    kinds = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="dataengine/sentencepiece_model.proto", package="dataengine.student")
    piece = file.message_type.add(name="SentencePiece")
    piece.field.add(name="piece", number=1, type=kinds.TYPE_STRING, label=kinds.LABEL_OPTIONAL)
    piece.field.add(
        name="type", number=3, type=kinds.TYPE_INT32, label=kinds.LABEL_OPTIONAL, default_value=str(_ORDINARY)
    )
    model = file.message_type.add(name="ModelProto")
    model.field.add(
        name="pieces",
        number=1,
        type=kinds.TYPE_MESSAGE,
        label=kinds.LABEL_REPEATED,
        type_name=".dataengine.student.SentencePiece",
    )
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("dataengine.student.ModelProto"))
