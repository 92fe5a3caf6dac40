"""Artifacts: immutable bytes with a digest, named in events instead of carried by them (claim check)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath


@dataclass(frozen=True, slots=True)
class ArtifactRef:
    """Where an artifact lies (`artifact://` + key in the store) and what its bytes are."""

    uri: str
    digest: str
    size: int

    SCHEME = "artifact://"

    @property
    def key(self) -> str:
        """The key in the store, without the scheme."""
        return self.uri.removeprefix(self.SCHEME)


def content_key(key: str, digest: str) -> str:
    """`key` with the first 16 digits of its content's digest before the suffix: `a/b.jsonl` → `a/b.3fa9….jsonl`.

    Equal content under an equal name gives an equal key, so that writing twice is writing once.
    """
    path = PurePosixPath(key)
    return str(path.with_name(f"{path.stem}.{digest[:16]}{path.suffix}"))


@dataclass(frozen=True, slots=True)
class RunKeys:
    """The named places of one run in the store: the whole layout of a run's folder in one class."""

    run: str

    @property
    def root(self) -> str:
        """The prefix of everything that belongs to the run."""
        return f"runs/{self.run}"

    @property
    def config(self) -> str:
        """The run file as resolved."""
        return f"{self.root}/config.json"

    @property
    def held_out(self) -> str:
        """The fingerprints of the questions asked, which nothing generated may match."""
        return f"{self.root}/held-out.json"

    def round(self, number: int, name: str) -> str:
        """A named document of one round: in the order they are written `plan.json`, `dataset.json`, `checkpoint.json`
        (none but the last in round 0, the base), `evaluation.json`, `analysis.json`."""
        return f"{self.root}/rounds/{number:02d}/{name}"

    def part(self, number: int, part: int) -> str:
        """The manifest of one generation part."""
        return self.round(number, f"generation/part-{part:04d}.json")
