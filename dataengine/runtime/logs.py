"""Structured logs: JSON lines with run, round, event and trace ids."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import TextIO

import structlog


def log_to(target: Path | TextIO = sys.stderr, level: int = logging.INFO) -> None:
    """Send every log line of this process, as JSON, to a file (appended) or a stream."""
    stream = target.open("a", encoding="utf-8", buffering=1) if isinstance(target, Path) else target
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(file=stream),
        cache_logger_on_first_use=False,
    )
