"""Finding nearly the same questions: ours beside datasketch and rensa, where they are installed.

    python -m perf.near_duplicates [--texts 3000 100000] [--images 3]

Two jobs. Within images: each of the texts is compared with what was asked of its image before, `--images` in all.
Across images: each text's template is found among all. A tenth of the texts are made from another one by changing
one word of twelve, which is more alike than 0.9: was an earlier text found for each of these?
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.util import find_spec
from time import perf_counter

from dataengine.core.heldout import normalised_question
from dataengine.generation.duplicates import QuestionsByImage, alike
from dataengine.generation.templates import TemplateIndex

LIMIT = 0.9
_PERMUTATIONS = 128


def texts(count: int, seed: int = 5) -> tuple[list[str], list[int]]:
    """Texts of twelve words, and the numbers of those that were made from an earlier one."""
    rng = random.Random(seed)
    words = [f"w{number}" for number in range(5000)]
    made: list[str] = []
    originals: list[str] = []
    twins: list[int] = []
    for number in range(count):
        if originals and rng.random() < 0.1:
            changed = rng.choice(originals).split()
            changed[rng.randrange(len(changed))] = rng.choice(words)
            made.append(" ".join(changed))
            twins.append(number)
        else:
            originals.append(" ".join(rng.choice(words) for _ in range(12)))
            made.append(originals[-1])
    return made, twins


def within(asked: Sequence[str], images: int) -> list[str | None]:
    """Ours, within images."""
    index, found = QuestionsByImage(), []
    for number, text in enumerate(asked):
        image = str(number % images)
        found.append(index.twin(image, text, LIMIT))
        index.add(image, text)
    return found


def across(asked: Sequence[str]) -> list[str | None]:
    """Ours, across images."""
    index, found, seen = TemplateIndex(asked, LIMIT), list[str | None](), set[str]()
    for text in asked:
        first = index.template_of(text)
        found.append(first if first != text or text in seen else None)
        seen.add(text)
    return found


def with_datasketch(asked: Sequence[str]) -> list[str | None]:
    """MinHashLSH as its documentation shows it, what it finds verified."""
    datasketch = import_module("datasketch")
    lsh = datasketch.MinHashLSH(threshold=0.8, num_perm=_PERMUTATIONS)
    found = []
    for number, text in enumerate(asked):
        sketch = datasketch.MinHash(num_perm=_PERMUTATIONS)
        sketch.update_batch([word.encode() for word in normalised_question(text).split()])
        found.append(_verified(text, [asked[int(key)] for key in lsh.query(sketch)]))
        lsh.insert(str(number), sketch)
    return found


def with_rensa(asked: Sequence[str]) -> list[str | None]:
    """RMinHashLSH as its documentation shows it, what it finds verified."""
    rensa = import_module("rensa")
    lsh = rensa.RMinHashLSH(threshold=0.8, num_perm=_PERMUTATIONS, num_bands=32)
    found = []
    for number, text in enumerate(asked):
        sketch = rensa.RMinHash(num_perm=_PERMUTATIONS, seed=42)
        sketch.update(normalised_question(text).split())
        found.append(_verified(text, [asked[key] for key in lsh.query(sketch)]))
        lsh.insert(number, sketch)
    return found


def _verified(text: str, candidates: Sequence[str]) -> str | None:
    return next((other for other in candidates if alike(other, text) > LIMIT), None)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--texts", type=int, nargs="+", default=[3000, 100_000])
    parser.add_argument("--images", type=int, default=3)
    options = parser.parse_args()
    print("| texts | who | seconds | found of those that have one |\n|---|---|---|---|")
    for count in options.texts:
        asked, twins = texts(count)
        images = options.images if count <= 10_000 else count // 1000
        jobs: dict[str, Callable[[], list[str | None]]] = {
            f"ours, within {images} images": lambda asked=asked, images=images: within(asked, images),  # type: ignore[misc]
            "ours, across": lambda asked=asked: across(asked),  # type: ignore[misc]
        }
        if find_spec("datasketch"):
            jobs["datasketch, across"] = lambda asked=asked: with_datasketch(asked)  # type: ignore[misc]
        if find_spec("rensa"):
            jobs["rensa, across"] = lambda asked=asked: with_rensa(asked)  # type: ignore[misc]
        for name, job in jobs.items():
            begun = perf_counter()
            found = job()
            seconds = perf_counter() - begun
            told = "-" if "within" in name else f"{sum(found[n] is not None for n in twins) / len(twins):.3f}"
            print(f"| {count:,} | {name} | {seconds:.1f} | {told} |", flush=True)


if __name__ == "__main__":
    main()
