"""What a checkpoint was trained on, beside and including the engine's own data."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from dataengine.core.identity import canonical_json, digest_of


class MixedSet(BaseModel):
    """One data set: `records` of it are there, and it is `share` of what is drawn.

    Under "size", `share` counts records; otherwise it is the probability with which a step draws the set, and
    `batch_size` what it draws then (None: what the recipe says). `digest` is the SHA-256 of the file, or of the digests
    of the engine's samples; `form` is what a sample became.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    records: int
    share: float
    digest: str
    form: str = ""
    batch_size: int | None = None


class MixDoc(BaseModel):
    """Data sets that were trained on together, how they were drawn ("size", "ratio", "root-of-size"), by which seed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    by: str
    seed: int
    sets: tuple[MixedSet, ...]

    @property
    def digest(self) -> str:
        """Changes with any file, form, share, size or seed."""
        return digest_of(canonical_json(self.model_dump(mode="json")))

    @property
    def engine_share(self) -> float:
        """The engine's part of what was drawn."""
        return sum(part.share for part in self.sets if part.name.split(" ")[0] == "engine")

    def told(self) -> str:
        """The sets with their shares, in words."""
        return ", ".join(f"{part.name} {part.share:.1%} ({part.records:,} records)" for part in self.sets)
