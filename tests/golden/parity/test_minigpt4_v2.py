"""MiniGPT4-v2 gives what its authors' code gives: tokens, masks, embeddings, logits, losses, gradients, answers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file, save_file
from transformers import PreTrainedModel

from dataengine.student.encoding import IGNORED, Encoded, encode
from dataengine.student.minigpt4_v2 import CHOICE, MiniGpt4V2, caption_text
from dataengine.student.minigpt_files import adapter_from_authors, adapter_to_authors
from dataengine.student.weights import read_weights
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

V = vectors("minigpt4-v2")
FAMILY = MiniGpt4V2(side=84, layers=3, heads=4, lora_alpha=2, dtype=torch.float32)
NAMES = ("wide", "tall")
Turns = list[tuple[str, str | None]]


@pytest.fixture(scope="module")
def student() -> Students:
    """The authors' fine-tuned model: base, projector and LoRA merged."""
    return FAMILY.load_model(V.folder), FAMILY.load_tokenizer(V.folder)


def choices(options: list[str]) -> str:
    return "".join(f"\n{letter}. {option}" for letter, option in zip("ABCD", options, strict=True)) + f"\n{CHOICE}"


def lessons(case: str) -> tuple[list[Turns], bool]:
    """What the engine's trainer is given for a case, and whether there are images."""
    seen = V.told["train_annotations"]
    if case.startswith("engine_da"):
        return [[(a["instruction"], a["answer"])] for a in seen], True
    if case == "engine_mc":
        return [[(a["instruction"] + choices(a["options"]), a["choice_answer"])] for a in seen], True
    if case == "text_only":
        told = V.told["train"][case]["samples"]
        asked = [question.strip() for question in told["instruction_input"]]
        return [[(question, answer)] for question, answer in zip(asked, told["answer"], strict=True)], False
    second: Turns = [("[refer] Describe this image in detail.", "The picture shows one yellow ball.")]
    return [[("What is in the picture?", "Two boxes."), ("And the colour?", "Green.")], second], True


def rows(student: Students, case: str) -> list[Encoded]:
    turns, with_image = lessons(case)
    encoded = [encode(FAMILY, student[1], t, with_image=with_image) for t in turns]
    return [row.cut_after_question(6) for row in encoded] if case.endswith("len_6") else encoded


@pytest.mark.parametrize("case", [0, 1])
def test_a_questions_tokens_are_the_authors_with_bos_twice(student: Students, case: int) -> None:
    turns: Turns = [(V.told["eval_questions"][case], None)]
    ids = encode(FAMILY, student[1], turns).ids
    assert ids == V.given[f"eval{case}/token_ids"][0].tolist() and ids[:2] == [1, 1]
    once = encode(replace(FAMILY, bos_twice=False), student[1], turns).ids
    assert once == ids[1:]


def test_the_second_question_of_a_chat_has_the_authors_tokens(student: Students) -> None:
    turns: Turns = [("[vqa] What is in the picture?", "two boxes"), ("And the colour?", None)]
    assert encode(FAMILY, student[1], turns).ids == V.given["chat2/token_ids"][0].tolist()
    pieces = FAMILY.prompt(turns)
    assert "".join("<ImageHere>" if p.image else p.text for p in pieces) == "<s>" + V.told["chat"]["turn2"]


@pytest.mark.parametrize("asked", ["mmbench_with_hint", "mmbench_no_hint", "seed", "vsr"])
def test_a_benchmarks_question_becomes_the_authors_prompt(asked: str) -> None:
    pieces = FAMILY.prompt([(V.told["benchmark_questions"][asked], None)])
    text = "".join("<ImageHere>" if p.image else p.text for p in pieces)
    assert text == "<s>" + V.told["benchmark_prompts"][asked]


CASES = [
    *("engine_da", "engine_mc", "conversation", "text_only"),
    *("engine_da_max_txt_len_6", "conversation_max_txt_len_6"),
]


@pytest.mark.parametrize("case", CASES)
def test_a_lessons_tokens_and_labels_are_the_authors(student: Students, case: str) -> None:
    mask = V.given[f"train_{case}/attention_mask"]
    made = rows(student, case)
    assert [row.ids for row in made] == unpadded(V.given[f"train_{case}/token_ids"], mask)
    assert [row.labels for row in made] == unpadded(V.made[f"train_{case}/labels"], mask)
    assert sum(label != IGNORED for row in made for label in row.labels) == V.told["train"][case]["supervised_tokens"]


