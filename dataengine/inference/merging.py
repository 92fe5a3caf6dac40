"""An adapter and its base as one folder of full weights, which loads without this project."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import cast

import torch
from peft import PeftModel
from transformers import PreTrainedModel

from dataengine.core.errors import InputError
from dataengine.student.auto import AutoFamily
from dataengine.student.registry import AnyFamily

CARRIED = ("processor_config.json", "preprocessor_config.json", "chat_template.jinja", "chat_template.json")
"""Files of a base that belong to its processor: a family that has no processor of its own hands them on."""


def write_merged(family: AnyFamily, base: Path, adapter: Path | None, out: Path) -> None:
    """Full weights in the family's precision, tokenizer or processor, below ``out``. None: the base itself.

    Sums are made in single precision. Raises InputError where base or adapter cannot be read.
    """
    try:
        family = family.fitted(base)
        model = cast(torch.nn.Module, family.load_model(base)).float()
        if adapter is not None:
            model = PeftModel.from_pretrained(model, str(adapter)).merge_and_unload(safe_merge=True)
    except (OSError, ValueError, RuntimeError, KeyError) as error:
        first = str(error).split("\n", 1)[0]
        raise InputError(f"cannot be merged: {first}", where=str(adapter or base)) from error
    out.mkdir(parents=True, exist_ok=True)
    whole = cast(PreTrainedModel, model.to(family.dtype))
    whole.save_pretrained(out)
    if isinstance(family, AutoFamily):
        family.speech.processor.save_pretrained(out)
        return
    family.load_tokenizer(base).save_pretrained(out)
    for name in CARRIED:
        if (base / name).is_file():
            shutil.copy(base / name, out / name)
