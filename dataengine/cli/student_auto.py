"""What `student inspect` tells of any image-text model in a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dataengine.core.errors import InputError


def auto_object(folder: Path) -> dict[str, Any]:
    """As for a family with special knowledge, and the memory of a training step; what is learned stands in ⟦ ⟧."""
    from dataengine.cli.student import parts_of, trained_of
    from dataengine.student.auto import AUTO, SAMPLE_SIDE, AutoFamily  # torch: only where a student is at hand
    from dataengine.training.memory import longest_batch, training_memory
    from dataengine.training.recipe import family_recipe

    recipe = family_recipe(AUTO)
    try:
        family = AutoFamily().fitted(folder)
        model = family.skeleton(folder)
        row = family.sample("A cat.")
        asked = family.sample(None)
    except (OSError, ValueError) as error:
        todo = "Name the folder of an image-text model in transformers' layout"
        raise InputError(f"cannot be inspected: {error}", where=str(folder), todo=todo) from error
    total = sum(p.numel() for p in model.parameters())
    trained = trained_of(family, recipe, model)
    image = max(set(row.ids), key=row.ids.count)
    return {
        "family": AUTO,
        "kind": type(model).__name__,
        "checkpoint": str(folder),
        "parameters": total,
        "parts": parts_of(family, model),
        "lora": trained["lora"],
        "lora_targets": family.lora_targets,
        "trained_in_full": trained["whole"],
        "trainable": trained["count"],
        "trainable_share": trained["count"] / (total + trained["lora"]["parameters"]),
        "precision": str(family.dtype).removeprefix("torch."),
        "picture": {
            "tokens": row.ids.count(image),
            "input": [SAMPLE_SIDE, SAMPLE_SIDE],
            "first_place": row.ids.index(image),
            "prompt_tokens": asked.length,
        },
        "inputs": sorted(row.tensors),
        "memory": {"training step": training_memory(family, model, recipe, longest_batch(family, recipe)).total},
        "prompt": "".join(f"⟦{text}⟧" if learned else text for text, learned in family.sample_text("A cat.")),
    }
