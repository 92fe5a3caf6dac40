"""What ARCHITECTURE.md and the services' pages point at is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
PAGES = [PROJECT / "ARCHITECTURE.md", *sorted(PROJECT.glob("services/*/README.md"))]
LINK = re.compile(r"\]\(([^)#\s]+)[^)]*\)")
ROOM = re.compile(r"^\| ((?:`[^`]+`(?:, )?)+)", re.MULTILINE)


def test_every_service_has_a_page() -> None:
    services = {folder.parent.name for folder in PROJECT.glob("services/*/__main__.py")}
    assert services == {page.parent.name for page in PAGES[1:]} and len(services) == 4


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT)))
def test_relative_links_lead_to_something(page: Path) -> None:
    links = [link for link in LINK.findall(page.read_text(encoding="utf-8")) if "://" not in link]
    assert links, "a page without links is not the page that was meant"
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_the_rooms_of_the_architecture_are_there() -> None:
    """And no library of `dataengine/` is without its line."""
    text = PAGES[0].read_text(encoding="utf-8").split("## The rooms")[1].split("\n## ")[0]
    rooms = [name for row in ROOM.findall(text) for name in re.findall("`([^`]+)`", row)]
    named = {name for name in rooms if "/" in name and not (PROJECT / name).exists()}
    assert named == set()
    libraries = {f"dataengine/{path.parent.name}/" for path in PROJECT.glob("dataengine/*/__init__.py")}
    assert libraries <= set(rooms)
