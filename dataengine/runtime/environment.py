"""Settings of a process, read from environment variables into frozen dataclasses.

A field `bootstrap` with the prefix `DATAENGINE_KAFKA_` is `DATAENGINE_KAFKA_BOOTSTRAP`; with `_FILE` behind it, the
value is the content of that file (a mounted secret). Lists are separated by commas. Names nobody knows are errors.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, TypeVar, get_origin, get_type_hints

from pydantic import TypeAdapter, ValidationError

from dataengine.core.errors import ConfigurationError
from dataengine.core.secrets import keep_secret

Settings = TypeVar("Settings")
FROM_FILE = "_FILE"
_SECRET = re.compile("PASSWORD|SECRET|TOKEN|API_KEY")
"""In the name of a variable: its value is masked in every text from then on."""


def read_settings(kind: type[Settings], prefix: str, environ: Mapping[str, str] = os.environ) -> Settings:
    """The settings of `kind`, a dataclass, as the environment gives them; its defaults for the rest.

    Raises ConfigurationError that names every wrong, missing and unknown variable at once.
    """
    hints = get_type_hints(kind)
    names = {f"{prefix}{field.name.upper()}": field for field in fields(kind)}  # type: ignore[arg-type]
    problems, found = [], {}
    for variable in sorted(name for name in environ if name.startswith(prefix)):
        plain = variable.removesuffix(FROM_FILE) if variable not in names else variable
        if plain not in names:
            problems.append(f"{variable} is no setting")
            continue
        try:
            text = environ[variable] if plain == variable else Path(environ[variable]).read_text().strip()
        except OSError as error:
            problems.append(f"{variable}: {environ[variable]} cannot be read ({error.strerror})")
            continue
        if _SECRET.search(plain):
            keep_secret(text)
        found[names[plain].name] = _value(text, hints[names[plain].name])
    for variable, field in names.items():
        needed = field.default is MISSING and field.default_factory is MISSING
        if needed and field.name not in found and not any(p.startswith(variable) for p in problems):
            problems.append(f"{variable} is not set")
    if problems:
        raise ConfigurationError("; ".join(problems), where="environment", todo=f"Settings: {', '.join(names)}")
    try:
        return TypeAdapter(kind).validate_python(found)
    except ValidationError as error:
        wrong = "; ".join(
            f"{prefix}{'_'.join(str(p).upper() for p in e['loc'][:1])}: {e['msg']}" for e in error.errors()
        )
        raise ConfigurationError(wrong, where="environment") from error


def has_settings(prefix: str, environ: Mapping[str, str] = os.environ) -> bool:
    """Whether any variable with the prefix is set."""
    return any(name.startswith(prefix) for name in environ)


def _value(text: str, hint: Any) -> Any:
    """Comma-separated text for a tuple, `a=1,b=2` for a mapping, else the text itself."""
    origin = get_origin(hint)
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if origin is tuple:
        return tuple(parts)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return {name.strip(): value.strip() for name, _, value in (part.partition("=") for part in parts)}
    return text
