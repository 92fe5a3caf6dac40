"""MMBench: four-choice questions, each asked once per rotation of its options; 1,164 in the dev file of July 2023."""

from __future__ import annotations

import binascii
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from dataengine.core.errors import InputError
from dataengine.core.questions import AnswerMode, Question
from dataengine.core.units import ScoringUnit
from dataengine.evaluation.benchmarks.benchmark import Benchmark, Dataset, NeededFile, ScoredQuestion, types_of
from dataengine.evaluation.benchmarks.entries import Seen
from dataengine.evaluation.benchmarks.files import find_file
from dataengine.evaluation.benchmarks.mmbench_upload import write_mmbench_upload
from dataengine.evaluation.benchmarks.prompts import LETTER_SUFFIX, choice_prompt
from dataengine.evaluation.benchmarks.tsv import TsvFile, TsvRow
from dataengine.evaluation.scoring.mmbench import MMBenchVariant, circular_scores, group_of, score_mmbench
from dataengine.evaluation.scoring.scored_answer import ScoredAnswer
from dataengine.student.prompt_styles import style_of

_SOURCE = "the MMBench project's download page (open-compass/MMBench)"
_FILE = NeededFile("mmbench_dev_20230712.tsv", "questions and pictures", _SOURCE)
_PATTERNS = (_FILE.name, "*[mM][mM][bB]ench*dev*.tsv", "*[mM][mM][bB][eE][nN][cC][hH]*.tsv", "*.tsv")
_TODO = "Fetch the file again"
_LETTERS = "ABCDEFGH"
_NEEDED = ("index", "question")
# texts that the official tools' reader takes for an empty cell
_EMPTY = frozenset(
    ("", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A", "NA",
     "NULL", "NaN", "None", "n/a", "nan", "null")
)  # fmt: skip
_REFERENCE_AT_MOST = 64


class MMBench(Benchmark):
    """CircularEval (a question counts if all its rotations are right), or `plain`: the unrotated rows alone."""

    name = "mmbench"
    title = "MMBench"
    aliases = ("mmbench-dev", "mmb")
    task = "four choices, rotated"
    split = "dev (test: upload)"
    version = "20230712"
    metric = "circular accuracy"
    expected = 1_164
    chance_note = "0.4 % (four options) to 25 % (two)"
    files = (_FILE,)
    variants = ("exact-matching", "plain", "minigpt4", "minigpt4-plain")
    variant_aliases: Mapping[str, str] = {"circular": "exact-matching", "vanilla": "plain"}
    type_fields = ("category", "l2-category")
    modes = (AnswerMode.LETTER, AnswerMode.LIKELIHOOD)
    upload_suffix = ".xlsx"

    def read(self, data: Path) -> Dataset:
        """Every row is a question; images stay in the file."""
        tsv = TsvFile(find_file(data, _PATTERNS, _FILE), "image", _TODO)
        missing = [name for name in _NEEDED if name not in tsv.rows[0].cells]
        if missing:
            raise InputError(f"has no column {', '.join(missing)}", where=f"{tsv.path}:1", todo=_TODO)
        seen = Seen(tsv.path, "line")
        rows = {}
        questions = []
        for row in tsv.rows:
            seen.add(row.cells["index"], row.line - 1)
            rows[row.cells["index"]] = row
            questions.append(_question(row, f"{tsv.path}:{row.line}"))
        scorable = all("answer" in question.extra for question in questions)
        return Dataset(tuple(questions), Base64Images(tsv, rows), (tsv.path,), tsv.notes, scorable)

    def images(self, dataset: Dataset) -> list[str]:
        """Every row's image, also those of rotated rows, which are asked with the unrotated row's."""
        return [question.question_id for question in dataset.questions]

    def prompt(self, question: Question, family: str, mode: AnswerMode) -> str:
        """Hint, question, options, letter suffix; MiniGPT-4's task tag stands between hint and question."""
        asked = style_of(family).tagged(question.text)
        text = f"{question.hint}\n{asked}" if question.hint else asked
        if mode is not AnswerMode.LETTER:
            return choice_prompt(text, question.choices, mode)
        options = (f"{letter}. {choice}" for letter, choice in _options(question).items())
        return "\n".join([text, *options, LETTER_SUFFIX])

    def scorer_for(self, variant: str) -> Callable[[Question, str], ScoredAnswer]:
        """The letter rule, then the option-text rule, among the row's own options."""
        rule: MMBenchVariant = "minigpt4" if variant.startswith("minigpt4") else "exact-matching"

        def score(question: Question, prediction: str) -> ScoredAnswer:
            return score_mmbench(self.gold_text(question, variant), prediction, _options(question), rule)

        return score

    def gold_text(self, question: Question, variant: str) -> str:
        """The row's answer letter."""
        return str(question.extra.get("answer", ""))

    def selected(self, question: Question, variant: str) -> bool:
        """`plain` asks the rows that are not rotated."""
        index = int(question.question_id)
        return not variant.endswith("plain") or group_of(index) == index

    def group(self, question: Question) -> str:
        """The question that the row is a rotation of."""
        return str(group_of(int(question.question_id)))

    def counted(self, questions: Sequence[Question]) -> int:
        """Groups of rotated rows."""
        return len({group_of(int(question.question_id)) for question in questions})

    def units(self, scored_questions: Sequence[ScoredQuestion], variant: str) -> list[ScoringUnit]:
        """One unit per question: right if every row of its group is. Its type is that of its unrotated row."""
        rows = {int(scored.question.question_id): scored for scored in scored_questions}
        members: dict[int, list[str]] = defaultdict(list)
        for index in rows:
            members[group_of(index)].append(str(index))
        silent = {group_of(index) for index, scored in rows.items() if scored.prediction is None}
        scores = circular_scores({index: scored.answer.score for index, scored in rows.items()})
        return [
            ScoringUnit(
                key=str(group),
                question_type=rows[group].question.question_type,
                cluster=str(group),
                value=score,
                answered=group not in silent,
                types=types_of(rows[group].question),
                members=tuple(members[group]),
            )
            for group, score in scores.items()
        ]

    def extra(
        self, units: Sequence[ScoringUnit], scored_questions: Sequence[ScoredQuestion], variant: str
    ) -> dict[str, Any]:
        """How many rows there were, and the share of rows that are right."""
        right = sum(scored.answer.score for scored in scored_questions)
        return {"rows": len(scored_questions), "row_accuracy": 100 * right / max(1, len(scored_questions))}

    def chance(self, questions: Sequence[Question]) -> float:
        """Guessing every row of a group right by luck."""
        groups: dict[int, float] = {}
        for question in questions:
            group = group_of(int(question.question_id))
            groups[group] = groups.get(group, 1.0) / max(1, len(question.choices))
        return 100 * sum(groups.values()) / max(1, len(groups))

    def upload(self, questions: Sequence[Question], predictions: Mapping[str, str], target: Path) -> None:
        """The evaluation server's spreadsheet: index, question, options, answer where known, prediction."""
        write_mmbench_upload(questions, predictions, target)


