"""LLaVA-1.5 at its real size on one card: `python -m perf.llava_on_gpu --size 7b --batch 16`.

Builds the model with random weights from its configuration, on the card, without any download, and prints

- training: tokens/s, samples/s, share of the card's peak and peak memory of our own path (`dataengine.training`:
  LoRA rank 128 on every linear layer of the language model, the projector in full, bf16, gradient checkpointing, AdamW;
  the published recipe) beside a plain loop written by hand with transformers' model, peft and the same recipe;
- answers: letters (4 tokens) and short answers (16) a second through the engine that Triton serves, beside
  transformers' plain `generate` on the same questions.

Tokens are those of whole records, image and prompt included, as they go through the decoder. Both loops are timed
from their tenth step on. On a card both look at each image again in every step (on a CPU the trainer looks once,
before training); the trainer computes logits only where there are labels, the plain loop all of them, as transformers
does. How fast images are looked at is printed by itself, for FLOPs do not count it. Model FLOPs, hardware FLOPs and
peaks: formula and sources in `benchmarks.card_peak`. A random model hardly ever ends an answer early.

It has not been run on a GPU by us: none was at hand. What is tested is that it runs whole on a CPU (`--tiny`).
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
import transformers

from dataengine.training.recipe import family_recipe
from perf.answering_speed import Answering, engines_answers, generates_answers
from perf.card_peak import Peak, card_name, peak_of
from perf.random_llava import RandomLlava
from perf.training_speed import WARM_STEPS, Training, looked_at_a_second, plain_loop, the_trainers

GIB = 2**30


@dataclass(frozen=True, slots=True)
class Figures:
    """What was measured: each kind of work by who did it."""

    card: str
    peak: Peak
    size: str
    parameters: int
    training: dict[str, Training]
    images_a_second: float
    letters: dict[str, Answering]
    short: dict[str, Answering]
    versions: dict[str, str]


def measure(size: str, device: torch.device, batch: int, steps: int, words: int, questions: int) -> Figures:
    """All of it, one after the other; every part builds the model again and lets go of it."""
    family = RandomLlava.of(size, device)
    recipe = family_recipe("llava-1.5").model_copy(update={"batch_size": batch, "max_steps": steps})
    peak = peak_of(device)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        training = {
            "the trainer": the_trainers(family, recipe, words, folder, peak),
            "plain loop": plain_loop(family, recipe, words, folder, peak),
        }
        letters, short = (
            {
                "the engine": engines_answers(family, folder, questions, batch, letter),
                "plain generate": generates_answers(family, folder, questions, batch, letter),
            }
            for letter in (True, False)
        )
        images = looked_at_a_second(family, folder, batch)
    parameters = sum(p.numel() for p in torch.nn.Module.parameters(family.skeleton()))
    versions = {"torch": torch.__version__, "transformers": transformers.__version__}
    return Figures(card_name(device), peak, size, parameters, training, images, letters, short, versions)


def table(found: Figures) -> list[str]:
    """The figures as lines of text."""
    who = list(found.training)
    made = list(found.training.values())
    first = made[0]
    told = ", ".join(f"{name} {version}" for name, version in found.versions.items())
    lines = [
        f"LLaVA-1.5 {found.size}, {found.parameters / 1e6:,.1f} M random weights, on {found.card}; {told}",
        f"peak: {found.peak.flops / 1e12:,.2f} TFLOPS ({found.peak.source})",
        "",
        _row(f"training, {first.batch} records of {first.tokens} tokens", *who),
        _row("  tokens/s", *(f"{t.tokens_a_second:,.0f}" for t in made)),
        _row("  samples/s", *(f"{t.samples_a_second:,.2f}" for t in made)),
        _row("  share of the peak, model FLOPs", *(f"{t.model_share:.1%}" for t in made)),
        _row("  the same with recomputation", *(f"{t.hardware_share:.1%}" for t in made)),
        _row("  peak memory, GiB", *(f"{t.peak_bytes / GIB:,.2f}" for t in made)),
        _row("  loss of the first steps", *(f"{t.loss:.3f}" for t in made)),
        f"  memory as --check estimates it: {first.estimated_bytes / GIB:,.2f} GiB",
        f"  pictures looked at: {found.images_a_second:,.1f} a second",
    ]
    for title, answering in (("letters", found.letters), ("short answers", found.short)):
        shown = list(answering.values())
        lines += [
            "",
            _row(f"{title}, {shown[0].tokens} tokens each", *answering),
            _row("  answers/s", *(f"{a.answers_a_second:,.2f}" for a in shown)),
            _row("  peak memory, GiB", *(f"{a.peak_bytes / GIB:,.2f}" for a in shown)),
        ]
    return lines


def _row(name: str, *values: str) -> str:
    return f"{name:<44}" + "".join(f"{value:>18}" for value in values)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=["7b", "13b"], default="7b")
    parser.add_argument("--tiny", action="store_true", help="a few thousand parameters on the CPU, to see that it runs")
    parser.add_argument("--batch", type=int, default=16, help="records a step, and questions at once")
    parser.add_argument("--steps", type=int, default=30, help=f"of training, in tens; {WARM_STEPS} of them warm up")
    parser.add_argument("--answer-words", type=int, default=128, help="of each record that is trained on")
    parser.add_argument("--questions", type=int, default=128, help="of each kind that are asked")
    parser.add_argument("--json", action="store_true", help="one JSON object; the table then goes to stderr")
    given = parser.parse_args()
    if given.steps < 2 * WARM_STEPS or given.steps % WARM_STEPS:
        parser.error(f"--steps: a multiple of {WARM_STEPS}, and at least {2 * WARM_STEPS}")
    if not given.tiny and not torch.cuda.is_available():
        parser.error("there is no GPU here; --tiny runs on a CPU")
    size, device = ("tiny", torch.device("cpu")) if given.tiny else (given.size, torch.device("cuda:0"))
    found = measure(size, device, given.batch, given.steps, given.answer_words, given.questions)
    print("\n".join(table(found)), file=sys.stderr if given.json else sys.stdout)
    if given.json:
        print(json.dumps(asdict(found)))


if __name__ == "__main__":
    main()
