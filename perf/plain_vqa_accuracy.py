"""VQA accuracy in its straightforward form, to be measured against: every text of every question is normalised anew,
and each gold's others are collected by comparing whole records, as the definition reads."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from dataengine.evaluation.scoring.vqa_text import CONTRACTIONS

_MARKS = [";", "/", "[", "]", '"', "{", "}", "(", ")", "=", "+", "\\", "_", "-", ">", "<", "@", "`", ",", "?", "!"]
_THOUSANDS = re.compile(r"(\d)(,)(\d)")
_PERIOD = re.compile(r"\.(?!\d)")
_NUMBERS = {
    "none": "0", "zero": "0", "one": "1", "two": "2", "three": "3", "four": "4", "five": "5", "six": "6", "seven": "7",
    "eight": "8", "nine": "9", "ten": "10",
}  # fmt: skip
_ARTICLES = ["a", "an", "the"]


def plain_accuracy(answers: Sequence[Mapping[str, object]], prediction: str) -> float:
    """The accuracy (0 to 1) of one prediction against answer records with the key `answer`."""
    records: list[dict[str, object]] = [{**record, "answer": _flat(str(record["answer"]))} for record in answers]
    said = _flat(prediction)
    if len({record["answer"] for record in records}) > 1:
        records = [{**record, "answer": _normal(str(record["answer"]))} for record in records]
        said = _normal(said)
    accuracies = []
    for record in records:
        others = [other for other in records if other != record]
        matching = [other for other in others if other["answer"] == said]
        accuracies.append(min(1.0, len(matching) / 3))
    return sum(accuracies) / len(accuracies)


def _flat(text: str) -> str:
    return text.replace("\n", " ").replace("\t", " ").strip()


def _normal(text: str) -> str:
    out = text
    for mark in _MARKS:
        touching = mark + " " in text or " " + mark in text
        out = out.replace(mark, "" if touching or _THOUSANDS.search(text) is not None else " ")
    out = _PERIOD.sub("", out, count=32)
    words = []
    for word in out.lower().split():
        digit = _NUMBERS.get(word, word)
        if digit not in _ARTICLES:
            words.append(CONTRACTIONS.get(digit, digit))
    return " ".join(words)
