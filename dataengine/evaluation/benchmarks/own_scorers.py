"""The scorers that a user's own benchmark can name, each a published rule."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple, get_args

from dataengine.core.questions import Question
from dataengine.evaluation.scoring.aokvqa import score_direct
from dataengine.evaluation.scoring.gqa import score_gqa
from dataengine.evaluation.scoring.mmbench import score_mmbench
from dataengine.evaluation.scoring.mme import score_mme
from dataengine.evaluation.scoring.scienceqa import score_scienceqa
from dataengine.evaluation.scoring.scored_answer import ScoredAnswer
from dataengine.evaluation.scoring.seed import score_letter_llava, score_letter_minigpt4
from dataengine.evaluation.scoring.vqa import Golds, VqaScorer, VqaVariant

ScorerName = Literal[
    "letter", "first-letter", "option", "letter-or-sentence",
    "exact", "exact-caseless", "yes-no", "any-of-three", "vqaeval", "m4c",
]  # fmt: skip
TextScorer = Callable[[Question, str], ScoredAnswer]


class Scorer(NamedTuple):
    """How to make the scorer for one scoring, and whether it needs choices."""

    make: Callable[[], TextScorer]
    choices: bool


def needs_choices(name: ScorerName) -> bool:
    """Whether the scorer reads an option."""
    return SCORERS[name].choices


def _letter(question: Question) -> str:
    return chr(ord("A") + (question.gold or 0))


def _options(question: Question) -> dict[str, str]:
    return {chr(ord("A") + i): choice for i, choice in enumerate(question.choices)}


def _vqa(variant: VqaVariant) -> Callable[[], TextScorer]:
    def make() -> TextScorer:
        scorer = VqaScorer(variant)
        return lambda question, said: scorer.score(Golds(question.references), said)

    return make


def _always(scorer: TextScorer) -> Callable[[], TextScorer]:
    return lambda: scorer


SCORERS: dict[ScorerName, Scorer] = {
    # the exact letter, as LLaVA scores SEED-Bench
    "letter": Scorer(_always(lambda q, said: score_letter_llava(_letter(q), said)), choices=True),
    # the first character in either case, as MiniGPT-4 scores SEED-Bench
    "first-letter": Scorer(_always(lambda q, said: score_letter_minigpt4(_letter(q), said)), choices=True),
    # a letter or an option's text anywhere, as MMBench
    "option": Scorer(_always(lambda q, said: score_mmbench(_letter(q), said, _options(q))), choices=True),
    # "B", "B. …" or "The answer is B.", as LLaVA scores ScienceQA
    "letter-or-sentence": Scorer(
        _always(lambda q, said: score_scienceqa(q.gold or 0, said, len(q.choices))), choices=True
    ),
    # the text itself, as GQA
    "exact": Scorer(_always(lambda q, said: score_gqa(q.references[0], said)), choices=False),
    # trailing periods off, then lower-cased, as LLaVA scores GQA
    "exact-caseless": Scorer(_always(lambda q, said: score_gqa(q.references[0], said, "llava")), choices=False),
    # the first four characters, as MME
    "yes-no": Scorer(_always(lambda q, said: score_mme(q.references[0], said)), choices=False),
    # min(1, matches / 3) of a list of answers, as A-OKVQA
    "any-of-three": Scorer(_always(lambda q, said: score_direct(q.references, said)), choices=False),
    # leave-one-out VQA accuracy, by the official tool or by EvalAI's normaliser (which needs ten answers)
    "vqaeval": Scorer(_vqa("vqaeval"), choices=False),
    "m4c": Scorer(_vqa("m4c"), choices=False),
}
assert set(SCORERS) == set(get_args(ScorerName))
