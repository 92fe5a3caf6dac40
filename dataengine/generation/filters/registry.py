"""Filters by name. A new filter is one file beside this one and one line here."""

from __future__ import annotations

from collections.abc import Mapping

from dataengine.core.errors import ConfigurationError
from dataengine.generation.filters.context import Filter
from dataengine.generation.filters.contradicted import contradicted
from dataengine.generation.filters.gen_1_hints import gen_1_hints
from dataengine.generation.filters.hints import hints
from dataengine.generation.filters.leak import leak
from dataengine.generation.filters.malformed import malformed
from dataengine.generation.filters.near_duplicate import near_duplicate
from dataengine.generation.filters.no_single_right_option import no_single_right_option

FILTERS: Mapping[str, Filter] = {
    "malformed": malformed,
    "no-single-right-option": no_single_right_option,
    "hints": hints,
    "leak": leak,
    "near-duplicate": near_duplicate,
    "contradicted": contradicted,
    "gen-1-hints": gen_1_hints,
}


def find_filter(name: str) -> Filter:
    """The filter of that name. Raises ConfigurationError that lists the known ones."""
    found = FILTERS.get(name)
    if found is None:
        raise ConfigurationError(
            f"there is no filter {name!r}", where="generation.filters", todo=f"Use some of {', '.join(FILTERS)}"
        )
    return found
