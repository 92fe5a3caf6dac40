"""Versions of a prompt, what was judged of each, and which of them is better: pure, and the same for every teacher.

A version is asked for one sample per case of a fixed probe set. A case fails where the sample is judged bad, cannot be
read, or is skipped: a prompt that declines everything is no improvement. Where the judge's reply cannot be read there
is no verdict, and the case counts neither way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dataengine.core.statistics import mcnemar_exact


@dataclass(frozen=True, slots=True)
class Failure:
    """A recorded failure: the bad question as it was written, the kind of failure, and why it is one."""

    bad_question: str
    failure_type: str
    explanation: str


Verdict = Failure | bool | None
"""True: good. A Failure: bad. None: not judged. (False does not occur.)"""


@dataclass(frozen=True, slots=True)
class Version:
    """A prompt's text with its number, the version that it was made from, why, and a verdict per case of the probe
    set."""

    number: int
    text: str
    digest: str
    parent: int | None
    why: str
    verdicts: tuple[Verdict, ...]

    @property
    def failures(self) -> tuple[Failure, ...]:
        """The failures, in the order of the cases."""
        return tuple(verdict for verdict in self.verdicts if isinstance(verdict, Failure))

    @property
    def judged(self) -> int:
        """How many cases have a verdict."""
        return sum(verdict is not None for verdict in self.verdicts)

    @property
    def failure_rate(self) -> float:
        """Failures per judged case; 1 where nothing was judged."""
        return len(self.failures) / self.judged if self.judged else 1.0


@dataclass(frozen=True, slots=True)
class Refused:
    """A proposal that is no prompt: what was wrong with it. It is told to the teacher, and counts as a try."""

    parent: int
    problem: str


@dataclass(frozen=True, slots=True)
class PairedTest:
    """Two versions on the cases that both were judged on: `gained` failed before and do not now, `lost` the reverse;
    `p` is the exact McNemar test's, times the number of versions that were compared with the first (Bonferroni: the
    best of many is better by chance)."""

    n: int
    gained: int
    lost: int
    p: float


@dataclass(frozen=True, slots=True)
class StopRule:
    """Stop after `versions` prompts in all, or `patience` tries in a row that did not lower the failure rate."""

    versions: int = 8
    patience: int = 2

    def stops(self, history: Sequence[Version | Refused]) -> bool:
        """Whether the search is over. The first version is no try."""
        if sum(isinstance(entry, Version) for entry in history) >= self.versions:
            return True
        best, idle = 1.1, 0
        for entry in history:
            better = isinstance(entry, Version) and entry.failure_rate < best
            best = entry.failure_rate if isinstance(entry, Version) and better else best
            idle = 0 if better else idle + 1
        return best == 0.0 or idle >= self.patience


def best_of(history: Sequence[Version | Refused]) -> Version:
    """The version with the lowest failure rate, the earlier one where two are alike."""
    return min((entry for entry in history if isinstance(entry, Version)), key=lambda v: (v.failure_rate, v.number))


def compare(first: Version, other: Version, versions: int) -> PairedTest:
    """Compare a version with the first one, of `versions` that were compared with it."""
    pairs = [
        (isinstance(a, Failure), isinstance(b, Failure))
        for a, b in zip(first.verdicts, other.verdicts, strict=True)
        if a is not None and b is not None
    ]
    gained, lost = pairs.count((True, False)), pairs.count((False, True))
    return PairedTest(len(pairs), gained, lost, min(1.0, mcnemar_exact(gained, lost) * max(1, versions)))


def adopted(history: Sequence[Version | Refused], alpha: float) -> tuple[Version | None, PairedTest | None]:
    """The version to use from now on, and the test that says so; None where none is better than the first."""
    versions = [entry for entry in history if isinstance(entry, Version)]
    best = best_of(history)
    if best is versions[0]:
        return None, None
    test = compare(versions[0], best, len(versions) - 1)
    return (best if test.gained > test.lost and test.p <= alpha else None), test
