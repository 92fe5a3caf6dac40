"""What base training showed how often: why the base is strong at some question types and weak at others."""

from __future__ import annotations

from collections.abc import Mapping

ANSWERING: Mapping[str, float] = {
    "about": 0.15,
    "cell": 0.07,
    "compared": 0.28,
    "present": 0.04,
    "q1": 0.06,
    "q2": 0.07,
    "q3": 0.08,
    "q4": 0.05,
    "q5": 0.18,
    "q8": 0.02,
}
"""Shares of the short tasks of the stage that teaches to answer (`facts.turn` says what each is)."""

SHARES: Mapping[str, float] = {
    "about": 0.09,
    "cell": 0.04,
    "compared": 0.46,
    "present": 0.03,
    "q1": 0.05,
    "q2": 0.07,
    "q3": 0.10,
    "q4": 0.04,
    "q5": 0.10,
    "q8": 0.02,
}
"""The same of the last stage, and of replay. Relation (q6) is told in comparisons but never asked; interaction (q7) and
text (q9) are shown in whole-picture descriptions only."""
