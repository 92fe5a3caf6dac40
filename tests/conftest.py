"""What every test is spared: traces of the ones before it, and servers that another process has started already."""

from __future__ import annotations

from collections.abc import Iterator

import hypothesis
import pytest
import structlog
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

hypothesis.settings.register_profile("untimed", deadline=None)  # timings never decide a test
hypothesis.settings.load_profile("untimed")

ONE_PROCESS = ("tests/integration/", "tests/loop/")
"""The tests of a folder in here share its servers, or its run."""


class ByServer(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """Folders whose tests share something go to one process as a whole, all other tests one by one to whichever is
    free."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return file.rpartition("/")[0] if file.startswith(ONE_PROCESS) else nodeid


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ByServer:
    """Called by pytest-xdist where tests run in several processes."""
    return ByServer(config, log)


@pytest.fixture(autouse=True)
def _own_logging() -> Iterator[None]:
    """A command that is run in this process sends its logs to the standard error of its test, which is closed then."""
    yield
    structlog.reset_defaults()
