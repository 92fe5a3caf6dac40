"""Secrets of this process: how a key is read, to where it may go, and how it is kept out of every text.

What was read as a secret is remembered for the life of the process and masked wherever a text leaves it: our own
errors, and with them dead letters; log lines; what a command prints.
"""

from __future__ import annotations

import ipaddress
import json
import os
import re
from collections.abc import Mapping
from urllib.parse import quote, urlsplit

MASK = "[secret]"
SHORTEST = 8
"""Characters of what is masked. A shorter key (`EMPTY`, `none`, as local servers want) is no secret, and masking it
would garble every text."""
ALLOW_VARIABLES = "DATAENGINE_ALLOW_KEY_VARIABLES"
"""Further environment variables, separated by commas, that a run file may name as a key."""
ALLOW_HTTP = "DATAENGINE_ALLOW_PLAIN_HTTP"
"""Hosts, separated by commas, to which a key may go without TLS although they are neither local nor private."""
TEACHERS = "DATAENGINE_TEACHERS"
"""`VARIABLE=ADDRESS`, separated by commas. Where it is set, a key goes to its own address and nowhere else, whatever a
run file says: for services, whose run files come from whoever may publish."""
_USER_INFO = re.compile(r"(?<=://)[^/?#\s@\"']{1,512}@")
_ALLOWED = re.compile(r"[A-Z][A-Z0-9_]{0,63}_(API|TEACHER)_KEY|DATAENGINE_TEACHER[A-Z0-9_]{0,64}")
_NEVER = re.compile(r"^(AWS_|GOOGLE_APPLICATION|AZURE_|GITHUB_|DATAENGINE_(KAFKA|MINIO|STORE|JOB))")
_LOCAL_NAMES = (".local", ".internal", ".svc", ".localhost", ".lan", ".home.arpa")


class _Known:
    """The secrets that are known, in every form in which a text may hold them."""

    def __init__(self) -> None:
        self._forms: frozenset[str] = frozenset()
        self._pattern: re.Pattern[str] | None = None

    def add(self, value: str) -> None:
        """Remember a secret; what is too short is none."""
        parts = {value.strip(), *(line.strip() for line in value.splitlines())}
        forms = {form for part in parts if len(part) >= SHORTEST for form in _forms(part)}
        if forms <= self._forms:
            return
        self._forms |= forms
        self._pattern = re.compile("|".join(re.escape(form) for form in sorted(self._forms, key=len, reverse=True)))

    def masked(self, text: str) -> str:
        """The text without them."""
        return text if self._pattern is None else self._pattern.sub(MASK, text)


_KNOWN = _Known()


def _forms(secret: str) -> set[str]:
    escaped = secret.encode("unicode_escape").decode("ascii")
    return {secret, quote(secret, safe=""), repr(secret)[1:-1], json.dumps(secret)[1:-1], escaped}


def keep_secret(value: str) -> str:
    """Mask `value` from now on in every text that leaves the process; the value itself."""
    _KNOWN.add(value)
    return value


def masked(text: str) -> str:
    """`text` without the secrets that are known, and without `user:password@` in an address."""
    text = _KNOWN.masked(text)
    return _USER_INFO.sub(f"{MASK}@", text) if "@" in text else text


def secret_fault(value: str) -> str:
    """What is wrong with a key as a header's value, "" where nothing is. The key itself is not in the answer."""
    if not value:
        return "is empty"
    if any(character in value for character in "\r\n"):
        return "has more than one line"
    if not value.isascii():
        return "has a character that is not ASCII"
    if not value.isprintable():
        return "has a control character"
    if any(character in value for character in " \"'\\"):
        return "has a blank, a quote or a backslash in it"
    return ""


def variable_fault(name: str, environ: Mapping[str, str] = os.environ) -> str:
    """Why a run file may not name the environment variable `name` as a key, "" where it may.

    Names that end in `_API_KEY` or `_TEACHER_KEY` or begin with `DATAENGINE_TEACHER` may be named, and those of
    `DATAENGINE_ALLOW_KEY_VARIABLES`: whoever writes a run file must not be able to have any other secret posted.
    """
    if name in _listed(environ.get(ALLOW_VARIABLES, "")):
        return ""
    if _NEVER.match(name) or not _ALLOWED.fullmatch(name):
        return f"may not be named as a key: its name does not end in _API_KEY. {ALLOW_VARIABLES}={name[:64]} allows it"
    return ""


def address_fault(variable: str, address: str | None, environ: Mapping[str, str] = os.environ) -> str:
    """Why the key of `variable` may not go to `address` (None: the SDK's default, which has TLS), "" where it may."""
    bound = dict(part.partition("=")[::2] for part in _listed(environ.get(TEACHERS, "")))
    if bound:
        if variable not in bound:
            return f"is no address for {variable}, which {TEACHERS} does not name"
        if (address or "").rstrip("/") != bound[variable].rstrip("/"):
            return f"is not the address of {variable} in {TEACHERS}, and its key goes nowhere else"
    if address is None:
        return ""
    try:
        parts = urlsplit(address)
        host = (parts.hostname or "").lower()
    except ValueError:
        return "is no address"
    if parts.scheme not in ("http", "https") or not host:
        return "is no address; begin it with http:// or https://"
    if parts.username is not None or parts.password is not None:
        return "holds a user or a password; a key belongs into an environment variable"
    if parts.scheme == "http" and not _is_near(host) and host not in _listed(environ.get(ALLOW_HTTP, "")):
        return f"has no TLS and is neither local nor private; use https://, or {ALLOW_HTTP}={host}"
    return ""


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _is_near(host: str) -> bool:
    """Loopback, a private network's address, or a name that no public resolver knows (`vllm`, `vllm.team.svc`)."""
    try:
        number = ipaddress.ip_address(host)
    except ValueError:
        return "." not in host or host.endswith(_LOCAL_NAMES) or ".svc." in host
    return number.is_loopback or (number.is_private and not number.is_unspecified)
