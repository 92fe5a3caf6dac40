"""Planning, prompts, parsing, filters and merging of what a teacher writes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dataengine.core.faces import lazily

if TYPE_CHECKING:
    from dataengine.generation.candidate import Candidate
    from dataengine.generation.filters.context import FilterContext
    from dataengine.generation.filters.filter import Filter
    from dataengine.generation.filters.registry import find_filter
    from dataengine.generation.handler import Generator
    from dataengine.generation.planning import RoundRequest, budget_of, parts_of
    from dataengine.generation.prompt_files import load_prompt
    from dataengine.generation.reply_cache import ReplyCache
else:
    __getattr__ = lazily(
        __name__,
        {
            "Generator": "handler",
            "RoundRequest": "planning",
            "budget_of": "planning",
            "parts_of": "planning",
            "load_prompt": "prompt_files",
            "Candidate": "candidate",
            "Filter": "filters.filter",
            "FilterContext": "filters.context",
            "find_filter": "filters.registry",
            "ReplyCache": "reply_cache",
        },
    )

__all__ = [
    "Candidate",
    "Filter",
    "FilterContext",
    "Generator",
    "ReplyCache",
    "RoundRequest",
    "budget_of",
    "find_filter",
    "load_prompt",
    "parts_of",
]
