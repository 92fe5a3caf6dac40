"""The page as one string: whole, self-contained, escaped, bounded, and silent about the report split's questions."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from dataengine.core.questions import Split
from dataengine.report.images import ReadImage
from dataengine.report.page import report_page
from dataengine.report.reading import read_run
from dataengine.report.views import Parked, Signs
from dataengine.testing.memory_store import MemoryStore
from dataengine.testing.synthetic_facts import synthetic_image
from dataengine.testing.synthetic_run import make_synthetic_run
from tests.unit.report.runs import RUN, synthetic_run

_VOID = {"meta", "img", "br"}


class Outline(HTMLParser):
    """Checks that elements nest, and collects what the page would fetch or run."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.fetched: list[str] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.fetched += [value or "" for name, value in attrs if name in ("src", "href", "xlink:href", "srcset")]
        assert not [name for name, _ in attrs if name.startswith("on")]
        if tag not in _VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)


def outline(page: str) -> Outline:
    read = Outline()
    read.feed(page)
    assert read.open == []
    return read


def page_of(until: tuple[int, str] = (3, "analysis"), images: ReadImage = synthetic_image) -> str:
    store, view = synthetic_run(until)
    return report_page(store, view, images)


def test_the_page_is_one_file_that_fetches_nothing_and_runs_nothing() -> None:
    page = page_of()
    read = outline(page)
    assert all(where.startswith(("data:image/jpeg;base64,", "#")) for where in read.fetched)
    assert not {"script", "link", "iframe", "object"} & set(read.tags)
    assert "url(" not in page
    assert "prefers-color-scheme: dark" in page
    assert len(page) < 2_000_000


def test_every_section_is_there_and_every_jump_has_its_target() -> None:
    page = page_of()
    for title in ("Accuracy", "What was bought", "Decisions", "Before and after", "Samples", "Lineage", "Provenance"):
        assert title in page
    for target in re.findall(r'href="#([a-z]+)"', page):
        assert f'id="{target}"' in page


@pytest.mark.parametrize(
    "until",
    [(0, "checkpoint"), (0, "evaluation"), (0, "analysis")]
    + [(1, name) for name in ("plan", "part 0", "part 1", "dataset", "checkpoint", "evaluation", "analysis")],
)
def test_a_run_that_ends_anywhere_has_a_page(until: tuple[int, str]) -> None:
    page = page_of(until)
    outline(page)
    assert "unfinished" in page


def test_what_the_teacher_wrote_is_text_and_never_markup() -> None:
    store = MemoryStore()
    make_synthetic_run(
        store, RUN, teacher_writes=lambda text: f'{text}<script>alert(1)</script>"><img src=x onerror=y>'
    )
    page = report_page(store, read_run(store, RUN), synthetic_image)
    outline(page)
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_what_parked_an_event_is_told_and_escaped() -> None:
    store, _ = synthetic_run((1, "dataset"))
    parked = Parked("trainer", "data-ready 1", "no <b>room</b>")
    page = report_page(store, read_run(store, RUN, Signs(alive=False, parked=(parked,))), synthetic_image)
    outline(page)
    assert "no &lt;b&gt;room&lt;/b&gt;" in page
    assert "1 event parked" in page


def test_an_image_that_is_gone_or_broken_is_a_placeholder() -> None:
    whole = page_of()
    assert "no picture" not in whole.split("</style>")[1]
    for broken in (None, b"", b"no picture at all", (synthetic_image("pool", "x") or b"")[:60]):
        page = page_of(images=lambda where, path, data=broken: data)  # type: ignore[misc]
        outline(page)
        assert "<img" not in page
        assert "no picture" in page


def test_images_and_questions_of_the_report_split_are_not_shown() -> None:
    asked: list[tuple[str, str]] = []

    def read(where: str, path: str) -> bytes | None:
        asked.append((where, path))
        return None

    page = page_of(images=read)
    assert {where for where, _ in asked} == {"diagnose", "pool"}
    assert not [path for _, path in asked if path.startswith(Split.REPORT.value)]
    assert f'id="case-{Split.REPORT.value}' not in page


def test_a_checkpoint_that_was_not_promoted_is_called_so_in_the_first_words() -> None:
    store, view = synthetic_run((1, "analysis"))
    unpromoted = {"promoted": False, "promotion_reason": "worse at counting", "best_round": 0}
    documents = [round_.analysis.model_copy(update=unpromoted) for round_ in view.rounds if round_.analysis]
    rounds = tuple(replace(round_, analysis=doc) for round_, doc in zip(view.rounds, documents, strict=True))
    page = report_page(store, replace(view, rounds=rounds), synthetic_image)
    assert "Not promoted:</b> worse at counting. The base is still the best checkpoint." in page
