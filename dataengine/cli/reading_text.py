"""`dataengine data read-text`: the writing in a run's images, read once."""

from __future__ import annotations

from dataengine.cli.options import RunFileArgument
from dataengine.core.errors import ConfigurationError
from dataengine.data.image_sources import open_source
from dataengine.data.ocr import RapidOcr, read_text_of
from dataengine.runtime.runfile import read_run_file


def read_text(run_file: RunFileArgument) -> None:
    """Read the writing in the pool's images into the folder that `images.ocr` names.

    Needs the extra `ocr`. Interrupted or killed, the same command goes on; an image that was read is not read again.

    Example: dataengine data read-text examples/llava-1.5-7b/run.yaml
    """
    run = read_run_file(run_file)
    folder = run.images.ocr
    if folder is None:
        todo = "Name a folder there: it is written by this command, and read by the run"
        raise ConfigurationError("names no folder for writing", where=f"{run_file}, pictures.ocr", todo=todo)
    source = open_source(run.images.source, run.images.data)
    paths = [image.path for image in source.images()]
    read, lines = read_text_of(folder, paths, source.read, RapidOcr)
    print(f"{len(paths)} pictures, {read} read now, {lines} lines of writing in them")
