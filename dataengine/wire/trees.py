"""Folders as artifacts: every file is one; whoever names the folder keeps the mapping from file name to artifact."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from dataengine.core.artifacts import ArtifactRef
from dataengine.core.identity import canonical_json, digest_of
from dataengine.core.ports import Store


def put_tree(store: Store, prefix: str, folder: Path) -> dict[str, ArtifactRef]:
    """Put every file under `folder`; the mapping is from its path in the folder to its artifact."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    names = (path.relative_to(folder).as_posix() for path in files)
    return {name: store.put_file(f"{prefix}/{name}", path) for name, path in zip(names, files, strict=True)}


def tree_digest(files: Mapping[str, ArtifactRef]) -> str:
    """One digest for a whole folder: of its names and their contents, wherever they lie."""
    return digest_of(canonical_json({name: ref.digest for name, ref in files.items()}))


def fetch_tree(store: Store, files: Mapping[str, ArtifactRef], cache: Path) -> Path:
    """A local folder with the files under their own names; it appears whole, and is kept in `cache` by digest."""
    target = cache / tree_digest(files)[:32]
    if target.is_dir():
        return target
    cache.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(dir=cache, prefix=".partial-"))
    try:
        for name, ref in files.items():
            place = partial / name
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(store.local(ref), place)
        if not target.is_dir():
            partial.rename(target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return target
