"""A user's own benchmark: a YAML, a file, one of the scorers."""

import json
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from dataengine.core.errors import ConfigurationError, InputError
from dataengine.core.questions import AnswerMode
from dataengine.evaluation.benchmarks.registry import find_benchmark
from dataengine.evaluation.offline.predictions import Predictions, score_predictions
from dataengine.evaluation.offline.scorecard import scorecard
from tests.unit.evaluation.benchmarks.official_files import put

CHOICES = """
name: signs
file: questions.{suffix}
pictures: pictures
columns: {{id: id, question: ask, picture: file, answer: right, choices: {choices}, type: kind}}
prompt: "{{question}}\\n{{options}}\\nOne letter."
scorer: letter
"""
ROWS = [
    {"id": "a", "ask": "What?", "file": "1.png", "right": "B", "one": "stop", "two": "go", "kind": "word"},
    {"id": "b", "ask": "Which?", "file": "2.png", "right": "stop", "one": "stop", "two": "go", "kind": "shape"},
]


def write(folder: Path, suffix: str) -> Path:
    path = folder / f"questions.{suffix}"
    if suffix == "parquet":
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(ROWS), path)
    elif suffix == "jsonl":
        put(path, "".join(json.dumps(row) + "\n" for row in ROWS))
    else:
        mark = "\t" if suffix == "tsv" else ","
        put(path, "\n".join(mark.join(cells) for cells in ([*ROWS[0]], *([*row.values()] for row in ROWS))) + "\n")
    return put(folder / "signs.yaml", CHOICES.format(suffix=suffix, choices="[one, two]"))


@pytest.mark.parametrize("suffix", ["jsonl", "parquet", "tsv", "csv"])
def test_it_is_read_asked_and_scored(suffix: str, tmp_path: Path) -> None:
    benchmark = find_benchmark(str(write(tmp_path, suffix)))
    dataset = benchmark.read(tmp_path)
    assert [question.gold for question in dataset.questions] == [1, 0]
    assert benchmark.prompt(dataset.questions[0], "x", AnswerMode.LETTER) == "What?\nA. stop\nB. go\nOne letter."
    card = scorecard(
        benchmark,
        score_predictions(benchmark, dataset, Predictions(tmp_path, {"a": "B", "b": "B"}), "letter"),
        "letter",
    )
    assert (card.benchmark, card.score, card.by_type["word"].score, card.extra["chance"]) == (
        "signs",
        50.0,
        100.0,
        50.0,
    )


@pytest.mark.parametrize(
    ("scorer", "answer", "said", "score"),
    [
        ("exact", "red", "red", 1.0),
        ("exact-caseless", "red", "Red.", 1.0),
        ("yes-no", "yes", "Yes, sure", 1.0),
        ("any-of-three", ["red", "red", "pink"], "red", 2 / 3),
        ("vqaeval", ["red"] * 3 + list("abcdefg"), "The red!", 0.9),
        ("m4c", ["red"] * 10, "the Red", 1.0),
    ],
)
def test_open_questions_take_each_scorer(
    scorer: str, answer: str | list[str], said: str, score: float, tmp_path: Path
) -> None:
    put(tmp_path / "q.jsonl", json.dumps({"question": "Color?", "image": "1", "answer": answer}) + "\n")
    path = put(tmp_path / "own.yaml", f"name: own\nfile: q.jsonl\nscorer: {scorer}\n")
    benchmark = find_benchmark(str(path))
    rows = score_predictions(benchmark, benchmark.read(tmp_path), Predictions(path, {"0": said}), benchmark.variants[0])
    assert rows[0].answer.score == pytest.approx(score)


@pytest.mark.parametrize(
    ("said", "letter"), [("first-letter", "b..."), ("option", "go away"), ("letter-or-sentence", "The answer is B.")]
)
def test_choices_take_each_scorer(said: str, letter: str, tmp_path: Path) -> None:
    path = write(tmp_path, "jsonl")
    path.write_text(path.read_text().replace("scorer: letter", f"scorer: {said}"))
    benchmark = find_benchmark(str(path))
    assert benchmark.score_answer(benchmark.read(tmp_path).questions[0], letter, said).score == 1.0


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("scorer: letter", "scorer: guess", r"signs.yaml: scorer: Input should be 'letter'"),
        ("scorer: letter", "scorer: letter\ncolour: red", r"signs.yaml: colour: Extra inputs"),
        ("question: ask", "ask: ask", r"signs.yaml: columns.ask: Extra inputs"),
        ("name: signs", "name: [", r"signs.yaml: cannot be read"),
        ("One letter.", "{letters}", r"signs.yaml: prompt: 'letters' is none of"),
        ("questions.jsonl", "questions.doc", r"questions.doc is of no known type"),
    ],
)
def test_a_broken_yaml_is_refused(old: str, new: str, said: str, tmp_path: Path) -> None:
    path = write(tmp_path, "jsonl")
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(ConfigurationError, match=said):
        find_benchmark(str(path)).read(tmp_path)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"right": "B"', '"right": "Q"', r"questions.jsonl, row 1: the answer 'Q' is neither a letter nor"),
        ('"ask": "Which?"', '"ask": ""', r"row 2: `ask` is empty"),
        ('"file"', '"picture"', r"row 1: there is no column `file`, only id, ask, picture"),
        ('"id": "b"', '"id": "a"', r"row 2: the question id a was already used by row 1"),
    ],
)
def test_a_broken_row_is_refused(old: str, new: str, said: str, tmp_path: Path) -> None:
    benchmark = find_benchmark(str(write(tmp_path, "jsonl")))
    path = tmp_path / "questions.jsonl"
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(InputError, match=said):
        benchmark.read(tmp_path)


def test_a_missing_yaml_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"nowhere.yaml: there is no such file"):
        find_benchmark(str(tmp_path / "nowhere.yaml"))
