"""Intervals and tests for scores on questions: proportions, paired 0/1 comparisons, several comparisons at once.

All functions are exact or closed-form, deterministic, and free of I/O. Resampling lives in `resampling`. Distributions
are scipy's, imported at their first use: a command that tests nothing starts without it. Two formulas stay here:
Wilson's, because scipy's lies in `scipy.stats`, whose import takes seconds, and Holm's, which scipy does not have.
"""

import math
from collections.abc import Hashable, Mapping
from statistics import NormalDist
from typing import NamedTuple, TypeVar

Name = TypeVar("Name", bound=Hashable)


class Interval(NamedTuple):
    """A closed interval in the unit of the number it belongs to."""

    low: float
    high: float


def normal_quantile(probability: float) -> float:
    """The z with P(Z <= z) = `probability` for a standard normal Z.

    Raises ValueError unless 0 < probability < 1.
    """
    if not 0.0 < probability < 1.0:
        raise ValueError(f"a probability strictly between 0 and 1 is needed, not {probability}")
    return NormalDist().inv_cdf(probability)


def wilson_interval(successes: float, n: int, confidence: float = 0.95) -> Interval:
    """The Wilson score interval (0 to 1) of a proportion of `successes` out of `n`, without continuity correction.

    With nothing observed (n = 0) it is (0, 1). Raises ValueError if successes is outside 0..n or confidence outside
    (0, 1). Source: E. B. Wilson, JASA 22 (1927) 209-212; method 3 of R. G. Newcombe, Stat. Med. 17 (1998) 857-872.
    """
    if n < 0 or not 0 <= successes <= n:
        raise ValueError(f"{successes} successes out of {n} is no proportion")
    z = _two_sided_z(confidence)
    if n == 0:
        return Interval(0.0, 1.0)
    share = successes / n
    scale = 1 + z * z / n
    centre = (share + z * z / (2 * n)) / scale
    half = z / scale * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    # the bound is exactly 0 or 1 at the ends; rounding would leave 1e-17 there
    low = 0.0 if successes == 0 else max(0.0, centre - half)
    high = 1.0 if successes == n else min(1.0, centre + half)
    return Interval(low, high)


def mcnemar_exact(only_first: int, only_second: int) -> float:
    """Two-sided exact p-value of McNemar's test that two 0/1 scorings of the same questions are equally often right.

    `only_first` and `only_second` count the questions that only one of the two got right; the agreeing ones carry no
    information. p = min(1, 2 P(X <= min)) with X ~ Binomial(only_first + only_second, 1/2); 1.0 if nothing differs.
    Raises ValueError on a negative count. Source: Q. McNemar, Psychometrika 12 (1947) 153-157; the exact form is the
    sign test, e.g. Agresti, Categorical Data Analysis, section on matched pairs.
    """
    if only_first < 0 or only_second < 0:
        raise ValueError(f"counts cannot be negative: {only_first}, {only_second}")
    n = only_first + only_second
    if n == 0 or only_first == only_second:
        return 1.0
    from scipy.special import bdtr

    return min(1.0, 2.0 * float(bdtr(min(only_first, only_second), n, 0.5)))


def binomial_upper_tail(k: int, n: int, share: float) -> float:
    """P(X >= k) for X ~ Binomial(n, share), with share 0 to 1."""
    if k <= 0:
        return 1.0
    from scipy.special import bdtrc

    return float(bdtrc(k - 1, n, share))


def t_p_value(t: float, degrees: int) -> float:
    """The two-sided p-value of Student's t with so many (1 or more) degrees of freedom."""
    from scipy.special import stdtr

    return min(1.0, 2.0 * float(stdtr(degrees, -abs(t))))


def holm(p_values: Mapping[Name, float]) -> dict[Name, float]:
    """Holm-adjusted p-values, in the order of the input: reject where the adjusted value is <= the level.

    Controls the chance of any false rejection under every dependence. The i-th smallest p (i from 0) of m becomes
    max over j <= i of min(1, (m - j) p_j). Raises ValueError for a p outside 0..1.
    Source: S. Holm, Scand. J. Statist. 6 (1979) 65-70.
    """
    for name, p in p_values.items():
        if not 0.0 <= p <= 1.0:
            raise ValueError(f"the p-value of {name!r} is {p}, outside 0 to 1")
    ordered = sorted(p_values, key=lambda name: p_values[name])
    adjusted: dict[Name, float] = {}
    running = 0.0
    for rank, name in enumerate(ordered):
        running = max(running, min(1.0, (len(ordered) - rank) * p_values[name]))
        adjusted[name] = running
    return {name: adjusted[name] for name in p_values}


def smallest_detectable_difference(
    n: int, discordance: float, confidence: float = 0.95, power: float = 0.8
) -> float | None:
    """The smallest true difference of two accuracies (0 to 1) that a paired test on `n` questions finds with `power`.

    `discordance` is the share of questions (0 to 1) on which exactly one of the two is right; the difference cannot
    exceed it. None if even a difference as large as the discordance would be missed. Raises ValueError for n < 1 or
    shares outside their range. Solves n = (z_a sqrt(psi) + z_b sqrt(psi - d^2))^2 / d^2 for d, psi = discordance.
    Source: R. J. Connor, Biometrics 43 (1987) 207-211, sample size for paired proportions.
    """
    if n < 1 or not 0.0 <= discordance <= 1.0:
        raise ValueError(f"n = {n} questions with a discordance of {discordance} cannot be")
    z_alpha, z_beta = _two_sided_z(confidence), normal_quantile(power)

    def shortfall(difference: float) -> float:
        spread = math.sqrt(max(0.0, discordance - difference * difference))
        return z_alpha * math.sqrt(discordance) + z_beta * spread - difference * math.sqrt(n)

    if discordance == 0.0 or shortfall(discordance) > 0.0:
        return None
    low, high = 0.0, discordance
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if shortfall(middle) > 0.0 else (low, middle)
    return high


def smallest_detectable_shift(standard_error: float, confidence: float = 0.95, power: float = 0.8) -> float:
    """The smallest true mean difference, in the score's unit, that a normal test with this standard error finds.

    (z_a + z_b) x standard error: the textbook two-sided power formula, e.g. J. Cohen, Statistical Power Analysis
    (1988), chapter 2. Raises ValueError for a negative standard error.
    """
    if standard_error < 0:
        raise ValueError(f"a standard error cannot be negative: {standard_error}")
    return (_two_sided_z(confidence) + normal_quantile(power)) * standard_error


def _two_sided_z(confidence: float) -> float:
    if not 0.0 < confidence < 1.0:
        raise ValueError(f"a confidence strictly between 0 and 1 is needed, not {confidence}")
    return normal_quantile(0.5 + confidence / 2)
