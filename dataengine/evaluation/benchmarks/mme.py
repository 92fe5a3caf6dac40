"""MME: yes / no questions, two per image, in ten perception and four cognition tasks; points, at most 2000 + 800."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from dataengine.core.errors import InputError
from dataengine.core.questions import AnswerMode, Question
from dataengine.core.units import ScoringUnit
from dataengine.evaluation.benchmarks.benchmark import Benchmark, Dataset, NeededFile, ScoredQuestion, row_id
from dataengine.evaluation.benchmarks.files import ImageFolders, read_text_lines
from dataengine.evaluation.scoring.mme import COGNITION, PERCEPTION, score_mme, task_score
from dataengine.evaluation.scoring.scored_answer import ScoredAnswer
from dataengine.student.prompt_styles import SHORT_SUFFIX, style_of

_SOURCE = "the MME project (BradyFU/Awesome-Multimodal-Large-Language-Models, branch Evaluation)"
_FOLDERS = NeededFile("<task>/", "one folder per task: pictures, and a text file of two questions for each", _SOURCE)
_TODO = "Fetch the task's folder again"
_ASK = "Please answer yes or no."
_TASKS = (*PERCEPTION, *COGNITION)
_SUFFIXES = (".jpg", ".png", ".jpeg")
_ROOTS = ("", "MME_Benchmark_release_version", "MME_Benchmark_release_version/MME_Benchmark", "MME_Benchmark", "*")


class Mme(Benchmark):
    """100 x accuracy + 100 x accuracy+ per task, summed over the tasks.

    `official` pairs consecutive answers of the prediction file, whatever images they name, as the official tool does;
    `by-picture` pairs the two questions of an image. They differ only if the answers are out of order.
    """

    name = "mme"
    title = "MME"
    task = "yes / no, two questions per picture"
    split = "14 tasks"
    version = "2023"
    metric = "100 accuracy + 100 accuracy+"
    expected = 2_374
    chance_note = "1050 points"
    files = (_FOLDERS,)
    variants = ("official", "by-picture")
    type_fields = ("task",)
    modes = (AnswerMode.FREE_FORM,)
    unit = "points"
    scale = 200.0
    total = "sum of types"

    def read(self, data: Path) -> Dataset:
        """Two questions per text file, tasks in the official order, images by name."""
        root = _root(data)
        questions: list[Question] = []
        notes: list[str] = []
        files: list[Path] = []
        for task in (task for task in _TASKS if (root / task).is_dir()):
            for path in _question_files(root / task):
                lines, remarks = read_text_lines(path, _TODO)
                questions += _questions(root, task, path, lines)
                notes += remarks[:1]
                files.append(path)
        absent = [task for task in _TASKS if not (root / task).is_dir()]
        if absent:
            notes.append(f"{root}: {len(absent)} of 14 tasks are absent: {', '.join(absent)}")
        return Dataset(tuple(questions), ImageFolders((root,)), tuple(files), tuple(notes))

    def prompt(self, question: Question, family: str, mode: AnswerMode) -> str:
        """LLaVA replaces the question's own "Please answer yes or no." by its short-answer suffix."""
        asked = question.text.replace(_ASK, "").strip()
        style = style_of(family)
        return style.tagged(question.text) if style.tag else style.short_question(asked)

    def scorer_for(self, variant: str) -> Callable[[Question, str], ScoredAnswer]:
        """The label that the first characters show."""
        return lambda question, prediction: score_mme(question.answer_text, prediction)

    def gold_text(self, question: Question, variant: str) -> str:
        """yes or no."""
        return question.answer_text

    def resolver(self, questions: Sequence[Question]) -> Callable[[Mapping[str, Any]], str | None]:
        """By our id, or by image and question, as the official lines, LLaVA and lmms-eval name them."""
        ids = {question.question_id for question in questions}
        asked: dict[tuple[str, str], list[str]] = defaultdict(list)
        for question in questions:
            asked[_image_key(question.image), _bare(question.text)].append(question.question_id)

        def resolve(row: Mapping[str, Any]) -> str | None:
            name = row_id(row)
            if name in ids or name is None:
                return name
            text = next((row[key] for key in ("prompt", "question") if isinstance(row.get(key), str)), "")
            found = asked.get((_image_key(name), _bare(text)), [name])
            # an image that is asked the same twice is answered twice, in order
            return found.pop(0) if len(found) > 1 else found[0]

        return resolve

    def group(self, question: Question) -> str:
        """Both questions of an image."""
        return question.image

    def units(self, scored_questions: Sequence[ScoredQuestion], variant: str) -> list[ScoringUnit]:
        """One unit per pair of answers, worth (accuracy + accuracy+) / 2 of the pair."""
        return [unit for rows in _by_task(scored_questions).values() for unit in _task_units(rows, variant)]

    def extra(
        self, units: Sequence[ScoringUnit], scored_questions: Sequence[ScoredQuestion], variant: str
    ) -> dict[str, Any]:
        """Perception and cognition sums, accuracy and accuracy+ per task, and pairs of two images, if any."""
        tasks = {
            task: task_score([row.answer.score for pair in _pairs(rows, variant) for row in pair])
            for task, rows in _by_task(scored_questions).items()
        }
        mixed = sum(unit.cluster.count("|") for unit in units)
        return {
            "perception": sum(tasks[task].points for task in PERCEPTION if task in tasks),
            "cognition": sum(tasks[task].points for task in COGNITION if task in tasks),
            "tasks": {
                task: {"accuracy": 100 * score.accuracy, "accuracy_plus": 100 * score.accuracy_plus}
                for task, score in tasks.items()
            },
            **({"pairs_of_two_pictures": mixed} if mixed else {}),
        }

    def chance(self, questions: Sequence[Question]) -> float:
        """Coin tosses: 50 + 25 points a task."""
        return 75.0 * len({question.question_type for question in questions})


