"""What base training showed how often: why the base is strong at some question types and weak at others."""

from __future__ import annotations

from collections.abc import Mapping

SHARES: Mapping[str, float] = {
    "about": 0.18,
    "cell": 0.12,
    "compared": 0.05,
    "q1": 0.12,
    "q2": 0.10,
    "q3": 0.14,
    "q4": 0.07,
    "q5": 0.13,
    "q6": 0.05,
    "q8": 0.015,
}
"""Shares of the short tasks of the last stage (`train_language.turn` says what each is). Text (q9) and interaction (q7)
are shown in whole-picture descriptions only. Replay draws from the same shares."""
