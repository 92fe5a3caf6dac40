"""Which pictures a round may ask about, and which of them look like the picture of a bad case."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cache

from dataengine.core.errors import ConfigurationError
from dataengine.core.pictures import Picture
from dataengine.core.ports import PictureSource
from dataengine.data.embeddings import Embeddings
from dataengine.generation.planning import limited
from dataengine.runtime.runfile import PicturesSection
from dataengine.wire.documents import BadCase


def pool_of(section: PicturesSection, source: PictureSource, used: Collection[str], seed: int) -> list[Picture]:
    """The source's pictures, as far as the run file lets them in, without those whose path is `used` (with those too,
    where no others are left). Raises ConfigurationError where there are none."""
    pictures = {picture.picture_id: picture for picture in source.pictures()}
    chosen = [pictures[name] for name in limited(list(pictures), section.limit, seed)]
    if section.max_objects is not None:
        chosen = [picture for picture in chosen if _boxes(source, picture) <= section.max_objects]
    if not chosen:
        what = "the pool has no pictures" if not pictures else f"no picture has at most {section.max_objects} boxes"
        raise ConfigurationError(what, where=str(section.data))
    return [picture for picture in chosen if picture.path not in used] or chosen


def _boxes(source: PictureSource, picture: Picture) -> int:
    known = source.annotations(picture.picture_id)
    return len(known.objects or known.regions)


def beside(
    section: PicturesSection, pool: Sequence[Picture], cases: Mapping[str, BadCase]
) -> Callable[[str], Sequence[str]] | None:
    """For a bad case's id, the ids of the pool's pictures that look most like its picture, the likest first;
    None where the run file names no embeddings."""
    if section.embeddings is None:
        return None
    embeddings = Embeddings(section.embeddings)
    ids = {picture.path: picture.picture_id for picture in pool}

    @cache
    def nearest(picture: str) -> Sequence[str]:
        return [ids[path] for path in embeddings.nearest(picture, section.nearest_k) if path in ids]

    return lambda case: nearest(cases[case].picture)
