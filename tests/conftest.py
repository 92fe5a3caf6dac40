"""What every test is spared: traces of the ones before it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import structlog


@pytest.fixture(autouse=True)
def _own_logging() -> Iterator[None]:
    """A command that is run in this process sends its logs to the standard error of its test, which is closed then."""
    yield
    structlog.reset_defaults()