class Base64Images:
    """Images as base64 cells of the TSV; a short number instead of an image names the row that holds it."""

    def __init__(self, tsv: TsvFile, rows: Mapping[str, TsvRow]) -> None:
        self._tsv = tsv
        self._rows = rows

    def __call__(self, name: str) -> bytes:
        """The decoded bytes. Raises InputError that names the line, where the cell is empty or broken."""
        cell = self._tsv.large_cell(self._row(name)).strip(b'"')
        try:
            image = binascii.a2b_base64(cell, strict_mode=True)
        except binascii.Error as error:
            raise InputError(f"the picture is broken base64: {error}", where=self.place(name), todo=_TODO) from error
        if not image:
            raise InputError("there is no picture", where=self.place(name), todo=_TODO)
        return image

    def place(self, name: str) -> str:
        """File and line of the row that holds the image."""
        return f"{self._tsv.path}:{self._row(name).line}"

    def _row(self, name: str) -> TsvRow:
        row = self._rows.get(name) or self._rotation(name)
        start, end = row.large
        if end - start <= _REFERENCE_AT_MOST:
            other = self._tsv.large_cell(row).decode("ascii", "replace").strip('"')
            row = self._rows.get(other, row)
        return row

    def _rotation(self, name: str) -> TsvRow:
        """Some row of a group whose unrotated row is not in the file."""
        return next(row for index, row in self._rows.items() if str(group_of(int(index))) == name)


def _question(row: TsvRow, where: str) -> Question:
    cells = row.cells
    if not cells["index"].isdigit():
        raise InputError(f"`index` is {cells['index']!r} instead of a number", where=where, todo=_TODO)
    options = {letter: cells[letter] for letter in _LETTERS if cells.get(letter, "") not in _EMPTY}
    answer = cells.get("answer", "")
    if answer and answer not in tuple(_LETTERS):
        raise InputError(f"`answer` is {answer!r} instead of a letter", where=where, todo=_TODO)
    hint = cells.get("hint", "")
    types = {"category": cells.get("category", "unknown"), "l2-category": cells.get("l2-category", "unknown")}
    extra: dict[str, object] = {"types": types, "letters": tuple(options)}
    if answer:
        extra["answer"] = answer
    return Question(
        question_id=cells["index"],
        # one image for all rotations, so that a split by image keeps them together
        image=str(group_of(int(cells["index"]))),
        text=cells["question"],
        question_type=types["category"],
        choices=tuple(options.values()),
        gold=list(options).index(answer) if answer in options else None,
        hint="" if hint in _EMPTY else hint,
        extra=extra,
    )


def _options(question: Question) -> dict[str, str]:
    letters = question.extra["letters"]
    return dict(zip(letters if isinstance(letters, tuple) else (), question.choices, strict=True))
