"""Alerts and dashboard ask for metrics that the services have, by labels that these have."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest
import yaml

from dataengine.runtime.metrics import OUTCOMES, Metrics
from deploy.helm.generate import CHART

FILES = CHART / "files"


def expressions() -> Iterator[tuple[str, str]]:
    for group in yaml.safe_load((FILES / "alerts.yaml").read_text())["groups"]:
        for rule in group["rules"]:
            yield rule["alert"], rule["expr"]
    for panel in json.loads((FILES / "dashboard.json").read_text())["panels"]:
        for target in panel["targets"]:
            yield panel["title"], target["expr"]


def known() -> dict[str, set[str]]:
    """Each series that the services show, with its labels."""
    metrics = Metrics("evaluator")
    found = {}
    for metric in (value for value in vars(metrics).values() if hasattr(value, "_labelnames")):
        suffixes = {"counter": ["_total"], "histogram": ["_bucket", "_sum", "_count"]}.get(metric._type, [""])
        for suffix in suffixes:
            found[f"{metric._name}{suffix}"] = {
                *metric._labelnames,
                "namespace",
                *(["le"] if suffix == "_bucket" else []),
            }
    return found


@pytest.mark.parametrize(("name", "expression"), list(expressions()))
def test_it_asks_for_what_the_services_show(name: str, expression: str) -> None:
    series = known()
    asked = re.findall(r"(dataengine_\w+)(?:\{([^}]*)\})?", expression)

    assert asked
    for metric, selector in asked:
        assert metric in series
        for label in re.findall(r"(\w+)\s*[=!]", selector):
            assert label in series[metric], f"{metric} has no label {label}"
    for outcomes in re.findall(r'outcome=~?"([^"]+)"', expression):
        assert set(outcomes.split("|")) <= {*OUTCOMES, "answered"}


def test_every_alert_says_what_to_do() -> None:
    for group in yaml.safe_load((FILES / "alerts.yaml").read_text())["groups"]:
        for rule in group["rules"]:
            assert set(rule["annotations"]) == {"summary", "description"}
            assert rule["labels"]["severity"] in ("warning", "critical")
