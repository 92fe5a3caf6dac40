"""Garbage collection: what a run left in the store that no manifest names, found by reading, deleted by age.

A manifest is a JSON document that stands under a name of its own (`rounds/01/dataset.json`) and names artifacts by ref.
Artifacts carry their digest in their name, and are reachable through a manifest only. So garbage is

- an artifact of the run that no manifest of any run names: its writer was killed before it could name it, or lost the
  race for the manifest;
- work in progress that was kept so that a kill loses little, once the manifest that it was for stands: the student's
  answers by stretch, the teacher's replies by batch, what a training job was given and what it left on its way. What
  all jobs of a run share goes when the run rests.

Anything else, whatever it may be, is left alone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

from dataengine.core.artifacts import ArtifactRef, RunKeys
from dataengine.core.errors import ConfigurationError, ContractError, Rejected
from dataengine.core.ports import Store
from dataengine.core.sweeping import Held, Sweepable

_ARTIFACT = re.compile(r"^runs/[^/]+/rounds/\d+/(?:.*/)?[^/]*\.[0-9a-f]{16}(?:\.[^/.]+)?$")
_ANSWERS = re.compile(r"^(?P<round>runs/[^/]+/rounds/\d+)/answers/[^/]+\.jsonl$")
_REPLIES = re.compile(r"^(?P<part>runs/[^/]+/rounds/\d+/generation/part-\d+)-replies-\d+\.json$")
_TRAINING = re.compile(r"^(?P<round>runs/[^/]+/rounds/(?P<number>\d+))/training/.+$")
_ANALYSIS = re.compile(r"^runs/[^/]+/rounds/\d+/analysis\.json$")
_MANIFEST = re.compile(r"^runs/[^/]+/(?:rounds/\d+/.+|config)\.json$")


@dataclass(frozen=True, slots=True)
class Garbage:
    """One thing that may go, and why."""

    held: Held
    reason: str


@dataclass(frozen=True, slots=True)
class Sweep:
    """What a sweep of one run would delete (`garbage`, sorted by key), how many things it would keep (`kept`), and how
    many of those are garbage that is too young (`young`)."""

    run: str
    garbage: tuple[Garbage, ...]
    kept: int
    young: int

    @property
    def size(self) -> int:
        """Bytes that would be freed."""
        return sum(item.held.size for item in self.garbage)


def plan_sweep(store: Sweepable, run: str, older_than: float, now: float) -> Sweep:
    """Find the garbage of a run that is more than `older_than` seconds old at `now` (Unix seconds). Deletes nothing.

    Reads the manifests of all runs, since one run may name another's artifacts. Raises ConfigurationError if there is
    no such run, ContractError if a manifest cannot be read: what it names is then not known.
    """
    # first what stands, then who names it: what is named in between counts as named
    held = list(store.held(RunKeys(run).root + "/rounds/"))
    if not held and store.find(RunKeys(run).config) is None:
        raise ConfigurationError("there is no such run", where=run)
    named = _named(store)
    keys = {each.key for each in held}
    rested = _has_rested(store, keys)
    found = [Garbage(each, reason) for each in held if (reason := _reason(each.key, keys, named, rested=rested))]
    old = tuple(item for item in found if now - item.held.written > older_than)
    return Sweep(run, old, kept=len(held) - len(old), young=len(found) - len(old))


def carry_out(store: Sweepable, sweep: Sweep) -> list[Garbage]:
    """Delete what was planned; returns what was deleted. What was written again since the plan stays."""
    return [item for item in sweep.garbage if _delete(store, item)]


def _delete(store: Sweepable, item: Garbage) -> bool:
    standing = next((held for held in store.held(item.held.key) if held.key == item.held.key), None)
    if standing != item.held:
        return False
    store.delete(item.held.key)
    return True


def _reason(key: str, keys: set[str], named: set[str], *, rested: bool) -> str:
    """Why `key` is garbage, or nothing."""
    if key in named:
        return ""
    if match := _ANSWERS.match(key):
        return "the evaluation is done" if f"{match['round']}/evaluation.json" in keys else ""
    if match := _REPLIES.match(key):
        return "the part is done" if f"{match['part']}.json" in keys else ""
    if match := _TRAINING.match(key):
        if int(match["number"]) == 0:
            return "the run rests" if rested else ""
        return "the training is done" if f"{match['round']}/checkpoint.json" in keys else ""
    return "no manifest names it" if _ARTIFACT.match(key) else ""


def _has_rested(store: Store, keys: set[str]) -> bool:
    """Whether the run's last decision was to rest."""
    last = max((key for key in keys if _ANALYSIS.match(key)), default=None)
    document = None if last is None else _read(store, last)
    return isinstance(document, dict) and document.get("decision") == "rest"


def _named(store: Store) -> set[str]:
    """The keys that the manifests of all runs name. Records of work in progress are none: they are garbage together
    with what they name."""
    named: set[str] = set()
    for key in store.keys("runs/"):
        if _MANIFEST.match(key) and not any(kind.match(key) for kind in (_ARTIFACT, _REPLIES, _TRAINING)):
            named.update(_refs(_read(store, key)))
    return named


def _read(store: Store, key: str) -> object:
    ref = store.find(key)
    try:
        return None if ref is None else json.loads(store.get(ref))
    except (ValueError, Rejected) as error:
        raise ContractError(
            f"cannot be read, so that it is not known what it names: {error}",
            where=key,
            todo="Nothing was deleted; repair or remove this document first",
        ) from error


def _refs(value: object) -> Iterator[str]:
    """Every key that is named anywhere in a JSON value."""
    if isinstance(value, str):
        if value.startswith(ArtifactRef.SCHEME):
            yield value.removeprefix(ArtifactRef.SCHEME)
    elif isinstance(value, dict):
        for each in value.values():
            yield from _refs(each)
    elif isinstance(value, list):
        for each in value:
            yield from _refs(each)
