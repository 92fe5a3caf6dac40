"""Which allocation rule learns most, in made-up worlds whose learning curves are known.

    python -m perf.allocation_simulation [--seeds 100] [--rounds 3] [--budget 900] [--questions 100]

Every world is a set of question types with a true accuracy as a function of the samples bought. A rule sees what the
analyzer would see: answers to a finite number of diagnose questions, paired over the rounds. Printed per world and
rule: the true mean accuracy over the types after the last round, its paired difference to `uniform` with a 95 %
interval over seeds, and `oracle`, which knows the curves. Seeds below 100 were used to choose the rule.
"""

from __future__ import annotations

import argparse
import math
import random
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist

from dataengine.core.allocation import RULES, DiagnoseHistory, DiagnosePoint, DiagnoseScore, Flips, Spending, weights
from dataengine.core.statistics import mcnemar_exact

JITTER = 0.015
"""Standard deviation of what a training run adds to each type's accuracy by chance."""
STEADY = 0.8
"""Share of a question's difficulty that stays the same between two checkpoints; the rest flips answers."""


@dataclass(frozen=True, slots=True)
class Curve:
    """Accuracy is logistic in the log of exposure, from `chance` to `top`: half way at `half` samples, `start` of which
    the base was shown; a high `steep` makes a sharp S. Training on whatever leaves the share `keeps` of `start`."""

    start: float
    half: float
    steep: float = 1.5
    chance: float = 0.25
    top: float = 0.97
    keeps: float = 1.0

    def accuracy(self, bought: float, trained: bool = True) -> float:
        """The true accuracy after so many samples; `trained`: not the base itself."""
        start = self.start * self.keeps if trained else self.start
        exponent = self.steep * math.log(self.half / (start + bought))
        return self.chance + (self.top - self.chance) / (1.0 + math.exp(exponent))


DONE = Curve(start=3000, half=300)
STUCK = Curve(start=100, half=20_000)
STEEP = Curve(start=500, half=900, steep=2.5)
FAST = Curve(start=20, half=80, steep=2.0)
SLOW = Curve(start=300, half=1500, steep=1.2)
MIDDLE = Curve(start=500, half=800, steep=1.2)
FRAGILE = Curve(start=1500, half=300, keeps=0.2)
SUDDEN = Curve(start=60, half=330, steep=5.0)
LATER = Curve(start=90, half=600, steep=5.0)


def world(**counts: int) -> dict[str, Curve]:
    """So many types of each kind."""
    kinds = {
        "done": DONE,
        "stuck": STUCK,
        "steep": STEEP,
        "fast": FAST,
        "slow": SLOW,
        "middle": MIDDLE,
        "fragile": FRAGILE,
        "sudden": SUDDEN,
        "later": LATER,
    }
    return {f"{kind}-{i}": kinds[kind] for kind, count in counts.items() for i in range(count)}


WORLDS: Mapping[str, Mapping[str, Curve]] = {
    "mixed (3 done, 2 stuck, 2 fast, 2 steep)": world(done=3, stuck=2, fast=2, steep=2),
    "weakest do not pay (4 stuck, 4 steep, 1 done)": world(stuck=4, steep=4, done=1),
    "one pays (8 stuck, 1 steep)": world(stuck=8, steep=1),
    "most is done (6 done, 3 steep)": world(done=6, steep=3),
    "fast and slow (4 done, 3 fast, 2 slow)": world(done=4, fast=3, slow=2),
    "all alike (9 middle)": world(middle=9),
    "some are forgotten (2 done, 3 fragile, 2 fast, 2 stuck)": world(done=2, fragile=3, fast=2, stuck=2),
    "thresholds (3 done, 2 sudden, 2 later, 2 stuck)": world(done=3, sudden=2, later=2, stuck=2),
}


class Student:
    """A made-up student: answers every question of every type, with difficulties that stay."""

    def __init__(self, curves: Mapping[str, Curve], questions: int, seed: int) -> None:
        self._curves = curves
        self._random = random.Random(seed)
        self._difficulty = {name: [self._random.gauss(0, 1) for _ in range(questions)] for name in curves}

    def answers(self, bought: Mapping[str, float]) -> dict[str, list[bool]]:
        """Right or wrong per question after a training run on `bought` samples."""
        given, trained = {}, any(bought.values())
        for name, curve in self._curves.items():
            true = min(0.999, max(0.001, curve.accuracy(bought[name], trained) + self._random.gauss(0, JITTER)))
            level = NormalDist().inv_cdf(true)
            given[name] = [
                math.sqrt(STEADY) * z + math.sqrt(1 - STEADY) * self._random.gauss(0, 1) < level
                for z in self._difficulty[name]
            ]
        return given


