"""`dataengine data embed`: how a run's images look, computed once on a machine that has the model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dataengine.cli.options import RunFileArgument
from dataengine.core.errors import ConfigurationError
from dataengine.data.embeddings import write_embeddings
from dataengine.data.image_sources import open_source
from dataengine.evaluation.benchmarks.registry import find_benchmark
from dataengine.evaluation.splits import read_splits
from dataengine.runtime.runfile import read_run_file


def embed(
    run_file: RunFileArgument,
    model: Annotated[Path, typer.Option(help="Folder of a CLIP in transformers' layout (gen-1: ViT-B/32).")],
    batch: Annotated[int, typer.Option(min=1, help="Pictures at a time.")] = 64,
) -> None:
    """Embed the pool's images and those of the diagnose split into the folder that `images.embeddings` names.

    Interrupted or killed, the same command goes on. The report split's images are not looked at.

    Example: dataengine data embed examples/minigpt4/run.yaml --model weights/clip-vit-base-patch32
    """
    from dataengine.student.clip_embedding import ClipEmbedder  # torch: only where a model is at hand

    run = read_run_file(run_file)
    folder = run.images.embeddings
    if folder is None:
        todo = "Name a folder there: it is written by this command, and read by the run"
        raise ConfigurationError("names no folder for embeddings", where=f"{run_file}, pictures.embeddings", todo=todo)
    embedder = ClipEmbedder(model)
    diagnose = read_splits(find_benchmark(run.benchmark.name), run.benchmark, run.seed).diagnose
    source = open_source(run.images.source, run.images.data)
    pool = [image.path for image in source.images()]
    asked = sorted({question.image for question in diagnose.questions if question.image})
    for kind, names, read in (("pool", pool, source.read), ("asked", asked, diagnose.read_image)):
        new = write_embeddings(folder, kind, names, read, embedder, batch)
        print(f"{kind}: {len(names)} pictures, {new} embedded now")
