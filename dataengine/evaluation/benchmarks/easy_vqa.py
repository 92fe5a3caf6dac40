"""easy-VQA: what an image of one coloured shape shows; test split, 9,673 questions about 1,000 images."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from dataengine.core.heldout import normalised_question
from dataengine.core.questions import AnswerMode, Question
from dataengine.data.easy_vqa import CHOICES, EasyVqa, EasyVqaRow, easy_vqa_folder, read_easy_vqa
from dataengine.evaluation.benchmarks.benchmark import Benchmark, Dataset, NeededFile
from dataengine.evaluation.benchmarks.prompts import choice_prompt
from dataengine.evaluation.scoring.scored_answer import ScoredAnswer
from dataengine.student.prompt_styles import style_of

_SPLIT = "test"
_SOURCE = "the easy-VQA project (vzhou842/easy-VQA); the Python package easy-vqa carries it: give `installed` as folder"


class _Images:
    """The data set's images, by the names that its questions and samples give them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._source = EasyVqa(folder)

    def __call__(self, name: str) -> bytes:
        return self._source.read(name)

    def place(self, name: str) -> str:
        return str(self._folder / Path(name).relative_to("easy-vqa"))


class EasyVqaBenchmark(Benchmark):
    """Six kinds of question as types; the choices of a question are the answers that its kind can have.

    Question ids are the positions in the file, from 0.
    """

    name = "easy-vqa"
    title = "easy-VQA"
    task = "open questions, one word of few"
    split = _SPLIT
    version = "1.0"
    metric = "accuracy"
    expected = 9_673
    chance_note = "50 % for yes or no, 33 % for shapes, 13 % for colors"
    files = (
        NeededFile("test/questions.json", "the questions with their answers", _SOURCE),
        NeededFile("test/images/", "the pictures, named by number", _SOURCE),
    )
    modes = (AnswerMode.FREE_FORM, AnswerMode.LIKELIHOOD)

    def read(self, data: Path) -> Dataset:
        """Every question of the test split."""
        folder = easy_vqa_folder(data)
        rows = read_easy_vqa(_SPLIT, folder)
        questions = tuple(_question(str(place), row) for place, row in enumerate(rows))
        return Dataset(questions, _Images(folder), (folder / _SPLIT / "questions.json",))

    def prompt(self, question: Question, family: str, mode: AnswerMode) -> str:
        """The bare question where choices are ranked, else the short-answer prompt."""
        asked = choice_prompt(question.text, question.choices, mode)
        return style_of(family).tagged(asked)

    def scorer_for(self, variant: str) -> Callable[[Question, str], ScoredAnswer]:
        """The same word, apart from case and punctuation."""

        def score(question: Question, prediction: str) -> ScoredAnswer:
            said = normalised_question(prediction)
            return ScoredAnswer(said, float(said == question.answer_text))

        return score

    def gold_text(self, question: Question, variant: str) -> str:
        """The word, not its letter: there are no letters here."""
        return question.answer_text


def _question(question_id: str, row: EasyVqaRow) -> Question:
    choices = CHOICES[row.kind]
    return Question(question_id, row.image, row.question, row.kind, choices, choices.index(row.answer))
