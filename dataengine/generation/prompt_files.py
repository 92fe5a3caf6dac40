"""Prompt files: the ones in `prompts/`, and those of a user. A file is known by the digest of all that it says.

A file has a line `=== system ===`, a text, a line `=== user ===`, a text with `$qtype`, `$definition`, `$examples` and
`$information` where they belong (a prompt that shows the image has no `$information`). A file of one's own may begin
with `=== form: gen-1 ===` or `=== form: vision ===`; without that line it is of the form gen-2.
"""

from __future__ import annotations

import json
import re
from importlib.resources import files
from pathlib import Path
from string import Template

from dataengine.core.errors import ConfigurationError
from dataengine.core.identity import digest_of
from dataengine.generation.prompting import FORMS, Prompt
from dataengine.runtime.generation_sections import PROMPT_FILE

_BUILT_IN = {"gen-2": "gen2.txt", "gen-1": "gen1.txt", "vision": "vision.txt"}
_VERIFY = {"gen-2": "verify.txt", "gen-1": "verify.txt", "vision": "verify_vision.txt"}
_SYSTEM, _USER = "=== system ===\n", "=== user ===\n"
_FORM = re.compile(r"\A=== form: (\S+) ===\n")
_PLACES = {
    "gen-2": {"qtype", "definition", "examples", "information"},
    "gen-1": {"qtype", "definition", "examples", "information"},
    "vision": {"qtype", "definition", "examples"},
}
REPLY_KEYS = ("question", "answer", "short_answer", "options", "choice_answer")
"""What a prompt must ask for: the reader of replies reads nothing else."""


def load_prompt(name: str) -> Prompt:
    """The prompt called `gen-2`, `gen-1` or `vision`, or the one in the file of that path.

    Raises ConfigurationError for an unknown name, and for a file that is missing or no prompt.
    """
    if name in _BUILT_IN:
        return prompt_of(_packaged(_BUILT_IN[name]), name, name)
    if not name.endswith(PROMPT_FILE):
        todo = f"Use one of {', '.join(_BUILT_IN)}, or the path of a prompt file ({PROMPT_FILE})"
        raise ConfigurationError(f"there is no prompt {name!r}", where="generation.prompt", todo=todo)
    try:
        text = Path(name).read_text("utf-8")
    except FileNotFoundError as error:
        raise ConfigurationError("there is no such prompt file", where=name, todo="See generation.prompt") from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"the prompt file cannot be read: {error}", where=name) from error
    form = _FORM.match(text)
    return prompt_of(text[form.end() :] if form else text, form[1] if form else "gen-2", name)


def text_of(name: str) -> tuple[str, str]:
    """The form and the text (without the line that names the form) of a prompt. Raises as `load_prompt`."""
    prompt = load_prompt(name)
    return prompt.form, f"{_SYSTEM}{prompt.system}{_USER}{prompt.user.template}"


def file_text(form: str, text: str) -> str:
    """What a prompt file of a form holds."""
    return f"=== form: {form} ===\n{text}"


def prompt_of(text: str, form: str, where: str) -> Prompt:
    """The prompt in a text. Raises ConfigurationError that says what is missing or too much."""
    if form not in FORMS:
        raise ConfigurationError(f"there is no form {form!r}", where=where, todo=f"Use one of {', '.join(FORMS)}")
    system, user = _halves(text, where)
    _check(user, form, where)
    verify, definitions = _packaged(_VERIFY[form]), _packaged("definitions.json")
    verify_system, verify_user = _halves(verify, _VERIFY[form])
    digest = digest_of("\x1f".join((text, verify, definitions)).encode())
    return Prompt(form, system, Template(user), verify_system, Template(verify_user), json.loads(definitions), digest)


def _packaged(file: str) -> str:
    return files("dataengine.generation.prompts").joinpath(file).read_text("utf-8")


def _halves(text: str, where: str) -> tuple[str, str]:
    if not text.startswith(_SYSTEM) or text.count(_USER) != 1:
        raise ConfigurationError(
            "is no prompt", where=where, todo=f"Begin with {_SYSTEM.strip()!r}, and say once {_USER.strip()!r}"
        )
    system, user = text.removeprefix(_SYSTEM).split(_USER)
    return system, user


def _check(user: str, form: str, where: str) -> None:
    template, wanted = Template(user), _PLACES[form]
    if not template.is_valid():
        raise ConfigurationError("has a $ that names no place", where=where, todo="Write $$ for the sign itself")
    places = set(template.get_identifiers())
    if places != wanted:
        problem = ", ".join(f"${name}" for name in sorted(places ^ wanted))
        raise ConfigurationError(
            f"the places of a prompt of the form {form} are wrong: {problem}",
            where=where,
            todo="It must have " + ", ".join(f"${name}" for name in sorted(wanted)) + ", and no others",
        )
    missing = [key for key in REPLY_KEYS if f'"{key}"' not in user]
    if missing:
        raise ConfigurationError(
            f"does not ask for {', '.join(missing)}", where=where, todo="Ask for the JSON object that gen-2 asks for"
        )
