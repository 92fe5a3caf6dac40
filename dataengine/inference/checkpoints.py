"""Checkpoints at hand: their documents, and their adapters as local folders."""

from __future__ import annotations

import os
import shutil
import time
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

from dataengine.core.artifacts import ArtifactRef
from dataengine.core.ports import Store
from dataengine.wire.documents import CheckpointDoc
from dataengine.wire.trees import fetch_tree

SPARED_SECONDS = 3600.0
"""A folder that was handed out within this time is not removed: whoever has its path may still be reading it."""

_DOCUMENTS = 64


@dataclass(frozen=True, slots=True)
class OpenedCheckpoint:
    """What a checkpoint says of itself, and its adapter as a folder on this machine (None: it is the base)."""

    document: CheckpointDoc
    adapter: Path | None


class Checkpoints:
    """Opens checkpoints of a store. Their adapters are kept under `cache`, which any number of processes may share.

    With `keep`, the folders beyond the `keep` last used are removed once they have not been used for an hour. Not
    thread-safe.
    """

    def __init__(self, store: Store, cache: Path, keep: int | None = None) -> None:
        self._store = store
        self._cache = cache
        self._keep = keep
        self._documents: OrderedDict[ArtifactRef, CheckpointDoc] = OrderedDict()

    def open(self, checkpoint: ArtifactRef) -> OpenedCheckpoint:
        """The checkpoint, its adapter fetched if it is not here.

        Raises Retryable where the store cannot be reached, Rejected where it holds no such checkpoint.
        """
        known = checkpoint in self._documents
        document = self._documents[checkpoint] if known else CheckpointDoc.load(self._store, checkpoint)
        adapter = fetch_tree(self._store, document.adapter, self._cache) if document.adapter else None
        if adapter is not None:
            os.utime(adapter)
        self._documents[checkpoint] = document
        self._documents.move_to_end(checkpoint)
        if not known:
            self._forget()
        return OpenedCheckpoint(document, adapter)

    def _forget(self) -> None:
        if len(self._documents) > _DOCUMENTS:
            self._documents.popitem(last=False)
        if self._keep is None or not self._cache.is_dir():
            return
        used = sorted((path.stat().st_mtime, path) for path in self._cache.iterdir() if path.is_dir())
        spared = time.time() - SPARED_SECONDS
        for when, folder in used[: max(0, len(used) - self._keep)]:
            if when < spared:
                shutil.rmtree(folder, ignore_errors=True)
