"""How a teacher's key is had: from an environment variable that a run file may name, for an address it may go to."""

from __future__ import annotations

import os
from collections.abc import Mapping

from dataengine.core.errors import ConfigurationError
from dataengine.core.secrets import address_fault, keep_secret, secret_fault, variable_fault
from dataengine.core.text import plain


def teacher_key(variable: str, base_url: str | None, environ: Mapping[str, str] = os.environ) -> str:
    """The key in `variable`, which from now on is masked in every text; blanks and line ends around it do not count.

    Raises ConfigurationError, without the value: the variable may not be named or is not set, the value is no header's,
    or the key may not go to `base_url` (None: the SDK's own address).
    """
    shown = plain(variable, longest=80, one_line=True)
    if fault := variable_fault(variable, environ):
        raise ConfigurationError(f"the environment variable {shown} {fault}", where="teacher.api_key_env")
    key = environ.get(variable, "").strip()  # a key read from a file often ends in a newline, which no header may carry
    if not key:
        raise ConfigurationError(f"the environment variable {shown} is not set", todo="Put the teacher's key there")
    keep_secret(key)
    if fault := secret_fault(key):
        raise ConfigurationError(f"the key in {shown} {fault}", todo="Set it again, on one line; it is not shown here")
    if fault := address_fault(variable, base_url, environ):
        named = plain(base_url or "the default endpoint", longest=200, one_line=True)
        raise ConfigurationError(f"{named} {fault}", where="teacher.base_url")
    return key