def _root(data: Path) -> Path:
    if not data.is_dir():
        raise InputError("there is no such folder", where=str(data), todo=f"It comes from {_SOURCE}")
    for pattern in _ROOTS:
        for folder in [data] if not pattern else sorted(data.glob(pattern)):
            if any((folder / task).is_dir() for task in _TASKS):
                return folder
    raise InputError(
        "there is no folder of an MME task", where=str(data),
        todo=f"Put the folders there ({', '.join(_TASKS[:3])}, …); they come from {_SOURCE}",
    )  # fmt: skip


def _question_files(folder: Path) -> list[Path]:
    """The task's text files: in `questions_answers_YN`, or beside the images."""
    inside = folder / "questions_answers_YN"
    found = sorted((inside if inside.is_dir() else folder).glob("*.txt"))
    if not found:
        raise InputError("there are no question files (*.txt)", where=str(folder), todo=_TODO)
    return found


def _questions(root: Path, task: str, path: Path, lines: Sequence[str]) -> Iterator[Question]:
    lines = [line for line in lines if line.strip()]
    if len(lines) != 2:
        raise InputError(f"holds {len(lines)} questions instead of two", where=str(path), todo=_TODO)
    image = _image_of(root, task, path)
    for i, line in enumerate(lines, 1):
        question, tab, answer = line.rpartition("\t")
        answer = answer.strip().lower()
        if not tab or answer not in ("yes", "no"):
            raise InputError("is no question, tab, Yes or No", where=f"{path}:{i}", todo=_TODO)
        yield Question(
            question_id=f"{task}/{Path(image).name}#{i}",
            image=image,
            text=question.strip(),
            question_type=task,
            choices=("yes", "no"),
            gold=0 if answer == "yes" else 1,
            extra={"types": {"task": task}},
        )


def _image_of(root: Path, task: str, path: Path) -> str:
    """The image's path below the root; the likely one if it is missing, so that `check` can name it."""
    names = [f"{folder}/{path.stem}{suffix}" for folder in (f"{task}/images", task) for suffix in _SUFFIXES]
    return next((name for name in names if (root / name).is_file()), names[0])


def _image_key(name: str) -> str:
    """task/file, whatever lies between."""
    task, _, rest = name.partition("/")
    return f"{task}/{rest.rpartition('/')[2]}"


def _bare(text: str) -> str:
    return "".join(text.replace(SHORT_SUFFIX, "").replace(_ASK, "").split())


def _by_task(scored_questions: Sequence[ScoredQuestion]) -> dict[str, list[ScoredQuestion]]:
    tasks: dict[str, list[ScoredQuestion]] = defaultdict(list)
    for scored in scored_questions:
        tasks[scored.question.question_type].append(scored)
    return dict(tasks)


def _pairs(rows: Sequence[ScoredQuestion], variant: str) -> list[list[ScoredQuestion]]:
    """Consecutive answers of the prediction file; by image if one is missing, which would shift all later pairs."""
    if variant == "official" and all(row.prediction is not None for row in rows):
        ordered = sorted(rows, key=lambda row: row.place)
        return [ordered[i : i + 2] for i in range(0, len(ordered), 2)]
    images: dict[str, list[ScoredQuestion]] = defaultdict(list)
    for row in rows:
        images[row.question.image].append(row)
    return list(images.values())


def _task_units(rows: Sequence[ScoredQuestion], variant: str) -> Iterator[ScoringUnit]:
    for pair in _pairs(rows, variant):
        score = task_score([row.answer.score for row in pair])
        names = sorted({row.question.image for row in pair})
        yield ScoringUnit(
            key="+".join(sorted(row.question.question_id for row in pair)),
            question_type=pair[0].question.question_type,
            cluster="|".join(names),
            value=score.points / 200,
            answered=all(row.prediction is not None for row in pair),
            questions=len(pair),
            types={"task": pair[0].question.question_type},
            members=tuple(row.question.question_id for row in pair),
        )
