"""The four services as processes on the backends that the environment names: `dataengine service NAME`."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module

from dataengine.core.errors import ConfigurationError
from dataengine.runtime.worker import Observer

LIBRARIES: Mapping[str, str] = {
    "evaluator": "dataengine.evaluation",
    "analyzer": "dataengine.analysis",
    "generator": "dataengine.generation",
    "trainer": "dataengine.training",
}
"""Each service with the library that its handlers live in; none is imported before it is asked for."""


def run(name: str, watch: Observer | None = None) -> None:
    """Be the service `name` until SIGTERM; `watch` is told of every step. Several processes of one name share its work.

    Raises ConfigurationError for a name that is no service; leaves the process with exit code 2, and an error that
    names the variables, if the environment is wrong.
    """
    if name not in LIBRARIES:
        raise ConfigurationError(
            f"there is no service {name!r}", where="command line", todo=f"One of {', '.join(LIBRARIES)}"
        )
    import_module(f"{LIBRARIES[name]}.service").main(watch)
