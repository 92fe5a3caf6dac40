"""What an answer is worth, by the way it was asked for."""

from __future__ import annotations

from collections.abc import Callable

from dataengine.core.heldout import normalised_question
from dataengine.core.questions import Answer, AnswerMode, Question
from services.evaluator.benchmarks.benchmark import Benchmark
from services.evaluator.scoring.reading import Reading

Judge = Callable[[Question, Answer], Reading]


def judge_of(benchmark: Benchmark, mode: AnswerMode, variant: str | None) -> Judge:
    """The judge of a run: a likelihood ranking and free text about options are judged alike everywhere, everything else
    as the benchmark's variant says (its default for None). Raises ConfigurationError for an unknown variant."""
    if mode is AnswerMode.LIKELIHOOD:
        return _likeliest
    scorer = benchmark.judge_for(benchmark.variant(variant))

    def judge(question: Question, answer: Answer) -> Reading:
        if mode is AnswerMode.FREE_FORM and question.choices:
            return _same_words(question, answer)
        return scorer(question, answer.text)

    return judge


def _likeliest(question: Question, answer: Answer) -> Reading:
    """1 if the right choice has the least loss (SEED-Bench's own way); the first of equals counts."""
    place = min(range(len(answer.choice_losses)), key=answer.choice_losses.__getitem__)
    return Reading(question.choices[place], float(place == question.gold))


def _same_words(question: Question, answer: Answer) -> Reading:
    """1 if the text is the right choice's, apart from case and punctuation."""
    said = normalised_question(answer.text)
    return Reading(said, float(said == normalised_question(question.answer_text)))
