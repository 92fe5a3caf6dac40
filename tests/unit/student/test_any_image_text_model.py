"""Any image-text model of transformers is a student by its own processor: shown on tiny models of many families."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from PIL import Image
from transformers import AutoModelForImageTextToText, AutoProcessor, PreTrainedModel

from dataengine.core.errors import InputError
from dataengine.student import inspection
from dataengine.student.auto import AutoFamily, on_device
from dataengine.student.conversation import Message, conversation_of
from dataengine.student.encoding import IGNORED, encode, padded
from dataengine.student.family import embed
from dataengine.student.model_inputs import LABELS, ModelInputs
from dataengine.student.tiny_llava import TinyLlava
from dataengine.student.weights import META
from dataengine.testing.tiny_models import KINDS, add_processor, build_tiny
from tests.unit import micro_student

DIALOGUES = tuple(kind for kind in (*KINDS, "tiny-llava") if kind != "paligemma")


def close(found: torch.Tensor, expected: torch.Tensor) -> None:
    torch.testing.assert_close(found, expected, atol=2e-5, rtol=1e-5)


@dataclass(frozen=True)
class Tiny:
    kind: str
    folder: Path
    family: AutoFamily
    model: PreTrainedModel

    def row(self, question: str, answer: str | None, *images: Image.Image) -> ModelInputs:
        return self.family.encode(conversation_of([(question, answer)], images))

    def rows(self) -> list[ModelInputs]:
        """Of different lengths, about images of different shapes."""
        return [
            self.row("what color is the thing?", "red", noise(1, 90, 60)),
            self.row("color?", "in the top left", noise(2, 60, 120)),
            self.row("what is in the top left?", "blue", noise(3, 50, 50)),
        ]


def noise(seed: int, width: int, height: int) -> Image.Image:
    values = np.random.default_rng(seed).integers(0, 255, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(values)


def build(kind: str, folder: Path) -> Tiny:
    if kind == "tiny-llava":
        add_processor(micro_student.build(folder))
    else:
        build_tiny(kind, folder)
    family = AutoFamily().fitted(folder)
    return Tiny(kind, folder, family, family.load_model(folder))


@pytest.fixture(scope="module", params=[*KINDS, "tiny-llava"])
def tiny(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tiny]:
    yield build(request.param, tmp_path_factory.mktemp("tiny"))


@torch.inference_mode()
def logits(tiny: Tiny, rows: list[ModelInputs], *, left: bool = False) -> torch.Tensor:
    batch = on_device(tiny.family.collate(rows, left=left), tiny.model)
    return tiny.family.logits(tiny.model, batch)[0]


def test_only_the_answer_and_its_end_are_learned(tiny: Tiny) -> None:
    row, asked = tiny.row("color?", "red", noise(1, 90, 60)), tiny.row("color?", None, noise(1, 90, 60))
    tokenizer = tiny.family.speech.tokenizer
    assert row.ids == [*asked.ids, *row.answer]
    assert row.answer == (*tokenizer("red", add_special_tokens=False)["input_ids"], tokenizer.eos_token_id)
    assert set(asked.labels) == {IGNORED}
    assert row.labels == (*(IGNORED,) * asked.length, *row.answer)


@pytest.mark.parametrize("left", [False, True], ids=["padded right", "padded left"])
def test_a_row_says_in_a_batch_what_it_says_alone(tiny: Tiny, left: bool) -> None:
    rows = tiny.rows()
    alone = torch.cat([logits(tiny, [row]) for row in rows])
    close(logits(tiny, rows, left=left), alone)


def test_the_loss_is_transformers_own(tiny: Tiny) -> None:
    row = tiny.rows()[1]
    batch = on_device(tiny.family.collate([row]), tiny.model)
    with torch.inference_mode():
        own = tiny.model(**batch).loss
        found, targets = tiny.family.logits(tiny.model, batch)
    close(torch.nn.functional.cross_entropy(found, targets), own)


def test_a_likelihood_is_the_mean_of_log_softmax_over_the_answer(tiny: Tiny) -> None:
    rows = tiny.rows()
    by_hand = []
    for row in rows:
        batch = on_device(tiny.family.collate([row]), tiny.model)
        labels = batch.pop(LABELS)[0]
        with torch.inference_mode():
            said = tiny.model(**batch).logits[0].float().log_softmax(-1)
        places = [place for place in range(1, row.length) if labels[place] != IGNORED]
        by_hand.append(float(torch.stack([said[place - 1, labels[place]] for place in places]).mean()))
    with torch.inference_mode():
        assert tiny.family.loglikelihood(tiny.model, rows) == pytest.approx(by_hand, abs=2e-5)


def test_what_is_generated_is_the_likeliest_token_each_time(tiny: Tiny) -> None:
    asked = [tiny.row("what color is the thing?", None, noise(4, 90, 60)), tiny.row("color?", None, noise(5, 60, 90))]
    tokenizer, ends = tiny.family.speech.tokenizer, tiny.family.speech.ends
    expected = []
    for row in asked:
        said: list[int] = []
        for _ in range(4):
            more = row.continued(
                said, [False] * len(said), {"attention_mask": 1, "token_type_ids": tiny.kind == "paligemma"}
            )
            batch = on_device(tiny.family.collate([more]), tiny.model)
            batch.pop(LABELS)
            with torch.inference_mode():
                said.append(int(tiny.model(**batch).logits[0, -1].argmax()))
            if said[-1] in ends:
                break
        expected.append(str(tokenizer.decode(said, skip_special_tokens=True)).strip())
    with torch.inference_mode():
        assert tiny.family.generate(tiny.model, asked, 4) == expected


def test_saved_and_loaded_it_says_the_same(tiny: Tiny, tmp_path: Path) -> None:
    tiny.model.save_pretrained(tmp_path)
    for file in tiny.folder.glob("*"):
        if not (tmp_path / file.name).exists():
            shutil.copy(file, tmp_path)
    family = AutoFamily().fitted(tmp_path)
    again = Tiny(tiny.kind, tmp_path, family, family.load_model(tmp_path))
    assert torch.equal(logits(again, again.rows()), logits(tiny, tiny.rows()))


def test_weights_are_checked_by_their_headers_alone(tiny: Tiny) -> None:
    headers = tiny.family.load_model(tiny.folder, META)
    assert {name: p.shape for name, p in headers.named_parameters()} == {
        name: p.shape for name, p in tiny.model.named_parameters()
    }
    assert all(parameter.is_meta for parameter in headers.parameters())


def test_an_adapter_on_what_inspection_finds_learns_and_merges(tiny: Tiny, tmp_path: Path) -> None:
    family, rows = tiny.family, tiny.rows()
    targets = inspection.lora_targets(tiny.model)
    torch.manual_seed(0)
    student = get_peft_model(family.load_model(tiny.folder), LoraConfig(r=4, target_modules=targets))
    steps = torch.optim.AdamW([p for p in student.parameters() if p.requires_grad], lr=5e-3)
    batch = on_device(family.collate(rows), tiny.model)
    losses = []
    for _ in range(8):
        found, answers = family.logits(student.get_base_model(), batch)
        loss = torch.nn.functional.cross_entropy(found, answers)
        loss.backward()
        steps.step()
        steps.zero_grad()
        losses.append(float(loss))
    assert losses[-1] < losses[0]
    student.eval().save_pretrained(tmp_path / "adapter", save_embedding_layers=False)
    adapted = PeftModel.from_pretrained(family.load_model(tiny.folder), str(tmp_path / "adapter")).eval()
    before = logits(Tiny(tiny.kind, tiny.folder, family, adapted.get_base_model()), rows)
    adapted.merge_and_unload().save_pretrained(tmp_path / "merged")
    merged = AutoModelForImageTextToText.from_pretrained(tmp_path / "merged", dtype=torch.float32)
    after = logits(Tiny(tiny.kind, tiny.folder, family, merged.eval()), rows)
    assert float((before - after).abs().max()) <= 1e-4
    assert float((before - logits(tiny, rows)).abs().max()) > 1e-3


def test_lora_leaves_head_tower_and_projector_alone(tiny: Tiny) -> None:
    student = get_peft_model(
        tiny.family.load_model(tiny.folder), LoraConfig(r=2, target_modules=inspection.lora_targets(tiny.model))
    )
    changed = {name.split(".lora_")[0] for name, p in student.named_parameters() if p.requires_grad}
    inner = f"base_model.model.{inspection.language_model(tiny.model)}.layers."
    assert changed and all(name.startswith(inner) for name in changed)
    assert len(changed) == 2 * 7  # layers x (q, k, v, o, gate, up, down)


def test_several_images_go_with_one_question(tiny: Tiny) -> None:
    two = tiny.row("color?", "red", noise(1, 50, 50), noise(2, 90, 60))
    turned = tiny.row("color?", "red", noise(2, 90, 60), noise(1, 50, 50))
    rows = [two, tiny.rows()[0], turned]
    alone = [logits(tiny, [row]) for row in rows]
    close(logits(tiny, rows), torch.cat(alone))
    assert not torch.allclose(alone[0], alone[2], atol=1e-4)


@pytest.fixture(scope="module", params=DIALOGUES)
def talker(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    return build(request.param, tmp_path_factory.mktemp("talker"))


def test_a_question_may_be_without_an_image_and_every_answer_of_a_dialogue_is_learned(talker: Tiny) -> None:
    plain = talker.row("color?", "red")
    dialogue = talker.family.encode(conversation_of([("color?", "red"), ("what?", "blue")], [noise(1, 50, 50)]))
    tokenizer = talker.family.speech.tokenizer
    said = [
        [*tokenizer(answer, add_special_tokens=False)["input_ids"], tokenizer.eos_token_id]
        for answer in ("red", "blue")
    ]
    assert dialogue.answer == tuple(said[0] + said[1])
    rows = [plain, dialogue]
    alone = torch.cat([logits(talker, [row]) for row in rows])
    close(logits(talker, rows), alone)


def test_a_text_may_not_hold_a_special_token(talker: Tiny) -> None:
    end = talker.family.speech.tokenizer.eos_token
    with pytest.raises(InputError, match="special token"):
        talker.row(f"color?{end}", "red")


def test_paligemma_learns_what_its_own_processor_says(tmp_path: Path) -> None:
    tiny = build("paligemma", tmp_path)
    processor = AutoProcessor.from_pretrained(tmp_path)
    image = noise(1, 50, 50)
    own = processor(images=[image], text=["<image>color?"], suffix=["red"], return_tensors="pt")
    row = tiny.row("color?", "red", image)
    assert row.ids == own["input_ids"][0].tolist() and list(row.labels) == own["labels"][0].tolist()
    assert torch.equal(row.tensors["token_type_ids"], own["token_type_ids"])
    with pytest.raises(InputError, match="about images only"):
        tiny.row("color?", "red")


def test_a_system_prompt_stands_before_the_question(tmp_path: Path) -> None:
    tiny = build("smolvlm", tmp_path)
    said = tiny.family.speech.text(
        [Message("system", "be brief"), Message("user", "color?"), Message("assistant", "red")]
    )
    assert said[0][0].startswith("<|im_start|>system\nbe brief") and said[1] == ("red<|im_end|>\n", True)


def test_tiny_llava_by_its_processor_is_tiny_llava_by_its_family(tmp_path: Path) -> None:
    auto = build("tiny-llava", tmp_path)
    family = TinyLlava().fitted(tmp_path)
    tokenizer, model = family.load_tokenizer(tmp_path), family.load_model(tmp_path)
    images = [noise(seed, family.side, family.side) for seed in range(3)]
    answers = ["red", "in the top left", "blue"]
    rows = [auto.row("what color is the thing?", answer, image) for answer, image in zip(answers, images, strict=True)]
    encoded = [encode(family, tokenizer, [("what color is the thing?", answer)]) for answer in answers]
    assert [row.ids for row in rows] == [row.ids for row in encoded]
    assert [list(row.labels) for row in rows] == [row.labels for row in encoded]
    pixels = torch.stack([family.pixels(image) for image in images])
    close(torch.cat([row.tensors["pixel_values"] for row in rows]), pixels)
    labels = padded([row.labels for row in encoded], IGNORED)
    ids = padded([row.ids for row in encoded], 0)
    with torch.inference_mode():
        features = family.project(model, family.encode_images(model, pixels))
        embeddings = embed(model, ids, family.image_token_id(tokenizer), features)
        hidden = model.get_decoder()(inputs_embeds=embeddings).last_hidden_state
        own = model.get_output_embeddings()(hidden[:, :-1][labels[:, 1:] != IGNORED])
    close(logits(auto, rows), own)
