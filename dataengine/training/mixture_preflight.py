"""What is said of a mixture before a run starts: its records, how they are drawn, what they take."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from dataengine.core.errors import DataEngineError, InputError
from dataengine.runtime.runfile import RunFile
from dataengine.runtime.training_sections import MixedSection, MixSection
from dataengine.training.mixture import by_ratio, expected_batch
from dataengine.training.recipe import Recipe
from dataengine.training.records import read_records, turns_in


def mix_line(run: RunFile, counts: dict[str, int]) -> str:
    """Each data set with its records, and how they are drawn; `counts` gets the sum, as "mix".

    Every file is read whole, piece by piece. Raises InputError for a file that is missing, a record that is broken or
    whose image is missing: the first of each data set, all of them in one error.
    """
    mix = run.training.mixed()
    if mix is None:
        return "none"
    sizes: dict[str, int] = {}
    seen: dict[str, int] = {}
    broken: list[DataEngineError] = []
    for given in mix.sets:
        try:
            sizes[given.name], seen[given.name] = _count(given)
        except DataEngineError as error:
            broken.append(error)
    if broken:
        raise broken[0] if len(broken) == 1 else _all_of(broken)
    counts["mix"] = sum(sizes.values())
    told = (
        ", ".join(f"{name} {size:,}{_blind(size, seen[name])}" for name, size in sizes.items())
        or "nothing beside the engine's data"
    )
    return f"by {mix.by}: {told}; the engine's data as {', '.join(part.form for part in mix.engine)}" + _share(mix)


def _blind(records: int, seen: int) -> str:
    """How many records have no image, where some have none: a key that nobody reads shows here."""
    return "" if seen == records else f" ({records - seen:,} without an image)"


def _count(given: MixedSection) -> tuple[int, int]:
    """How many records there are, and how many of them have an image."""
    turns = turns_in(given.form or "direct", 0)
    known = Counter(record.image is not None for record in read_records(given.data, turns, given.images))
    if not known:
        raise InputError("holds no record", where=str(given.data), todo=f"Fill the data set {given.name!r} or drop it")
    return known.total(), known[True]


def _all_of(broken: list[DataEngineError]) -> InputError:
    first = "; ".join(str(error) for error in broken[:3])
    more = f"; and {len(broken) - 3} more" if len(broken) > 3 else ""
    return InputError(f"{len(broken)} data sets cannot be read: {first}{more}", where="training.mix.sets")


def _share(mix: MixSection) -> str:
    if mix.by != "ratio":
        return ""
    shares = by_ratio(_ratios(mix))
    return f", {sum(shares[part.name] for part in mix.engine):.1%} of the steps"


def _ratios(mix: MixSection) -> Mapping[str, float]:
    return {part.name: part.ratio or 0.0 for part in mix.parts}


def records_of_a_batch(run: RunFile, recipe: Recipe) -> float:
    """Records that a device is expected to see in a batch. Of a mix by root of size, whose shares are not known before
    the engine's data are, it is the recipe's number."""
    mix = run.training.mixed()
    if mix is None or mix.by != "ratio":
        return float(recipe.batch_size)
    sizes = {part.name: part.batch_size or recipe.batch_size for part in mix.parts}
    return expected_batch(sizes, by_ratio(_ratios(mix)))


def with_largest_batch(run: RunFile, recipe: Recipe) -> Recipe:
    """The recipe with the largest batch that a data set of the mix asks for."""
    mix = run.training.mix
    own = [] if mix is None else [part.batch_size or recipe.batch_size for part in mix.parts]
    return recipe.model_copy(update={"batch_size": max(own, default=recipe.batch_size)})


def mix_bytes(run: RunFile) -> int:
    """The disk that the mix's data sets take once more, as a job reads them."""
    mix = run.training.mix
    return 0 if mix is None else sum(part.data.stat().st_size for part in mix.sets if part.data.exists())
