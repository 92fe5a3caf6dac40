"""What an answer is worth, by the way it was asked for."""

from __future__ import annotations

from collections.abc import Callable

from dataengine.core.errors import ConfigurationError
from dataengine.core.heldout import normalised_question
from dataengine.core.questions import Answer, AnswerMode, Question
from dataengine.evaluation.benchmarks.benchmark import Benchmark
from dataengine.evaluation.scoring.scored_answer import ScoredAnswer

Scorer = Callable[[Question, Answer], ScoredAnswer]


def scorer_of(benchmark: Benchmark, mode: AnswerMode, variant: str | None) -> Scorer:
    """The scorer of a run: a likelihood ranking is scored alike everywhere, and so is free text where the
    variant's scorer cannot read it; everything else as the benchmark's variant says (its default for None). Raises
    ConfigurationError for an unknown variant, and for a mode in which the benchmark is not asked."""
    chosen = benchmark.variant(variant)
    if mode not in benchmark.modes:
        raise ConfigurationError(
            f"{benchmark.title} is not asked in the mode {mode.value}",
            where="benchmark.mode",
            todo=f"Choose one of: {', '.join(known.value for known in benchmark.modes)}",
        )
    if mode is AnswerMode.LIKELIHOOD:
        return _likeliest
    if mode is AnswerMode.FREE_FORM and not benchmark.reads_free_text(chosen):
        return _same_words
    scorer = benchmark.scorer_for(chosen)
    return lambda question, answer: scorer(question, answer.text)


def _likeliest(question: Question, answer: Answer) -> ScoredAnswer:
    """1 if the right choice has the least loss (SEED-Bench's own way); the first of equals counts."""
    place = min(range(len(answer.choice_losses)), key=answer.choice_losses.__getitem__)
    return ScoredAnswer(question.choices[place], float(place == question.gold))


def _same_words(question: Question, answer: Answer) -> ScoredAnswer:
    """1 if the text is the right choice's, apart from case and punctuation."""
    said = normalised_question(answer.text)
    return ScoredAnswer(said, float(said == normalised_question(question.answer_text)))
