"""What is installed with this package may be shipped: no licence that asks for the source of what ships it."""

from __future__ import annotations

import re
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement

LESSER = {"num2words"}
"""Under the LGPL: used as it comes, through its own interface, by processors of some published models."""
_COPYLEFT = re.compile(r"\b(A?GPL|GNU (Affero )?General Public)", re.IGNORECASE)
_LESSER = re.compile(r"LGPL|Lesser General Public", re.IGNORECASE)


def shipped() -> dict[str, str]:
    """Every distribution that this package needs, with all its extras, and what its metadata say of its licence."""
    found: dict[str, str] = {}
    left = [("dataengine", True)]
    while left:
        name, whole = left.pop()
        key = re.sub(r"[-_.]+", "-", name).lower()
        if key in found:
            continue
        try:
            held = distribution(name)
        except PackageNotFoundError:
            continue
        told = held.metadata
        classifiers = [line for line in told.get_all("Classifier") or [] if line.startswith("License")]
        named = told.get_all("License-Expression") or told.get_all("License") or []
        found[key] = " | ".join([*(text.split("\n")[0][:200] for text in named), *classifiers])
        for line in held.requires or []:
            wanted = Requirement(line)
            if whole or wanted.marker is None or wanted.marker.evaluate({"extra": ""}):
                left.append((wanted.name, False))
    return found


def test_nothing_that_ships_is_under_the_gpl() -> None:
    licences = shipped()
    assert len(licences) > 60, "the list is of what is really needed"
    refused = {name: told for name, told in licences.items() if _COPYLEFT.search(told) and not _LESSER.search(told)}
    assert refused == {}
    lesser = {name for name, told in licences.items() if _LESSER.search(told)}
    assert lesser <= LESSER


def test_every_dependency_has_an_upper_bound() -> None:
    text = (Path(__file__).parents[3] / "pyproject.toml").read_text("utf-8")
    section = text[text.index("dependencies = [") : text.index("[project.scripts]")]
    bounded = re.compile(r"(<|==|^dataengine\[)")
    wanted = re.findall(r'"([A-Za-z0-9_.\-]+(?:\[[^\]]*\])?[^"]*)"', section)
    assert len(wanted) > 20
    assert [line for line in wanted if not bounded.search(line)] == []
