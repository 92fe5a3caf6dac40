"""One self-contained page per run: no script, no request to anywhere, everything a teacher wrote escaped."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from dataengine.core.ports import Store
from dataengine.core.questions import Split
from dataengine.report import choosing, sections, words
from dataengine.report.images import DIAGNOSE, POOL, ReadImage, Thumbnails
from dataengine.report.lineage import lineage_of
from dataengine.report.views import RunView

_TEMPLATES = Path(__file__).parent / "templates"
_LINEAGES = 3


def report_page(store: Store, view: RunView, read_image: ReadImage) -> str:
    """The HTML page of a run, finished or not. It embeds 62 thumbnails at most, and stays below 2 MB.

    `read_picture(where, path)` is asked for images of `diagnose` and `pool`, never for those of the report split.
    Raises Rejected or ContractError if an artifact that it needs is damaged.
    """
    thumbnails = Thumbnails(read_image)
    accepted = choosing.accepted_samples(store, view)
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            view=view,
            test=sections.test_name(view),
            headline=sections.headline(view),
            trends=sections.trends(view),
            report=Split.REPORT,
            diagnose=Split.DIAGNOSE,
            purchases=sections.purchases(view),
            stages=sections.stages(view),
            cases=choosing.before_and_after(view),
            accepted=accepted,
            refused=choosing.refused_samples(store, view),
            filters=sections.filters(view),
            lineages=[lineage_of(store, view, round_, sample) for round_, sample in choosing.told(accepted, _LINEAGES)],
            provenance=sections.provenance(view),
            in_diagnose=lambda path: thumbnails.of(DIAGNOSE, path),
            draft_of=choosing.draft_of,
            in_pool=lambda path: thumbnails.of(POOL, path),
        )
    )


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        percent=words.percent,
        interval=words.interval,
        points=words.points,
        p_value=words.p_value,
        p_equals=words.p_equals,
        duration=words.duration,
        letter=words.letter,
        thousands=words.thousands,
    )
    environment.globals.update(verdict=words.verdict, letter=words.letter)
    return environment
