"""Batches made ahead of the step: by whom, how many at once, and how an error of theirs comes back whole.

A batch is a function of its records' numbers alone, so it is the same whoever makes it, and a training that is taken up
again passes over batches without reading them.
"""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import get_worker_info

from dataengine.core.errors import InputError
from dataengine.training.dataset import EncodedDataset

SHARED_BYTES = 512 << 20
"""As much shared memory as batches that wait for their step may take together."""
MOST_WORKERS = 8
MOST_AHEAD = 4
"""Batches that a worker may be ahead."""
_SHARED_MEMORY = Path("/dev/shm")


class BatchMaker:
    """Makes a batch of records' numbers, in this process or in one of the DataLoader's workers.

    Beside the model's inputs a batch holds ``indices``, the numbers themselves. What is wrong with a record comes as
    ``fault``, the InputError's fields: a DataLoader would hand on its traceback as text, and nothing else.
    """

    def __init__(self, dataset: EncodedDataset, pad: int) -> None:
        self._dataset = dataset
        self._pad = pad
        self._settled = False

    def __call__(self, indices: Sequence[int]) -> dict[str, Any]:
        """See the class."""
        if not self._settled:
            self._settled = True
            if get_worker_info() is not None:
                _settle_in_worker()
        try:
            return {**self._dataset.batch(indices, self._pad), "indices": torch.tensor(indices)}
        except InputError as error:
            return {"fault": (error.what, error.where, error.todo)}


def _settle_in_worker() -> None:
    """A worker was forked from the trainer: it must end when it is told to, and not start threads of its own."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    torch.set_num_threads(1)


@dataclass(frozen=True, slots=True)
class Workers:
    """Processes that make batches, and how many batches each is ahead. None at all: batches are made between steps."""

    number: int = 0
    ahead: int = 0

    @property
    def settings(self) -> dict[str, Any]:
        """The DataLoader's."""
        if not self.number:
            return {"num_workers": 0}
        return {"num_workers": self.number, "prefetch_factor": self.ahead, "multiprocessing_context": "fork"}


def workers_for(dataset: EncodedDataset, largest: int, wanted: int | None = None, shared: int | None = None) -> Workers:
    """Workers for batches of at most `largest` records: `wanted`, else one for each CPU of this process of several.

    None where batches read no files. Batches that wait take at most `shared` bytes together (by default 512 MiB, or
    half of what the machine's shared memory has left): where even one is more than that, there are no workers.
    """
    if not dataset.reads_files:
        return Workers()
    number = wanted
    if number is None:
        together = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
        number = min(MOST_WORKERS, max(1, len(os.sched_getaffinity(0)) // together))
    allowed = _shared_bytes() if shared is None else shared
    batches = allowed // max(1, largest * dataset.image_bytes)
    number = min(number, batches)
    return Workers(number, min(MOST_AHEAD, batches // number)) if number else Workers()


def _shared_bytes() -> int:
    try:
        return min(SHARED_BYTES, shutil.disk_usage(_SHARED_MEMORY).free // 2)
    except OSError:
        return SHARED_BYTES
