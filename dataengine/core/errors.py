"""The error tree. The class of an error decides its fate; backends translate foreign errors into it.

DataEngineError
├── Retryable           the world is not ready (outage, time-out, rate limit): back off and try again
├── Rejected            this event or input can never succeed: park it with its error
│   ├── InputError      a file the user gave is missing or broken: names the file, the line, and what to do
│   ├── ConfigurationError   the run file or a setting is wrong
│   └── ContractError   a message that does not follow the contract in protos/
└── Cancelled           somebody asked to stop: neither a failure nor a success

Anything else that is raised is a bug: it is tried a few times, then parked.
"""

from __future__ import annotations

from dataengine.core.secrets import masked
from dataengine.core.text import plain

LONGEST_ERROR = 8_000
"""Characters of an error's text: a list of every wrong key of a run file is below it."""


class DataEngineError(Exception):
    """What went wrong (`what`), in which file, line, server or event (`where`), and what to do about it (`todo`).

    Texts of others often become part of it: secrets that are known are masked, escape sequences and
    control characters shown, and what is longer than `LONGEST_ERROR` characters is cut.
    """

    def __init__(self, what: str, *, where: str = "", todo: str = "") -> None:
        self.what = plain(masked(what), longest=LONGEST_ERROR)
        self.where = plain(masked(where), longest=LONGEST_ERROR)
        self.todo = todo
        super().__init__(self.what)

    def __str__(self) -> str:
        text = f"{self.where}: {self.what}" if self.where else self.what
        return f"{text}. {self.todo}" if self.todo else text


class Retryable(DataEngineError):  # noqa: N818 - named after its fate
    """The world is not ready. `after` is the least number of seconds to wait, where the other side said so."""

    def __init__(self, what: str, *, where: str = "", todo: str = "", after: float = 0.0) -> None:
        super().__init__(what, where=where, todo=todo)
        self.after = after


class Rejected(DataEngineError):  # noqa: N818 - named after its fate
    """This can never succeed, however often it is tried."""


class InputError(Rejected):
    """A file or folder that the user gave is missing, truncated or of the wrong shape."""


class ConfigurationError(Rejected):
    """The run file, a setting or a command's argument is wrong."""


class ContractError(Rejected):
    """A message does not follow the contract in `protos/`."""


class Cancelled(DataEngineError):  # noqa: N818 - named after its fate
    """Somebody asked to stop."""
