"""How images look, kept in a folder: points of length 1 by an image's name, in shards, so that a killed embedding
goes on where it was.

A folder is made once per pool, benchmark and model (`dataengine data embed`), on a machine with the model; whoever
reads it needs no model. `pool` names are paths of pool images, `asked` names those of the benchmark's images.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dataengine.core.errors import InputError
from dataengine.core.identity import canonical_json, digest_of
from dataengine.core.ports import ImageEmbedder
from dataengine.wire.whole_files import written_whole

Read = Callable[[str], bytes]
SHARD = 1024
KINDS = ("pool", "asked")
_TODO = "Make it with: dataengine data embed"


def write_embeddings(
    folder: Path, kind: str, names: Sequence[str], read: Read, embedder: ImageEmbedder, batch: int = 64
) -> int:
    """Embed what is not yet in the folder, shard by shard; how many images were embedded now."""
    folder.mkdir(parents=True, exist_ok=True)
    new = 0
    for start in range(0, len(names), SHARD):
        some = list(names[start : start + SHARD])
        file = folder / f"{kind}-{digest_of(canonical_json(some))[:16]}.npz"
        if file.exists():
            continue
        points: list[Sequence[float]] = []
        for first in range(0, len(some), batch):
            points += embedder.embed([read(name) for name in some[first : first + batch]])
        with written_whole(file) as partial:
            np.savez(partial, names=np.array(some), points=np.array(points, dtype=np.float16))
        new += len(some)
    (folder / f"{kind}.json").write_text(json.dumps([f.name for f in _shards(folder, kind, names)]), "utf-8")
    return new


def _shards(folder: Path, kind: str, names: Sequence[str]) -> list[Path]:
    starts = range(0, len(names), SHARD)
    return [folder / f"{kind}-{digest_of(canonical_json(list(names[s : s + SHARD])))[:16]}.npz" for s in starts]


class Embeddings:
    """The points of a folder. Shards are read when first needed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def nearest(self, asked: str, count: int) -> list[str]:
        """The `count` pool images that look most like the benchmark's image `asked`, the likest first; none where
        the benchmark's image is not in the folder. Raises InputError where the folder holds no embeddings."""
        names, points = self._pool
        place = self._asked.get(asked)
        if place is None:
            return []
        likeness = points @ place
        if count < len(names):
            best = np.argpartition(-likeness, count)[:count]
            best = best[np.argsort(-likeness[best], kind="stable")]
        else:
            best = np.argsort(-likeness, kind="stable")
        return [names[index] for index in best.tolist()]

    @cached_property
    def _pool(self) -> tuple[list[str], NDArray[np.float32]]:
        return self._read("pool")

    @cached_property
    def _asked(self) -> dict[str, NDArray[np.float32]]:
        return dict(zip(*self._read("asked"), strict=True))

    def _read(self, kind: str) -> tuple[list[str], NDArray[np.float32]]:
        names: list[str] = []
        points = []
        try:
            for name in json.loads((self._folder / f"{kind}.json").read_text("utf-8")):
                with np.load(self._folder / name, allow_pickle=False) as shard:
                    names += shard["names"].tolist()
                    points.append(shard["points"].astype(np.float32))
        except (OSError, ValueError, KeyError) as error:
            raise InputError(f"holds no embeddings: {error}", where=str(self._folder), todo=_TODO) from error
        if not names:
            raise InputError(f"holds no {kind} pictures", where=str(self._folder), todo=_TODO)
        return names, np.concatenate(points)