@pytest.mark.parametrize(("text", "said"), V.told["blip_caption"])
def test_captions_are_tidied_as_the_authors_tidy_them(text: str, said: str) -> None:
    assert caption_text(text) == said


@torch.inference_mode()
def test_images_are_seen_as_the_authors_see_them(student: Students) -> None:
    for name in NAMES:
        assert apart(FAMILY.pixels(image(name)), V.given[f"pixel_values/{name}"]) < 1e-6
    projected = FAMILY.project(student[0], FAMILY.encode_images(student[0], pixels(FAMILY, *NAMES)))
    assert apart(projected, V.made["vision/picture_embeds"]) < EMBEDS
    places = student[0].get_parameter("vision_model.embeddings.position_embedding")
    assert apart(places, V.made["vision/pos_embed_after_load"]) < 1e-6


@torch.inference_mode()
def test_each_norm_has_the_authors_epsilon(student: Students) -> None:
    for name, place in (
        ("ln_vision", "vision_model.post_layernorm"),
        ("vit_block0_norm1", "vision_model.encoder.layers.0.layer_norm1"),
        ("llama_layer0_input_layernorm", "language_model.model.layers.0.input_layernorm"),
    ):
        made = student[0].get_submodule(place)(V.given[f"eps_probe/{name}"])
        assert apart(made, V.made[f"eps_probe/{name}"]) < EMBEDS


@torch.inference_mode()
@pytest.mark.parametrize("case", ["eval0", "eval1", "chat2"])
def test_a_question_is_answered_as_the_authors_answer_it(student: Students, case: str) -> None:
    name = "tall" if case == "eval1" else "wide"
    embeddings = embedded(FAMILY, student[0], V.given[f"{case}/token_ids"].tolist(), name)
    assert apart(embeddings, V.made[f"{case}/inputs_embeds"]) < EMBEDS
    logits = student[0](inputs_embeds=embeddings).logits
    wanted = V.made.get(f"{case}/logits", V.made.get(f"{case}/logits_last16"))
    assert wanted is not None and apart(logits[:, -wanted.shape[1] :], wanted) < LOGITS
    # the first of the authors' ids is a placeholder of old transformers, not said by the model
    assert greedy(student[0], embeddings, 8) == V.made[f"{case}/greedy_ids"][0, 1:].tolist()


@torch.inference_mode()
def test_candidates_are_ranked_as_the_authors_rank_them(student: Students) -> None:
    """Theirs is the sum of a candidate's token losses over the padded row's predictions; ours is their mean."""
    told = V.told["multi_select"]
    for i, question in enumerate(V.told["eval_questions"]):
        prompt = encode(FAMILY, student[1], [(question, None)])
        for j, candidates in enumerate(told["candidates"]):
            widths = [len(encode(FAMILY, student[1], [(q, None)]).ids) for q in V.told["eval_questions"]]
            ends = [student[1](f"{text}</s>", add_special_tokens=False)["input_ids"] for text in candidates]
            longest = max(widths) + max(map(len, ends))
            row = embedded(FAMILY, student[0], [prompt.ids + ends[i]], NAMES[i])
            logits = student[0](inputs_embeds=row).logits[0, len(prompt.ids) - 1 : -1]
            total = torch.nn.functional.cross_entropy(logits, torch.tensor(ends[i]), reduction="sum")
            assert float(total) / (longest - 1) == pytest.approx(float(V.made["multi_select/losses"][i, j]), abs=5e-6)


def trainable(tmp_path: Path) -> tuple[PeftModel, PreTrainedModel]:
    """The base with the projector alone, and the authors' LoRA and projector as an adapter to go on from."""
    adapter = adapter_from_authors(V.folder / "checkpoint.safetensors", tmp_path / "adapter", FAMILY.lora_alpha)
    model = PeftModel.from_pretrained(FAMILY.load_model(base(tmp_path)), str(adapter), is_trainable=True)
    return cast(PeftModel, model), cast(PreTrainedModel, model.get_base_model())


