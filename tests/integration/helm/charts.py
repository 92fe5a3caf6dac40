"""The chart, rendered, and what is looked for in it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from deploy.helm.generate import CHART

MATRIX = tuple(sorted(path.stem for path in (CHART / "ci").glob("*.yaml")))
NAMESPACE = "team"
RELEASE = "loop"
Manifest = dict[str, Any]


class RefusedError(Exception):
    """What helm said when it refused."""


@dataclass(frozen=True, slots=True)
class Helm:
    program: Path
    environment: Mapping[str, str] | None = None

    def __call__(self, *arguments: str | Path) -> str:
        """Its output. Raises RefusedError."""
        command = [str(self.program), *map(str, arguments)]
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=180)
        if done.returncode != 0:
            raise RefusedError(done.stdout + done.stderr)
        return done.stdout

    def render(self, values: str, *more: str) -> list[Manifest]:
        """All manifests for one file of the matrix; `more` are further arguments."""
        said = self(
            "template", RELEASE, CHART, "--namespace", NAMESPACE, "--values", CHART / "ci" / f"{values}.yaml", *more
        )
        return [document for document in yaml.safe_load_all(said) if document]


def of_kind(manifests: list[Manifest], kind: str) -> dict[str, Manifest]:
    """By name without the release's."""
    return {m["metadata"]["name"].removeprefix("loop-dataengine-"): m for m in manifests if m["kind"] == kind}


def pods(manifests: list[Manifest]) -> Iterator[tuple[str, Manifest, dict[str, str]]]:
    """Each component with its Pod's specification and labels."""
    for manifest in manifests:
        if manifest["kind"] == "Pod":
            template = manifest
        elif manifest["kind"] in ("Deployment", "StatefulSet", "Job"):
            template = manifest["spec"]["template"]
        else:
            continue
        labels = template["metadata"]["labels"]
        yield labels["app.kubernetes.io/component"], template["spec"], labels


def container(pod: Manifest) -> Manifest:
    """Its only container."""
    (only,) = pod["containers"]
    assert isinstance(only, dict)
    return only


def variables(pod: Manifest) -> dict[str, str]:
    """The container's variables. One whose value comes from elsewhere has the name of its place."""
    found: dict[str, str] = {}
    for entry in container(pod)["env"]:
        assert entry["name"] not in found, f"{entry['name']} is given twice"
        found[entry["name"]] = entry["value"] if "value" in entry else "from " + next(iter(entry["valueFrom"]))
    return found
