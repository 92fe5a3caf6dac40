"""Records, dataset, mixture, recipe, the trainer, and the job that runs it here or elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dataengine.core.faces import lazily

if TYPE_CHECKING:
    from dataengine.training.fine_tuning import Trained, train
    from dataengine.training.handler import Trainer
    from dataengine.training.memory import training_memory
    from dataengine.training.mixture import DataSet, Mixture
    from dataengine.training.recipe import Recipe, published_recipe
    from dataengine.training.records import TrainingRecord, read_records
else:
    __getattr__ = lazily(
        __name__,
        {
            "Trainer": "handler",
            "train": "fine_tuning",
            "Trained": "fine_tuning",
            "Recipe": "recipe",
            "published_recipe": "recipe",
            "TrainingRecord": "records",
            "read_records": "records",
            "Mixture": "mixture",
            "DataSet": "mixture",
            "training_memory": "memory",
        },
    )

__all__ = [
    "DataSet",
    "Mixture",
    "Recipe",
    "Trained",
    "Trainer",
    "TrainingRecord",
    "published_recipe",
    "read_records",
    "train",
    "training_memory",
]
