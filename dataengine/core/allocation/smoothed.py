"""`smoothed`: error rates shrunk to the pooled mean in proportion to their uncertainty."""

from __future__ import annotations

from collections.abc import Mapping

from dataengine.core.allocation.scores import DiagnoseHistory, DiagnoseScore, Spending, normalised, with_floor

LEAST_STRENGTH = 2.0
"""The prior is never worth less than two questions: a type seen three times is not taken at its word."""
GREATEST_STRENGTH = 1e6
"""Where the types do not differ beyond noise, the prior is everything."""


def smoothed(history: DiagnoseHistory, spending: Spending) -> dict[str, float]:
    """Weights in proportion to `posterior_errors` of the current scores, over a floor."""
    return with_floor(normalised(posterior_errors(history.current.scores)), spending.floor)


def posterior_errors(scores: Mapping[str, DiagnoseScore]) -> dict[str, float]:
    """The posterior mean error (0 to 1) of each type under a Beta prior fitted to all types (empirical Bayes).

    With k_i of n_i questions wrong, the pooled error mu = sum k / sum n and the prior's strength s in questions:
    e_i = (k_i + s mu) / (n_i + s). A type without questions gets mu; one with many keeps its own error. The strength
    comes from the spread of the types: s = mu (1 - mu) / tau^2 - 1, where tau^2 = max(0, sum n_i (e_i - mu)^2 -
    (K - 1) mu (1 - mu)) / (N - sum n_i^2 / N) is the variance between types beyond binomial noise (moments).
    Source: J. C. Kleinman, Proportions with extraneous variance, JASA 68 (1973) 46-54; the shrinkage is that of
    Efron & Morris, JASA 70 (1975) 311-319. All types without questions: 0.5 each.
    """
    total = sum(score.n for score in scores.values())
    if total == 0:
        return dict.fromkeys(scores, 0.5)
    mean = sum(score.wrong for score in scores.values()) / total
    strength = _prior_strength(scores, mean, total)
    return {name: (score.wrong + strength * mean) / (score.n + strength) for name, score in scores.items()}


def _prior_strength(scores: Mapping[str, DiagnoseScore], mean: float, total: int) -> float:
    asked = [score for score in scores.values() if score.n]
    binomial = mean * (1.0 - mean)
    spread = sum(score.n * (1.0 - score.accuracy - mean) ** 2 for score in asked)
    effective = total - sum(score.n**2 for score in asked) / total
    excess = spread - (len(asked) - 1) * binomial
    if excess <= 0.0 or effective <= 0.0:
        return GREATEST_STRENGTH
    return min(GREATEST_STRENGTH, max(LEAST_STRENGTH, binomial * effective / excess - 1.0))
