"""How a family was taught to be asked, for the benchmarks: kept apart from its weights, so that evaluation needs no
torch.

A family that is not here is asked as LLaVA-1.5 is, which most models of today understand.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

SHORT_SUFFIX = "Answer the question using a single word or phrase."


@dataclass(frozen=True, slots=True)
class PromptStyle:
    """``tag`` stands before a question. ``short`` asks ``{question}`` for a word or phrase. ``options_in_line``:
    options as ``(A) …`` one after the other, else ``A. …`` one a line."""

    tag: str = ""
    short: str = f"{{question}}\n{SHORT_SUFFIX}"
    options_in_line: bool = False

    def tagged(self, text: str) -> str:
        """The text with the tag before it, if there is one."""
        return f"{self.tag} {text}" if self.tag else text

    def short_question(self, question: str) -> str:
        """An open question that wants a word or phrase."""
        return self.tagged(self.short.replace("{question}", question))

    def options(self, choices: Sequence[str]) -> str:
        """The options with their letters."""
        letters = [chr(ord("A") + i) for i in range(len(choices))]
        if self.options_in_line:
            return " ".join(f"({letter}) {choice}" for letter, choice in zip(letters, choices, strict=True))
        return "\n".join(f"{letter}. {choice}" for letter, choice in zip(letters, choices, strict=True))


PLAIN = PromptStyle()
MINIGPT4 = PromptStyle(
    "[vqa]", "Based on the image, respond to this question with a short answer: {question}", options_in_line=True
)
STYLES = {"minigpt4": MINIGPT4, "minigpt4-v2": MINIGPT4}
"""By family. A new family with a style of its own is one line here."""


def style_of(family: str) -> PromptStyle:
    """How that family is asked."""
    return STYLES.get(family, PLAIN)
