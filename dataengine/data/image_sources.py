"""Image sources by name. A new source is one file and one line here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from dataengine.core.errors import ConfigurationError
from dataengine.core.ports import ImageSource
from dataengine.data.coco import Coco
from dataengine.data.easy_vqa import EasyVqa
from dataengine.data.genome_relations import RelatedVisualGenome
from dataengine.data.image_folder import ImageFolder
from dataengine.data.visual_genome import VisualGenome

IMAGE_SOURCES: Mapping[str, Callable[[Path], ImageSource]] = {
    "visual-genome": VisualGenome,
    "visual-genome-related": RelatedVisualGenome,
    "coco": Coco,
    "easy-vqa": EasyVqa,
    "folder": ImageFolder,
}


def open_source(name: str, folder: Path) -> ImageSource:
    """The source of that name over a folder. Raises ConfigurationError for an unknown name; its files are read, and
    found wrong, when they are first needed."""
    opened = IMAGE_SOURCES.get(name)
    if opened is None:
        raise ConfigurationError(
            f"there is no image source {name!r}",
            where="images.source",
            todo=f"Use one of {', '.join(IMAGE_SOURCES)}",
        )
    return opened(folder)
