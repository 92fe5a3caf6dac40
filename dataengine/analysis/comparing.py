"""Paired comparisons of two checkpoints from their prediction files, as the round's document keeps them."""

from __future__ import annotations

from collections.abc import Sequence

from dataengine.core.artifacts import ArtifactRef
from dataengine.core.comparison import Comparison, Comparisons, compare_units
from dataengine.core.ports import Store
from dataengine.wire.documents import Comparison as ComparisonDoc
from dataengine.wire.documents import Prediction, decode_lines
from dataengine.wire.units import units_of

OVERALL = "overall"
"""The key of the comparison over all types, beside one key per type."""


def read_predictions(store: Store, ref: ArtifactRef) -> list[Prediction]:
    """The predictions of one split. Raises ContractError, with the line, if the file is something else."""
    return decode_lines(Prediction, store.get(ref), ref.uri)


def compare_predictions(
    before: Sequence[Prediction], now: Sequence[Prediction], *, summed: bool = False, confidence: float = 0.95
) -> Comparisons:
    """`compare_units` of the two files' units."""
    return compare_units(units_of(before), units_of(now), summed=summed, confidence=confidence)


def as_documents(compared: Comparisons) -> dict[str, ComparisonDoc]:
    """The comparisons as the analysis stores them: under OVERALL, and under each type."""
    types = {name: _document(one) for name, one in compared.by_type.items() if name != OVERALL}
    return {OVERALL: _document(compared.overall), **types}


def _document(one: Comparison) -> ComparisonDoc:
    return ComparisonDoc(
        n=one.n,
        gained=one.gained,
        lost=one.lost,
        difference=one.difference,
        interval=(one.interval.low, one.interval.high),
        p=one.p,
    )
