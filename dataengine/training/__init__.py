"""Records, dataset, mixture, recipe, the trainer, and the job that runs it here or elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dataengine.core.faces import lazily

if TYPE_CHECKING:
    from dataengine.training.handler import Trainer
    from dataengine.training.memory import training_memory
    from dataengine.training.mix import DataSet, Mix
    from dataengine.training.recipe import Recipe, published_recipe
    from dataengine.training.records import TrainingRecord, read_records
    from dataengine.training.training import Trained, train
else:
    __getattr__ = lazily(
        __name__,
        {
            "Trainer": "handler",
            "train": "training",
            "Trained": "training",
            "Recipe": "recipe",
            "published_recipe": "recipe",
            "TrainingRecord": "records",
            "read_records": "records",
            "Mix": "mix",
            "DataSet": "mix",
            "training_memory": "memory",
        },
    )

__all__ = [
    "DataSet",
    "Mix",
    "Recipe",
    "Trained",
    "Trainer",
    "TrainingRecord",
    "published_recipe",
    "read_records",
    "train",
    "training_memory",
]
