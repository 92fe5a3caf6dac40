"""`dataengine student inspect`: what a model family is, and what training it would change."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from dataengine.cli.options import JsonOption, result_console
from dataengine.cli.student_export import merge, push
from dataengine.core.errors import InputError

if TYPE_CHECKING:
    from torch import nn

    from dataengine.student.family import Family
    from dataengine.student.registry import AnyFamily
    from dataengine.training.recipe import Recipe

app = typer.Typer(help="The model: looked at, and handed over.", no_args_is_help=True)
app.command()(merge)
app.command()(push)

QUESTION = "What is in the picture?"


@app.callback()
def student() -> None:
    """The model: looked at, and handed over."""


@app.command()
def inspect(
    model: Annotated[
        str,
        typer.Argument(metavar="MODEL", help="A folder, a hub name (ORG/NAME), or a family: llava-1.5, tiny-llava, …"),
    ],
    checkpoint: Annotated[
        Path | None, typer.Option(help="A folder of base weights; else the published size, without any weights.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Show a model: parameters, what LoRA adapts, the trained share, the prompt with what is learned, where images go.

    Weights are not loaded; the sizes come from the configuration.

    Example: dataengine student inspect llava-1.5
    """
    told = inspected(model, checkpoint)
    if as_json:
        print(json.dumps(told))
        return
    table = Table(title=told["family"], show_header=False, title_justify="left")
    for name, value in _lines(told):
        table.add_row(name, value)
    result_console().print(table)
    print(told["prompt"])


def inspected(model: str, checkpoint: Path | None) -> dict[str, Any]:
    """What `student inspect --json` prints, of a family's name or of any model."""
    from dataengine.student.registry import FAMILIES  # torch: only where a student is at hand

    if model in FAMILIES:
        return student_object(model, checkpoint)
    from dataengine.cli.student_auto import auto_object
    from dataengine.runtime.model_hub import fetch_model

    folder = checkpoint or Path(model)
    return auto_object(folder if folder.is_dir() else fetch_model(model)[0])


def student_object(name: str, checkpoint: Path | None) -> dict[str, Any]:
    """The same of a family with special knowledge."""
    from dataengine.student.registry import FAMILIES  # torch: only where a student is at hand
    from dataengine.training.recipe import family_recipe

    family, recipe = FAMILIES[name], family_recipe(name)
    try:
        if checkpoint is not None:
            family = family.fitted(checkpoint)
        model = family.skeleton(checkpoint)
        place = _place(family, checkpoint)
    except (OSError, ValueError) as error:
        todo = "Name base weights of this family with --checkpoint"
        raise InputError(f"cannot be inspected: {error}", where=str(checkpoint or name), todo=todo) from error
    total = sum(p.numel() for p in model.parameters())
    trained = trained_of(family, recipe, model)
    return {
        "family": name,
        "checkpoint": str(checkpoint) if checkpoint else None,
        "parameters": total,
        "parts": parts_of(family, model),
        "lora": trained["lora"],
        "trained_in_full": trained["whole"],
        "trainable": trained["count"],
        "trainable_share": trained["count"] / (total + trained["lora"]["parameters"]),
        "precision": str(family.dtype).removeprefix("torch."),
        "picture": {"tokens": family.num_image_tokens, "input": list(_input(family)), **place},
        "prompt": prompt_text(family),
    }


def parts_of(family: AnyFamily, model: nn.Module) -> dict[str, int]:
    """Parameters of the vision tower, the projector, and all the rest, by the family's own prefixes."""
    parts = {"vision": 0, "projector": 0, "other": 0}
    for name, parameter in model.named_parameters():
        part = "vision" if family.vision and name.startswith(f"{family.vision}.") else "other"
        inside = bool(family.projector) and name.startswith(f"{family.projector}.")
        parts["projector" if inside else part] += parameter.numel()
    return parts


def trained_of(family: AnyFamily, recipe: Recipe, model: nn.Module) -> dict[str, Any]:
    """Counted as peft would make it: rank x (in + out) for each linear layer that the expression matches whole."""
    targets = recipe.targets or family.lora_targets
    found = {name: module for name, module in model.named_modules() if re.fullmatch(targets, name)}
    sides = [(int(getattr(m, "in_features", 0)), int(getattr(m, "out_features", 0))) for m in found.values()]
    lora = recipe.rank * sum(inner + outer for inner, outer in sides)
    whole = [family.projector] if recipe.train_projector and family.projector else []
    whole += [family.vision] if recipe.train_vision and family.vision else []
    full = sum(p.numel() for n, p in model.named_parameters() if n.startswith(tuple(f"{prefix}." for prefix in whole)))
    kinds = sorted({name.rsplit(".", 1)[-1] for name in found})
    told = {"rank": recipe.rank, "alpha": recipe.alpha, "layers": len(found), "kinds": kinds, "parameters": lora}
    return {"lora": told, "whole": whole, "count": lora + (full if whole else 0)}


def _input(family: Family) -> tuple[int, ...]:
    from PIL import Image

    return tuple(family.pixels(Image.new("RGB", (32, 16))).shape)


def _place(family: Family, checkpoint: Path | None) -> dict[str, int]:
    """Where the image's tokens stand in the example's; nothing without a tokenizer."""
    if checkpoint is None:
        return {}
    from dataengine.student.encoding import encode

    tokenizer = family.load_tokenizer(checkpoint)
    ids = encode(family, tokenizer, [(QUESTION, None)]).ids
    return {"first_place": ids.index(family.image_token_id(tokenizer)), "prompt_tokens": len(ids)}


def prompt_text(family: Family) -> str:
    """The example question as the family asks it, the image's places written once with their number."""
    places = f"⟨{family.num_image_tokens} x {family.image_token}⟩"
    text = "".join(places if piece.image else piece.text for piece in family.prompt([(QUESTION, None)]))
    return text.replace(family.image_token * family.num_image_tokens, places)


def _lines(told: dict[str, Any]) -> list[tuple[str, str]]:
    lora, image = told["lora"], told["picture"]
    where = f", from token {image['first_place']} of {image['prompt_tokens']}" if "first_place" in image else ""
    return [
        ("weights", told["checkpoint"] or "published size"),
        ("parameters", f"{told['parameters']:,}"),
        *((f"  {name}", f"{count:,}") for name, count in told["parts"].items()),
        ("LoRA", f"rank {lora['rank']}, alpha {lora['alpha']:g}: {lora['layers']} layers ({', '.join(lora['kinds'])})"),
        ("trained in full", ", ".join(told["trained_in_full"]) or "nothing"),
        ("trainable", f"{told['trainable']:,} ({100 * told['trainable_share']:.2f} %)"),
        ("precision", told["precision"]),
        ("picture", f"{' x '.join(map(str, image['input']))} to {image['tokens']} tokens{where}"),
        *((name, f"{size / 2**30:.2f} GiB") for name, size in told.get("memory", {}).items()),
    ]
