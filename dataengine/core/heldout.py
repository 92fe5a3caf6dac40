"""Fingerprints by which a leak of held-out questions is recognised without showing them to anybody."""

from __future__ import annotations

import re

from dataengine.core.identity import digest_of

_SPECIFIC_WORDS = 12
"""A question of so many words is specific enough that its text alone, without the image, gives it away."""


def normalised_question(text: str) -> str:
    """Lower case, words only, single blanks."""
    return " ".join(re.findall(r"[a-z0-9]+", text.lower()))


def question_fingerprints(text: str, image_digest: str) -> frozenset[str]:
    """Digests under which a question counts as the same: with its image, and alone if it has 12 words or more.

    Short questions ("What color is the car?") are asked of many images; their text alone leaks nothing.
    """
    plain = normalised_question(text)
    together = digest_of(f"{plain}\x1f{image_digest}".encode())
    if len(plain.split()) < _SPECIFIC_WORDS:
        return frozenset({together})
    return frozenset({together, digest_of(plain.encode())})
