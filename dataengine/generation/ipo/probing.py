"""The fixed probe set on which versions of a prompt are compared."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

from dataengine.core.errors import ConfigurationError
from dataengine.core.identity import derived_seed
from dataengine.core.ports import ImageSource
from dataengine.generation.ipo.optimising import ProbeCase
from dataengine.generation.pool import pool_of
from dataengine.runtime.runfile import RunFile
from dataengine.wire.documents import BadCase


def probe_set(
    run: RunFile, source: ImageSource, cases: Sequence[BadCase], size: int, shows_image: bool
) -> list[ProbeCase]:
    """`size` cases, of every question type in turn, about different images of the pool as far as it goes, with the
    run's number of examples. The same run gives the same set. Raises ConfigurationError without a question."""
    by_type: Mapping[str, list[BadCase]] = _by_type(cases)
    if not by_type:
        raise ConfigurationError("there is no diagnose question to show the teacher", where="benchmark")
    rng = random.Random(derived_seed("probe", run.seed))
    pool = pool_of(run.images, source, (), run.seed)
    images = rng.sample(pool, min(size, len(pool)))
    names = sorted(by_type)
    probe = []
    for index in range(size):
        name, image = names[index % len(names)], images[index % len(images)]
        shown = tuple(rng.sample(by_type[name], min(run.analysis.examples, len(by_type[name]))))
        probe.append(
            ProbeCase(
                qtype=name,
                bad_cases=shown,
                annotations=source.annotations(image.image_id),
                seed=derived_seed("probe", run.seed, index),
                image=source.read(image.path) if shows_image else None,
            )
        )
    return probe


def _by_type(cases: Sequence[BadCase]) -> dict[str, list[BadCase]]:
    found: dict[str, list[BadCase]] = {}
    for case in cases:
        found.setdefault(case.question_type, []).append(case)
    return found
