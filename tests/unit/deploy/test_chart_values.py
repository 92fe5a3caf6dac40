"""What is generated from the description of the chart's values is in step with it."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from deploy.helm.generate import CHART, GUIDE, guide, values_schema, values_yaml
from deploy.helm.values import Chart

AGAIN = "run python -m deploy.helm.generate"


def test_values_schema_and_guide_are_in_step_with_their_description() -> None:
    assert (CHART / "values.yaml").read_text() == values_yaml(), AGAIN
    assert (CHART / "values.schema.json").read_text() == values_schema(), AGAIN
    assert GUIDE.read_text() == guide(GUIDE.read_text()), AGAIN


def test_the_defaults_are_values() -> None:
    assert Chart.model_validate(yaml.safe_load(values_yaml())) == Chart()


@pytest.mark.parametrize("file", sorted((CHART / "ci").glob("*.yaml")), ids=lambda file: str(file.stem))
def test_the_matrix_holds_values(file: Any) -> None:
    given = yaml.safe_load(file.read_text())
    # null takes a default away, which only Helm understands
    given.pop("podSecurityContext", None)

    Chart.model_validate(given)


def test_every_key_is_explained() -> None:
    def unexplained(schema: Any, place: str = "") -> list[str]:
        return [
            f"{place}{name}"
            for name, found in schema.get("properties", {}).items()
            if not found.get("description") and "$ref" not in found
        ]

    schema = json.loads(values_schema())
    everything = {"": schema, **schema["$defs"]}

    assert not [key for name, part in everything.items() for key in unexplained(part, f"{name}.")]
    assert all(part["additionalProperties"] is False for part in everything.values())