def mean_accuracy(curves: Mapping[str, Curve], bought: Mapping[str, float]) -> float:
    """The true mean over the types."""
    trained = any(bought.values())
    return statistics.fmean(curve.accuracy(bought[name], trained) for name, curve in curves.items())


def run(rule: str, curves: Mapping[str, Curve], options: argparse.Namespace, seed: int) -> list[float]:
    """The true mean accuracy after every round of one closed loop."""
    student = Student(curves, options.questions, seed)
    bought = dict.fromkeys(curves, 0.0)
    points: list[DiagnosePoint] = []
    base: dict[str, list[bool]] = {}
    accuracy = []
    for number in range(options.rounds):
        answers = student.answers(bought)
        base = base or answers
        points.append(observed(answers, base, bought))
        purse = Spending(options.budget, options.floor, seed * 100 + number)
        for name, weight in weights(rule, DiagnoseHistory(points, points[-1]), purse).items():
            bought[name] += weight * options.budget
        accuracy.append(mean_accuracy(curves, bought))
    return accuracy


def observed(
    answers: Mapping[str, Sequence[bool]], base: Mapping[str, Sequence[bool]], bought: Mapping[str, float]
) -> DiagnosePoint:
    """What the analyzer sees of one checkpoint."""
    pairs = {name: list(zip(base[name], now, strict=True)) for name, now in answers.items()}
    return DiagnosePoint(
        {name: DiagnoseScore(len(now), sum(now) / len(now)) for name, now in answers.items()},
        {name: round(count) for name, count in bought.items()},
        {name: flips(sum(b > a for a, b in p), sum(a > b for a, b in p), len(p)) for name, p in pairs.items()},
    )


def flips(gained: int, lost: int, n: int) -> Flips:
    """What the comparison of 0/1 scores says of so many flips."""
    return Flips(n, (gained - lost) / n, (gained + lost) / n, mcnemar_exact(lost, gained))


def oracle(curves: Mapping[str, Curve], total: float, steps: int = 300) -> float:
    """The best that the whole budget could do: try every type's best stretch, buy the one that pays most per sample."""
    bought, left = dict.fromkeys(curves, 0.0), total
    while left > total / steps / 2:
        best_name, best_size, best_rate = "", 0.0, -1.0
        for name, curve in curves.items():
            here = curve.accuracy(bought[name])
            for share in range(1, 41):
                size = left * share / 40
                rate = (curve.accuracy(bought[name] + size) - here) / size
                if rate > best_rate:
                    best_name, best_size, best_rate = name, size, rate
        bought[best_name] += min(best_size, max(total / steps, best_size / 4))
        left = total - sum(bought.values())
    return mean_accuracy(curves, bought)


def interval(values: Sequence[float]) -> tuple[float, float]:
    """Mean and half width of the 95 % interval."""
    return statistics.fmean(values), 1.96 * statistics.stdev(values) / math.sqrt(len(values))


def main() -> None:
    """Print a table per world."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--first-seed", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--budget", type=int, default=900)
    parser.add_argument("--questions", type=int, default=100)
    parser.add_argument("--floor", type=float, default=0.02)
    options = parser.parse_args()
    seeds = range(options.first_seed, options.first_seed + options.seeds)
    for title, curves in WORLDS.items():
        base = mean_accuracy(curves, dict.fromkeys(curves, 0.0))
        best = oracle(curves, options.rounds * options.budget)
        print(f"\n{title}: base {base:.3f}, oracle {best:.3f}")
        final = {rule: [run(rule, curves, options, seed) for seed in seeds] for rule in RULES}
        for rule, runs in final.items():
            mean, _ = interval([rounds[-1] for rounds in runs])
            pairs = zip(runs, final["uniform"], strict=True)
            difference, half = interval([mine[-1] - other[-1] for mine, other in pairs])
            per_round = " ".join(f"{statistics.fmean(r[k] for r in runs):.3f}" for k in range(options.rounds))
            print(f"  {rule:11} {mean:.3f}  vs uniform {difference:+.4f} ± {half:.4f}   rounds {per_round}")


if __name__ == "__main__":
    main()
