"""Structured logs: JSON lines with run, round, event and trace ids."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping, MutableMapping
from pathlib import Path
from typing import Any, TextIO

import structlog

from dataengine.core.secrets import masked


def _without_secrets(logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Tracebacks and foreign errors are texts of others: what is known as a secret is masked in all of them."""
    return {name: _cleaned(value) for name, value in event.items()}


def _cleaned(value: Any) -> Any:
    if isinstance(value, str):
        return masked(value)
    if isinstance(value, Mapping):
        return {name: _cleaned(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_cleaned(inner) for inner in value]
    return value if value is None or isinstance(value, bool | int | float) else masked(repr(value))


def log_to(target: Path | TextIO = sys.stderr, level: int = logging.INFO) -> None:
    """Send every log line of this process, as JSON, to a file (appended) or a stream."""
    stream = target.open("a", encoding="utf-8", buffering=1) if isinstance(target, Path) else target
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _without_secrets,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(file=stream),
        cache_logger_on_first_use=False,
    )
