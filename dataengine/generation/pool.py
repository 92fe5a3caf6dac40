"""Which images a round may ask about, and which of them look like the image of a bad case."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cache

from dataengine.core.errors import ConfigurationError
from dataengine.core.images import PoolImage
from dataengine.core.ports import ImageSource
from dataengine.data.embeddings import Embeddings
from dataengine.generation.planning import limited
from dataengine.runtime.runfile import ImagesSection
from dataengine.wire.documents import BadCase


def pool_of(section: ImagesSection, source: ImageSource, used: Collection[str], seed: int) -> list[PoolImage]:
    """The source's images, as far as the run file lets them in, without those whose path is `used` (with those too,
    where no others are left). Raises ConfigurationError where there are none."""
    images = {image.image_id: image for image in source.images()}
    chosen = [images[name] for name in limited(list(images), section.limit, seed)]
    if section.max_objects is not None:
        chosen = [image for image in chosen if _boxes(source, image) <= section.max_objects]
    if not chosen:
        what = "the pool has no pictures" if not images else f"no picture has at most {section.max_objects} boxes"
        raise ConfigurationError(what, where=str(section.data))
    return [image for image in chosen if image.path not in used] or chosen


def _boxes(source: ImageSource, image: PoolImage) -> int:
    known = source.annotations(image.image_id)
    return len(known.objects or known.regions)


def beside(
    section: ImagesSection, pool: Sequence[PoolImage], cases: Mapping[str, BadCase]
) -> Callable[[str], Sequence[str]] | None:
    """For a bad case's id, the ids of the pool's images that look most like its image, the likest first;
    None where the run file names no embeddings."""
    if section.embeddings is None:
        return None
    embeddings = Embeddings(section.embeddings)
    ids = {image.path: image.image_id for image in pool}

    @cache
    def nearest(image: str) -> Sequence[str]:
        return [ids[path] for path in embeddings.nearest(image, section.nearest_k) if path in ids]

    return lambda case: nearest(cases[case].image)
