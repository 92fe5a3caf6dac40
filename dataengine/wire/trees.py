"""Folders as artifacts: every file is one; whoever names the folder keeps the mapping from file name to artifact.

The mapping may come from somebody else (another run's folder, a training Pod): its names become paths only through
`dataengine.core.names`.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from errno import EDQUOT, ENOSPC
from pathlib import Path

from dataengine.core.artifacts import ArtifactRef
from dataengine.core.errors import Rejected, Retryable
from dataengine.core.identity import canonical_json, digest_of
from dataengine.core.names import below, name_fault, tree_files
from dataengine.core.ports import Store


def put_tree(store: Store, prefix: str, folder: Path, *, links_out: bool = False) -> dict[str, ArtifactRef]:
    """Put every file under `folder`; the mapping is from its path in the folder to its artifact.

    `links_out`: the folder's links may lead out of it (a model in a download's cache). Raises Rejected for a link that
    may not and for a name that could not be fetched, before anything is put.
    """
    files = list(tree_files(folder, links_out=links_out))
    return {name: store.put_file(f"{prefix}/{name}", path) for name, path in files}


def tree_digest(files: Mapping[str, ArtifactRef]) -> str:
    """One digest for a whole folder: of its names and their contents, wherever they lie."""
    return digest_of(canonical_json({name: ref.digest for name, ref in files.items()}))


def fetch_tree(store: Store, files: Mapping[str, ArtifactRef], cache: Path) -> Path:
    """A local folder with the files under their own names; it appears whole, and is kept in `cache` by digest.

    Raises Rejected, before anything is written, where a name leads out of the folder or is both a file and a folder.
    """
    for name in files:
        _check(name, files)
    target = cache / tree_digest(files)[:32]
    if target.is_dir():
        return target
    cache.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(dir=cache, prefix=".partial-"))
    try:
        for name, ref in files.items():
            place = below(partial, name)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(store.local(ref), place)
        if not target.is_dir():
            partial.rename(target)
    except OSError as error:
        if error.errno in (ENOSPC, EDQUOT):
            raise Retryable("the disk is full", where=str(cache), todo="Free some space; the run goes on") from error
        raise Rejected(f"a folder cannot be written: {error.strerror}", where=str(cache)) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return target


def _check(name: str, files: Mapping[str, ArtifactRef]) -> None:
    if not name_fault(name):
        parts = name.split("/")
        folder = next((outer for cut in range(1, len(parts)) if (outer := "/".join(parts[:cut])) in files), None)
        if folder is None:
            return
        raise Rejected(f"the name {folder!r} is a file and a folder", where="the manifest of a folder")
    below(Path(), name, where="the manifest of a folder")
