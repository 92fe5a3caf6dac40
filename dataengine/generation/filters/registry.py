"""Filters by name. A new filter is one file beside this one and one line here."""

from __future__ import annotations

from collections.abc import Mapping

from dataengine.core.errors import ConfigurationError
from dataengine.generation.filters.contradicted import Contradicted
from dataengine.generation.filters.filter import Filter, OneAtATime
from dataengine.generation.filters.gen_1_hints import gen_1_hints
from dataengine.generation.filters.hints import hints
from dataengine.generation.filters.leak import leak
from dataengine.generation.filters.malformed import malformed
from dataengine.generation.filters.near_duplicate import NearDuplicate
from dataengine.generation.filters.no_single_right_option import no_single_right_option

FILTERS: Mapping[str, Filter] = {
    "malformed": OneAtATime(malformed),
    "no-single-right-option": OneAtATime(no_single_right_option),
    "hints": OneAtATime(hints),
    "leak": OneAtATime(leak),
    "near-duplicate": NearDuplicate(),
    "contradicted": Contradicted(),
    "gen-1-hints": OneAtATime(gen_1_hints),
}


def find_filter(name: str) -> Filter:
    """The filter of that name. Raises ConfigurationError that lists the known ones."""
    found = FILTERS.get(name)
    if found is None:
        raise ConfigurationError(
            f"there is no filter {name!r}", where="generation.filters", todo=f"Use some of {', '.join(FILTERS)}"
        )
    return found
