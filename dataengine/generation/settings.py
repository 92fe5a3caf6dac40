"""The generator's own settings, from the environment. What a run asks for is in its run file, not here."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from dataengine.core.errors import ConfigurationError
from dataengine.runtime.environment import read_settings

PREFIX = "DATAENGINE_GENERATOR_"
FORMER = "DATAENGINE_JOURNAL_EVERY"
"""What DATAENGINE_GENERATOR_REPLIES_PER_SEGMENT was called; it is still read."""


@dataclass(frozen=True, slots=True)
class GeneratorSettings:
    """DATAENGINE_GENERATOR_…

    `parts` is the number of generation tasks that a replica has in hand. Enough of them keep the teacher busy while
    some are nearly over. `replies_per_segment` is how many of the teacher's replies are written to the store together,
    at most.
    """

    parts: Annotated[int, Field(ge=1)] = 8
    replies_per_segment: Annotated[int, Field(ge=1)] = 25


def generator_settings(environ: Mapping[str, str] = os.environ) -> GeneratorSettings:
    """As the environment gives them. Raises ConfigurationError that names every wrong and unknown variable."""
    known = dict(environ)
    former = known.pop(FORMER, None)
    name = f"{PREFIX}REPLIES_PER_SEGMENT"
    if former is not None and name in known:
        raise ConfigurationError(f"{FORMER} is the former name of {name}", where="environment", todo="Set one of them")
    if former is not None:
        known[name] = former
    return read_settings(GeneratorSettings, PREFIX, known)
