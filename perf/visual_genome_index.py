"""The Visual Genome index at size: `python -m perf.visual_genome_index [--megabytes 720] [--folder DIR]`.

Makes a `region_descriptions.json` in the published shape and of the published size (712 MB, 108,077 images, 5.4 M
regions; the phrases are nonsense), indexes it, looks images up, and does the same by reading the file whole with
`json.load` and with orjson. Every step runs in a process of its own, whose peak memory and processor time are printed
beside its time: on a busy machine the two times differ.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import orjson

from dataengine.data.json_index import IndexedEntries, build_index, index_path

IMAGES = 108_077
_MOST_REGIONS = 100
_LOOK_UPS = 2_000
_WORDS = (
    "man",
    "clock",
    "green",
    "street",
    "with",
    'a "sign"',
    "of",
    "the",
    "caf\u00e9",
    "shade",
    "on",
    "tall",
    "{",
    "]",
)


def make_regions(file: Path, megabytes: float) -> int:
    """Write entries until the file has its size, with escapes and end blanks as published; the entries written."""
    generator = random.Random(7)
    written = image = region_id = 0
    with file.open("w", encoding="utf-8") as out:
        written += out.write("[")
        while written < megabytes * 1e6:
            image += 1
            regions = []
            for _ in range(generator.randint(1, _MOST_REGIONS)):
                region_id += 1
                phrase = " ".join(generator.choices(_WORDS, k=generator.randint(2, 7)))
                box = {key: generator.randint(0, 500) for key in ("x", "y", "width", "height")}
                regions.append({"region_id": region_id, **box, "image_id": image, "phrase": f"{phrase} "})
            written += out.write((", " if image > 1 else "") + json.dumps({"regions": regions, "id": image}))
        out.write("]")
    return image


def wanted(images: int) -> list[str]:
    """Images to look up."""
    return [str(number) for number in random.Random(8).choices(range(1, images + 1), k=_LOOK_UPS)]


def measure_index(file: Path) -> dict[str, float]:
    """Seconds to index a file that has no index."""
    index_path(file).unlink(missing_ok=True)
    start = time.perf_counter()
    images = build_index(file, "")
    return {"seconds": time.perf_counter() - start, "pictures": images, "bytes": index_path(file).stat().st_size}


def measure_lookup(file: Path) -> dict[str, float]:
    """Seconds to open the index, and microseconds a look-up."""
    start = time.perf_counter()
    rows = IndexedEntries(file, "")
    images = len(rows)
    opened = time.perf_counter()
    found = sum(len(rows[name]["regions"]) for name in wanted(images))
    end = time.perf_counter()
    return {"seconds": opened - start, "lookup": 1e6 * (end - opened) / _LOOK_UPS, "found": found}


def measure_whole(file: Path, load: Callable[[bytes], Any]) -> dict[str, float]:
    """Seconds to read the file whole into a dictionary by image, and microseconds a look-up."""
    start = time.perf_counter()
    rows = {str(entry["id"]): entry for entry in load(file.read_bytes())}
    opened = time.perf_counter()
    found = sum(len(rows[name]["regions"]) for name in wanted(len(rows)))
    end = time.perf_counter()
    return {"seconds": opened - start, "lookup": 1e6 * (end - opened) / _LOOK_UPS, "found": found}


STEPS: Mapping[str, Callable[[Path], dict[str, float]]] = {
    "index": measure_index,
    "open the index": measure_lookup,
    "json.load": lambda file: measure_whole(file, json.loads),
    "orjson.loads": lambda file: measure_whole(file, orjson.loads),
}


def in_child(step: str, file: Path) -> dict[str, float]:
    """The step's result from a fresh process, with `peak`, its peak memory in MB."""
    command = [sys.executable, "-m", "benchmarks.visual_genome_index", "--step", step, "--folder", str(file.parent)]
    result: dict[str, float] = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return result


def compare(folder: Path, megabytes: float) -> None:
    """Make the file, measure each step, print the table."""
    file = folder / "region_descriptions.json"
    images = make_regions(file, megabytes)
    size = file.stat().st_size / 1e6
    print(f"{size:.0f} MB, {images:,} pictures\n")
    print(f"{'step':16}{'s':>8}{'CPU s':>8}{'MB/CPU s':>10}{'peak MB':>9}{'µs a look-up':>14}")
    found = set()
    for step in STEPS:
        result = in_child(step, file)
        speed = f"{size / result['cpu']:.0f}" if step != "open the index" else ""
        lookup = f"{result['lookup']:.0f}" if "lookup" in result else ""
        times = f"{result['seconds']:>8.2f}{result['cpu']:>8.2f}"
        print(f"{step:16}{times}{speed:>10}{result['peak']:>9.0f}{lookup:>14}", flush=True)
        found.add(result.get("found", -1.0))
    print(f"\nthe index has {index_path(file).stat().st_size / 1e6:.1f} MB")
    print("all ways find the same" if len(found - {-1.0}) == 1 else "THE WAYS FIND DIFFERENT THINGS")


def main() -> None:
    """Run a step, or all of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=float, default=720, help="size of the file that is made")
    parser.add_argument("--folder", type=Path, help="where to make it, and leave it; a temporary folder if not given")
    parser.add_argument("--step", choices=sorted(STEPS), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.step:
        result = STEPS[arguments.step](arguments.folder / "region_descriptions.json")
        used = resource.getrusage(resource.RUSAGE_SELF)
        print(json.dumps({**result, "cpu": used.ru_utime + used.ru_stime, "peak": used.ru_maxrss / 1024}))
    elif arguments.folder:
        arguments.folder.mkdir(parents=True, exist_ok=True)
        compare(arguments.folder, arguments.megabytes)
    else:
        with tempfile.TemporaryDirectory() as temporary:
            compare(Path(temporary), arguments.megabytes)


if __name__ == "__main__":
    main()
