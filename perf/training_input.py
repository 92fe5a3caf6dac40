"""Does the step wait for its images? Real-size JPEGs, a step that only sleeps, and batches made between or ahead of it.

    python -m perf.training_input [--images 600] [--step 0.2] [--workers 2]

Beside the batches of this package, made by workers, in one run: the same batches made between the steps, and a plain
loop that decodes and scales the images of each batch itself. Told is the share of time that is waiting for the next
batch, without the first one, for which nobody can have been ahead.
"""

from __future__ import annotations

import argparse
import io
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch.utils.data import DataLoader

from dataengine.student.tiny_llava import TinyLlava, build_tokenizer
from dataengine.training.batches import BatchMaker, Workers
from dataengine.training.dataset import IndexDataset, LazyDataset
from dataengine.training.recipe import Recipe
from dataengine.training.record_files import RecordFile, write_records
from dataengine.training.records import TrainingRecord

SIZE = (640, 480)
BATCH = 16


def records_in(folder: Path, number: int) -> RecordFile:
    """Photographs' size and detail: smooth shapes with noise, some 100 kB each."""
    draws = np.random.default_rng(0)
    made = []
    for place in range(number):
        small = Image.fromarray(draws.integers(0, 255, (12, 16, 3), dtype=np.uint8))
        noisy = np.asarray(small.resize(SIZE, Image.Resampling.BICUBIC), dtype=np.int16)
        noisy = (noisy + draws.integers(-12, 12, noisy.shape)).clip(0, 255).astype(np.uint8)
        data = io.BytesIO()
        Image.fromarray(noisy).save(data, "JPEG", quality=90)
        (folder / f"{place}.jpg").write_bytes(data.getvalue())
        made.append(TrainingRecord(folder / f"{place}.jpg", (("what color is the thing?", "red"),)))
    write_records(made, folder / "records.jsonl")
    return RecordFile(folder / "records.jsonl")


def waiting(batches: Iterable[object], step: float) -> tuple[float, float]:
    """The share of the time that went into waiting for a batch, and seconds a step, after the first."""
    waited, steps = 0.0, 0
    batches = iter(batches)
    next(batches)
    time.sleep(step)
    began = before = time.perf_counter()
    for _ in batches:
        waited += time.perf_counter() - before
        time.sleep(step)
        steps += 1
        before = time.perf_counter()
    whole = time.perf_counter() - began
    return waited / whole, whole / steps


def plain_loop(records: RecordFile, family: TinyLlava) -> Iterator[torch.Tensor]:
    """What one writes first."""
    for start in range(0, len(records) - BATCH + 1, BATCH):
        paths = [record.image for record in records[start : start + BATCH]]
        yield torch.stack([family.pixels(Image.open(path)) for path in paths if path is not None])


def loader(maker: BatchMaker, size: int, workers: Workers) -> DataLoader[int]:
    """As a training has it."""
    return DataLoader(IndexDataset(size), batch_size=BATCH, drop_last=True, collate_fn=maker, **workers.settings)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--images", type=int, default=600)
    parser.add_argument("--step", type=float, default=0.2)
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()
    family = TinyLlava(side=336, patch=14)
    with tempfile.TemporaryDirectory() as folder:
        records = records_in(Path(folder), given.images)
        lazy = LazyDataset(records, family, build_tokenizer(["red"]), Recipe(max_length=2048))
        maker = BatchMaker(lazy, 0)
        rows: dict[str, Iterable[object]] = {
            "plain loop, between steps": plain_loop(records, family),
            "ours, between steps (8 threads)": loader(maker, given.images, Workers()),
            f"ours, {given.workers} workers": loader(maker, given.images, Workers(given.workers, 4)),
        }
        print(f"{given.images} JPEGs of {SIZE[0]} x {SIZE[1]}, batches of {BATCH}, a step of {given.step:g} s")
        print("| batches made | waiting | seconds a step |\n|---|---|---|")
        for name, batches in rows.items():
            share, seconds = waiting(batches, given.step)
            print(f"| {name} | {share:.1%} | {seconds:.3f} |", flush=True)


if __name__ == "__main__":
    main()
