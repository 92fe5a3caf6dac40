"""Models by name: a hub name becomes a folder on this machine, at a commit that is kept with the run.

`HF_HOME`, `HF_ENDPOINT`, `HF_TOKEN` and `HF_HUB_OFFLINE` mean what they mean to huggingface_hub. Of a repository only
configuration, tokenizer and safetensors are fetched: no code, and no pickles.
"""

from __future__ import annotations

import re
from pathlib import Path

from dataengine.core.errors import ConfigurationError, InputError
from dataengine.runtime.runfile import RunFile

WANTED = ("*.json", "*.jinja", "*.model", "*.txt", "*.safetensors", "*.tiktoken")
_NAME = re.compile(r"^[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?$")
_TODO = "Give the path of a folder, or ORG/NAME"
_COMMIT = re.compile(r"^[0-9a-f]{40}$")


def with_model(run: RunFile, begun: bytes | None = None) -> RunFile:
    """The run file with its `student.model` as a folder. ``begun``: the configuration that the run was begun with,
    whose commit it keeps, whatever the name means on the hub today.

    Raises ConfigurationError for what is neither a folder nor a name, InputError where the hub does not give it.
    """
    student = run.student
    if student.model is None:
        return run
    if begun is not None:
        old = RunFile.model_validate_json(begun).student
        if (old.model, old.family) == (student.model, student.family) and student.revision in (None, old.revision):
            return run.model_copy(update={"student": old})
    if student.base.is_dir():
        return run
    folder, commit = fetch_model(student.model, student.revision)
    return run.model_copy(update={"student": student.model_copy(update={"base": folder, "revision": commit})})


def fetch_model(name: str, revision: str | None = None) -> tuple[Path, str | None]:
    """The folder of a hub's model, fetched unless it lies in the cache, and its commit. Raises as ``with_model``."""
    if not _NAME.match(name):
        raise ConfigurationError(f"{name!r} is neither a folder nor a hub's name", where="student.model", todo=_TODO)
    try:
        from huggingface_hub import errors, snapshot_download
    except ImportError as error:
        todo = "Install dataengine[student], or name a folder"
        raise ConfigurationError("hub names need huggingface_hub", where="student.model", todo=todo) from error
    where = f"student.model {name}"
    try:
        folder = Path(snapshot_download(name, revision=revision, allow_patterns=list(WANTED)))
    except errors.GatedRepoError as error:
        todo = "Accept its licence on the hub and set HF_TOKEN"
        raise InputError("the model is gated, and this user has no access", where=where, todo=todo) from error
    except errors.RepositoryNotFoundError as error:
        todo = "Check the name; a private model needs HF_TOKEN"
        raise InputError("the hub has no such model for this user", where=where, todo=todo) from error
    except errors.LocalEntryNotFoundError as error:
        todo = "Fetch it where there is a network and give its folder, or set HF_HOME to a cache that has it"
        raise InputError("the hub cannot be reached, and the cache does not have it", where=where, todo=todo) from error
    except (errors.HfHubHTTPError, OSError, ValueError) as error:
        first = str(error).strip().split("\n", 1)[0]
        raise InputError(
            f"the hub did not give it: {first}", where=where, todo="Try again, or give a folder"
        ) from error
    return folder, folder.name if _COMMIT.match(folder.name) else revision
