"""VQA accuracy over several human answers: VQAv2, OKVQA, and VizWiz's m4c variant.

Four published tools compute it, each differently; `VqaScorer` names them:

vqaeval   the official VQAEval (default): golds and prediction are normalised only if the golds are not all one string
m4c       EvalAI's processor (LLaVA): always normalises both, leaves one out by position
lavis     LAVIS: always normalises the prediction; where golds differ, their punctuation only
minigpt4  VQAEval, but compared without regard to case

Accuracy of a prediction: for each gold, min(1, matches among the *other* golds / 3); the mean of that over the golds.
Source: Antol et al., VQA, ICCV 2015, as the tool computes it since 2017.
"""

from collections import Counter
from collections.abc import Callable, Hashable, Sequence, Set
from typing import Literal, NamedTuple

from dataengine.evaluation.scoring.scored_answer import ScoredAnswer
from dataengine.evaluation.scoring.vqa_text import flatten, normalise_m4c, normalise_vqaeval, punctuation

VqaVariant = Literal["vqaeval", "m4c", "lavis", "minigpt4"]

_FULL_AGREEMENT = 3


class Golds(NamedTuple):
    """The human answers to one question.

    `records` says what makes each gold a record of its own besides its text (for the official tool "other" golds are
    those that differ as a whole record); None if every record is distinct, as with the usual `answer_id` 1 to 10.
    """

    answers: tuple[str, ...]
    records: tuple[Hashable, ...] | None = None


def leave_one_out(matches: int, n: int) -> float:
    """The accuracy (0 to 1) of an answer that equals `matches` of `n` distinct golds; n = 10: 0, .3, .6, .9, 1."""
    if not 0 <= matches <= n or n == 0:
        raise ValueError(f"{matches} matches among {n} gold answers cannot be")
    inside = min(matches - 1, _FULL_AGREEMENT) if matches else 0
    outside = min(matches, _FULL_AGREEMENT)
    return (matches * inside + (n - matches) * outside) / (_FULL_AGREEMENT * n)


def leave_one_out_records(answers: Sequence[str], records: Sequence[Hashable], prediction: str) -> float:
    """The same where golds may be equal as whole records: leaving one out leaves out all its equals."""
    copies = Counter(zip(answers, records, strict=True))
    matches = answers.count(prediction)
    thirds = 0
    for (answer, _), count in copies.items():
        others = matches - count if answer == prediction else matches
        thirds += count * min(others, _FULL_AGREEMENT)
    return thirds / (_FULL_AGREEMENT * len(answers))


class _Remembered(dict[str, str]):
    """Text -> its normalisation, worked out once per distinct text."""

    def __init__(self, normalise: Callable[[str], str]) -> None:
        super().__init__()
        self._normalise = normalise

    def __missing__(self, text: str) -> str:
        result = self[text] = self._normalise(text)
        return result


class VqaScorer:
    """Scores predictions against golds by one published tool, remembering each distinct text's normalisation.

    One instance per scoring: 2 million answers have far fewer distinct texts. `variant` as in the module's page.
    """

    def __init__(self, variant: VqaVariant = "vqaeval") -> None:
        self.variant = variant
        self._flat = _Remembered(flatten)
        self._normal = _Remembered(normalise_m4c if variant == "m4c" else normalise_vqaeval)
        self._unpunctuated = _Remembered(punctuation)
        scorers: dict[VqaVariant, Callable[[Golds, str], ScoredAnswer]] = {
            "vqaeval": self._vqaeval,
            "m4c": self._m4c,
            "lavis": self._lavis,
            "minigpt4": self._minigpt4,
        }
        self._scorer = scorers[variant]

    def score(self, golds: Golds, prediction: str) -> ScoredAnswer:
        """The prediction as the tool compared it, and its accuracy (0 to 1).

        Raises ValueError if there is no gold, or not exactly 10 for m4c, whose official tool refuses those.
        """
        if not golds.answers:
            raise ValueError("a question without gold answers cannot be scored")
        return self._scorer(golds, prediction)

    def _rule(self, distinct: Set[str]) -> _Remembered:
        """VQAEval normalises only where the golds differ once their outer blanks are off."""
        unanimous = len(distinct) == 1 or len({self._flat[answer] for answer in distinct}) == 1
        return self._flat if unanimous else self._normal

    def _vqaeval(self, golds: Golds, prediction: str) -> ScoredAnswer:
        answers = golds.answers
        distinct = set(answers)
        normal = self._rule(distinct)
        said = normal[prediction]
        if golds.records is None:
            # of ten golds few are distinct: count those instead of normalising each
            matches = sum([answers.count(answer) for answer in distinct if normal[answer] == said])
            return ScoredAnswer(said, leave_one_out(matches, len(answers)))
        return _compare(tuple(map(normal.__getitem__, answers)), golds.records, said)

    def _m4c(self, golds: Golds, prediction: str) -> ScoredAnswer:
        if len(golds.answers) != 10:
            raise ValueError(f"m4c needs exactly 10 gold answers, not {len(golds.answers)}")
        return _compare(tuple(map(self._normal.__getitem__, golds.answers)), None, self._normal[prediction])

    def _lavis(self, golds: Golds, prediction: str) -> ScoredAnswer:
        answers = golds.answers
        if len(set(answers)) > 1:
            answers = tuple(map(self._unpunctuated.__getitem__, answers))
        return _compare(answers, golds.records, self._normal[prediction])

    def _minigpt4(self, golds: Golds, prediction: str) -> ScoredAnswer:
        normal = self._rule(set(golds.answers))
        answers, said = tuple(map(normal.__getitem__, golds.answers)), normal[prediction]
        # golds that differ only in case match alike but are still records of their own
        records = None if golds.records is None else tuple(zip(golds.records, answers, strict=True))
        return _compare(tuple(answer.lower() for answer in answers), records, said.lower())


def _compare(answers: tuple[str, ...], records: tuple[Hashable, ...] | None, said: str) -> ScoredAnswer:
    if records is None:
        return ScoredAnswer(said, leave_one_out(answers.count(said), len(answers)))
    return ScoredAnswer(said, leave_one_out_records(answers, records, said))
