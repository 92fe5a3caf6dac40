"""MMBench: reading an option letter out of free text, and circular groups.

Source: `can_infer` and the circular evaluation of VLMEvalKit, policy "exact matching" (no model reads the answers).
"""

from collections.abc import Mapping, Sequence
from typing import Literal

from dataengine.evaluation.scoring.scored_answer import ScoredAnswer

MMBenchVariant = Literal["exact-matching", "minigpt4"]

UNDECIDED = ""
NO_OPTION = "Z"

_REFUSALS = (
    "Sorry, I can't help with images of people yet.",
    "I can't process this file.",
    "I'm sorry, but without the image provided",
    "Cannot determine the answer",
)
_API_FAILURE = "Failed to obtain answer via API"
_BLANKED = str.maketrans(dict.fromkeys(".()[],:;!*#{}", " "))
_TOKENS_FROM_THE_END = 4
_GROUP = 1_000_000


def read_letter(text: str, letters: Sequence[str]) -> str:
    """The option letter that stands in `text` as a token of its own, Z for a refusal, or UNDECIDED.

    Exactly one of `letters` must occur (however often), first within the last four tokens; case counts. With none of
    them, a token Z reads as Z.
    """
    if _API_FAILURE in text:
        return UNDECIDED
    if any(refusal in text for refusal in _REFUSALS):
        return NO_OPTION
    tokens = text.translate(_BLANKED).split()
    found = [letter for letter in letters if letter in tokens]
    if len(found) == 1:
        near_the_end = tokens.index(found[0]) >= len(tokens) - _TOKENS_FROM_THE_END
        return found[0] if near_the_end else UNDECIDED
    return NO_OPTION if not found and NO_OPTION in tokens else UNDECIDED


def read_option_text(text: str, choices: Mapping[str, str]) -> str:
    """The letter of the only option whose text occurs in `text` (both lower-cased), or UNDECIDED.

    An answer more than twice as long as all options together is not read.
    """
    text = text.lower()
    if len(text) > 2 * sum(map(len, choices.values())):
        return UNDECIDED
    found = [letter for letter, choice in choices.items() if choice.lower() in text]
    return found[0] if len(found) == 1 else UNDECIDED


def read_option(text: str, choices: Mapping[str, str]) -> str:
    """The letter rule, then the option-text rule. `choices` maps the letters of the options present to their texts."""
    return read_letter(text, tuple(choices)) or read_option_text(text, choices)


def score_mmbench(
    gold: str, prediction: str, choices: Mapping[str, str], variant: MMBenchVariant = "exact-matching"
) -> ScoredAnswer:
    """The letter read and 1 if it is `gold`, else 0; undecided is wrong.

    minigpt4 capitalises the answer first (first letter up, the rest down), as its submission script does.
    """
    letter = read_option(prediction.capitalize() if variant == "minigpt4" else prediction, choices)
    return ScoredAnswer(letter, float(letter == gold))


def group_of(index: int) -> int:
    """The question that a rotated row belongs to: its index modulo a million."""
    return index % _GROUP


def circular_scores(rows: Mapping[int, float]) -> dict[int, float]:
    """Row index -> score (0 or 1) becomes group -> 1 if all its rows are right, else 0.

    A group counts only if its first row (index below a million) is there, as in the official tool.
    """
    groups = {index: score for index, score in rows.items() if index == group_of(index)}
    for index, score in rows.items():
        group = group_of(index)
        if group in groups:
            groups[group] = min(groups[group], score)
    return groups
