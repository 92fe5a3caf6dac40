"""MiniGPT-4's first generation gives what its authors' code gives: tokens, embeddings, logits, losses, gradients."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from dataengine.student.encoding import IGNORED, Encoded, encode
from dataengine.student.family import IMAGE
from dataengine.student.minigpt4 import MiniGpt4
from tests.golden.parity.vectors import (
    EMBEDS,
    GRADIENT,
    LOGITS,
    LOSS,
    Students,
    apart,
    copy,
    embedded,
    greedy,
    image,
    pixels,
    step,
    unpadded,
    vectors,
)

V = vectors("minigpt4")
FAMILY = MiniGpt4(side=56, layers=3, heads=4, qformer_heads=4, queries=8, dtype=torch.float32)
NAMES = ("wide", "tall")
Turns = list[tuple[str, str | None]]
FIRST: Turns = [("What is the colour of the square?", None)]
SECOND: Turns = [("What is the colour of the square?", "Red"), ("How many circles are there?", None)]


@pytest.fixture(scope="module")
def student() -> Students:
    return FAMILY.load_model(V.folder), FAMILY.load_tokenizer(V.folder)


def rows(student: Students, case: str) -> list[Encoded]:
    answers = V.told["train"][case]["answers"]
    if case == "align":
        return [encode(FAMILY, student[1], [("Describe this image in detail.", answer)]) for answer in answers]
    # the first stage has no prompt; it is not ours to train, but shows that places, loss and gradients are right
    said = [student[1](f"{answer}\n", add_special_tokens=False)["input_ids"] for answer in answers]
    begin = [1, *[IMAGE] * FAMILY.num_image_tokens]
    return [Encoded(begin + ids, [IGNORED] * len(begin) + ids) for ids in said]


@pytest.mark.parametrize(("turns", "case"), [(FIRST, "chat1"), (SECOND, "chat2")])
def test_the_demos_conversation_has_the_authors_tokens(student: Students, turns: Turns, case: str) -> None:
    chatting = replace(FAMILY, chat=True)
    assert encode(chatting, student[1], turns).ids == V.given[f"{case}/token_ids"][0].tolist()
    text = "".join("<ImageHere>" if p.image else p.text for p in chatting.prompt(turns))
    assert text == "<s>" + V.told["chat"][case.replace("chat", "turn")]


def test_questions_are_asked_as_the_authors_generate_is_fed(student: Students) -> None:
    questions = ("What is the colour of the square?", "How many?")
    for question, said in zip(questions, V.told["generate"]["prompts"], strict=True):
        text = "".join("<ImageHere>" if p.image else p.text for p in FAMILY.prompt([(question, None)]))
        assert text == f"<s>{said}"
    made = [encode(FAMILY, student[1], [(question, None)]).ids for question in questions]
    assert made == unpadded(V.given["eval_batch/token_ids"], V.given["eval_batch/attention_mask"])


@pytest.mark.parametrize("case", ["align", "stage1_no_prompt"])
def test_a_lessons_tokens_and_labels_are_the_authors(student: Students, case: str) -> None:
    mask = V.given[f"train_{case}/attention_mask"]
    made = rows(student, case)
    assert [row.ids for row in made] == unpadded(V.given[f"train_{case}/token_ids"], mask)
    assert [row.labels for row in made] == unpadded(V.made[f"train_{case}/labels"], mask)


@torch.inference_mode()
def test_images_are_seen_as_the_authors_see_them(student: Students) -> None:
    for name in NAMES:
        assert apart(FAMILY.pixels(image(name)), V.given[f"pixel_values/{name}"]) < 1e-6
    seen = FAMILY.encode_images(student[0], pixels(FAMILY, *NAMES))
    assert apart(seen, V.made["vision/qformer_last_hidden_state"]) < EMBEDS
    assert apart(FAMILY.project(student[0], seen), V.made["vision/picture_embeds"]) < EMBEDS


@torch.inference_mode()
def test_each_norm_has_the_authors_epsilon(student: Students) -> None:
    places = {
        "ln_vision": "vision_model.post_layernorm",
        "vit_block0_norm1": "vision_model.encoder.layers.0.layer_norm1",
        "qformer_embeddings_LayerNorm": "qformer.layernorm",
        "llama_layer0_input_layernorm": "language_model.model.layers.0.input_layernorm",
    }
    probes = {name.removeprefix("eps_probe/") for name in V.given if name.startswith("eps_probe/")}
    assert probes <= set(places)
    for name in probes:
        made = student[0].get_submodule(places[name])(V.given[f"eps_probe/{name}"])
        assert apart(made, V.made[f"eps_probe/{name}"]) < EMBEDS


@torch.inference_mode()
@pytest.mark.parametrize("case", ["chat1", "chat2"])
def test_a_question_is_answered_as_the_authors_answer_it(student: Students, case: str) -> None:
    embeddings = embedded(FAMILY, student[0], V.given[f"{case}/token_ids"].tolist(), "wide")
    assert apart(embeddings, V.made[f"{case}/inputs_embeds"]) < EMBEDS
    logits = student[0](inputs_embeds=embeddings).logits
    wanted = V.made[f"{case}/logits_last16"]
    assert apart(logits[:, -wanted.shape[1] :], wanted) < LOGITS
    assert greedy(student[0], embeddings, 8) == V.made[f"{case}/greedy_ids"][0, 1:].tolist()


@pytest.mark.parametrize("case", ["align", "stage1_no_prompt"])
def test_a_training_step_of_the_projector_is_the_authors(case: str) -> None:
    student = FAMILY.load_model(V.folder), FAMILY.load_tokenizer(V.folder)
    student[0].requires_grad_(False)
    student[0].get_submodule("llama_proj").requires_grad_(True)
    made = step(FAMILY, student[0], student[0], rows(student, case), *NAMES)
    assert made.loss == pytest.approx(V.told["train"][case]["loss"], abs=LOSS)
    assert apart(made.logits, V.made[f"train_{case}/logits_before_labels"]) < LOGITS
    assert made.norms == pytest.approx(V.told["train"][case]["grad_norm"], rel=GRADIENT)


def test_every_weight_of_the_qformer_that_the_authors_use_is_read_and_no_other(tmp_path: Path) -> None:
    folder = copy("minigpt4", tmp_path / "fewer", "qformer.*")
    held = load_file(V.folder / "qformer.safetensors")
    used = set(V.told["qformer_keys_used"])
    assert used <= set(held)
    unused = set(V.told["qformer_keys_in_file_not_used"])
    save_file({name: value for name, value in held.items() if name not in unused}, folder / "qformer.safetensors")
    before, after = FAMILY.load_model(V.folder), FAMILY.load_model(folder)
    assert all(torch.equal(a, b) for a, b in zip(before.parameters(), after.parameters(), strict=True))


@torch.inference_mode()
def test_saved_and_loaded_gives_identical_logits(student: Students, tmp_path: Path) -> None:
    student[0].save_pretrained(tmp_path)
    ids = V.given["chat1/token_ids"].tolist()
    found = MiniGpt4(dtype=torch.float32).fitted(tmp_path)
    assert (found.side, found.queries) == (FAMILY.side, FAMILY.queries)
    both = [m(inputs_embeds=embedded(FAMILY, m, ids, "wide")).logits for m in (student[0], found.load_model(tmp_path))]
    assert torch.equal(*both)


def test_the_qformers_dropout_is_never_on(student: Students) -> None:
    student[0].train()
    seen = [FAMILY.encode_images(student[0], pixels(FAMILY, "wide")) for _ in range(2)]
    student[0].eval()
    assert torch.equal(*seen)
