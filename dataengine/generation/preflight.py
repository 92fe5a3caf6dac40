"""What generation needs, looked at before a run starts."""

from __future__ import annotations

from dataengine.core.errors import ConfigurationError, InputError
from dataengine.core.findings import Findings, look_at
from dataengine.core.ports import ImageSource
from dataengine.data.embeddings import Embeddings
from dataengine.data.image_sources import open_source
from dataengine.data.ocr import KnownText
from dataengine.generation.filters.registry import find_filter
from dataengine.generation.prompt_files import load_prompt
from dataengine.runtime.runfile import RunFile

_SMALL_POOL = 5000
_LOOKED_AT = 500


def preflight(run: RunFile) -> Findings:
    """Pool, teacher, prompt, filters, and what the rounds may buy. Of a pool of more than 5,000 images 500 are read."""
    return look_at(
        run,
        ("pictures", _images),
        ("teacher", _teacher),
        ("prompt", _prompt),
        ("filters", _filters),
        ("plan", _plan),
    )


def _images(run: RunFile) -> str:
    source: ImageSource = open_source(run.images.source, run.images.data)
    images = source.images()
    if not images:
        raise InputError("the pool has no pictures", where=str(run.images.data))
    regions = 0
    looked_at = images if len(images) <= _SMALL_POOL else images[:: len(images) // _LOOKED_AT]
    for image in looked_at:
        source.read(image.path)
        regions += len(source.annotations(image.image_id).regions)
    if run.images.embeddings is not None:
        Embeddings(run.images.embeddings).nearest("", 1)
    if run.images.ocr is not None:
        known = KnownText(run.images.ocr).lines
        missing = sum(image.path not in known for image in images)
        if missing:
            what = f"knows nothing of {missing} of {len(images)} pictures"
            raise InputError(what, where=str(run.images.ocr), todo="Go on with: dataengine data read-text")
    if len(looked_at) < len(images):
        return f"{len(images)} pictures; {len(looked_at)} of them looked at, {regions} regions"
    return f"{len(images)} pictures, {regions} regions"


def _teacher(run: RunFile) -> str:
    return run.teacher.preflight()


def _prompt(run: RunFile) -> str:
    prompt = load_prompt(run.generation.prompt)
    if prompt.shows_image and not run.teacher.sees_images:
        raise ConfigurationError(
            "the embedded teacher cannot see pictures", where="generation.prompt", todo="Use gen-2, or another teacher"
        )
    return f"{run.generation.prompt}, digest {prompt.digest[:12]}"


def _filters(run: RunFile) -> str:
    for name in run.generation.filters:
        find_filter(name)
    return ", ".join(run.generation.filters) or "none"


def _plan(run: RunFile) -> str:
    budgets = [run.generation.budget_in(number) for number in range(1, run.rounds + 1)]
    most = round(max(budgets) * run.generation.max_requests_per_sample)
    if len(set(budgets)) == 1:
        return f"{run.rounds} rounds x {budgets[0]} samples, at most {most} requests each"
    return f"{run.rounds} rounds of {', '.join(map(str, budgets))} samples, at most {most} requests each"