def base(tmp_path: Path) -> Path:
    folder = copy("minigpt4-v2", tmp_path / "base", "checkpoint.*")
    held = load_file(V.folder / "checkpoint.safetensors")
    save_file({n: v for n, v in held.items() if n.startswith("llama_proj.")}, folder / "checkpoint.safetensors")
    return folder


@pytest.mark.parametrize("case", CASES)
def test_a_training_step_is_the_authors(student: Students, tmp_path: Path, case: str) -> None:
    model, plain = trainable(tmp_path)
    made = step(FAMILY, model, plain, rows(student, case), *(NAMES if lessons(case)[1] else ()))
    told = V.told["train"][case]
    assert made.loss == pytest.approx(told["loss"], abs=LOSS)
    if f"train_{case}/logits_before_labels" in V.made:
        assert apart(made.logits, V.made[f"train_{case}/logits_before_labels"]) < LOGITS
    assert {theirs(n) for n, p in model.named_parameters() if p.requires_grad} == set(V.told["trainable"])
    assert {theirs(n): norm for n, norm in made.norms.items()} == pytest.approx(told["grad_norm"], rel=GRADIENT)


def theirs(name: str) -> str:
    """The authors' name of a trained parameter."""
    name = name.replace("modules_to_save.default.", "").replace(".default.", ".")
    name = name.removeprefix("base_model.model.")
    return name.replace("language_model.", "llama_model.base_model.model.", 1)


@torch.inference_mode()
def test_lora_switched_off_is_the_base_and_on_is_the_merged_model(student: Students, tmp_path: Path) -> None:
    model, plain = trainable(tmp_path)
    alone = FAMILY.load_model(tmp_path / "base")
    ids = V.given["eval0/token_ids"].tolist()

    def logits(of: PreTrainedModel) -> torch.Tensor:
        return cast(torch.Tensor, of(inputs_embeds=embedded(FAMILY, of, ids, "wide")).logits)

    assert apart(logits(plain), logits(student[0])) < LOGITS
    with model.disable_adapter():
        assert torch.equal(logits(plain), logits(alone))


@torch.inference_mode()
def test_saved_and_loaded_gives_identical_logits(student: Students, tmp_path: Path) -> None:
    student[0].save_pretrained(tmp_path)
    ids = V.given["eval0/token_ids"].tolist()
    found = MiniGpt4V2(dtype=torch.float32).fitted(tmp_path)
    assert found.side == FAMILY.side
    loaded = found.load_model(tmp_path)
    both = [m(inputs_embeds=embedded(FAMILY, m, ids, "wide")).logits for m in (student[0], loaded)]
    assert torch.equal(*both)


def test_the_authors_checkpoint_survives_there_and_back(tmp_path: Path) -> None:
    file = V.folder / "checkpoint.safetensors"
    adapter = adapter_from_authors(file, tmp_path / "adapter", FAMILY.lora_alpha)
    back = read_weights(adapter_to_authors(adapter, tmp_path / "checkpoint.pth"))
    before = {name: value for name, value in load_file(file).items() if not name.endswith("inv_freq")}
    assert before.keys() == back.keys()
    assert all(torch.equal(before[name], back[name]) for name in before)


def test_names_of_newer_peft_are_read_too(student: Students, tmp_path: Path) -> None:
    folder = copy("minigpt4-v2", tmp_path / "newer", "checkpoint.*")
    held = load_file(V.folder / "checkpoint.safetensors")
    renamed = {
        name.replace("lora_A.", "lora_A.default.").replace("lora_B.", "lora_B.default."): v for name, v in held.items()
    }
    save_file(renamed, folder / "checkpoint.safetensors")
    for mine, other in zip(FAMILY.load_model(folder).parameters(), student[0].parameters(), strict=True):
        assert torch.equal(mine, other)


def test_a_file_with_weights_of_something_else_is_refused(tmp_path: Path) -> None:
    folder = copy("minigpt4-v2", tmp_path / "odd", "checkpoint.*")
    held = load_file(V.folder / "checkpoint.safetensors")
    save_file({**held, "other.weight": torch.zeros(1)}, folder / "checkpoint.safetensors")
    with pytest.raises(ValueError, match=r"other\.weight"):
        FAMILY.load_model(folder)
    (folder / "checkpoint.safetensors").unlink()
    with pytest.raises(OSError, match="checkpoint"):
        FAMILY.load_model(folder)
