"""The embedded student: what is saved is what is loaded, and no text is too strange to encode."""

from __future__ import annotations

import string
from pathlib import Path
from typing import cast

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from dataengine.core.errors import ConfigurationError
from dataengine.student.encoding import IGNORED, encode, mean_answer_loss, padded
from dataengine.student.family import embed, token_id
from dataengine.student.registry import family
from dataengine.student.tiny_llava import TinyLlava, build_model, build_tokenizer
from tests.unit import micro_student

FAMILY = TinyLlava()
TOKENIZER = build_tokenizer(micro_student.WORDS)
PRINTABLE = st.text(string.ascii_letters + string.digits + string.punctuation + " \n", max_size=80)
BASE = Path(__file__).parents[3] / "examples" / "scenes" / "base"


def micro() -> PreTrainedModel:
    model = build_model(TOKENIZER, family=FAMILY, seed=1, vision_width=32, vision_layers=1, width=32, layers=2)
    return cast(PreTrainedModel, model.eval())


@torch.inference_mode()
def logits(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> torch.Tensor:
    ids = torch.tensor([encode(FAMILY, tokenizer, [("what color is the thing?", "red")]).ids])
    pixels = FAMILY.pixels(Image.linear_gradient("L"))[None]
    projected = FAMILY.project(model, FAMILY.encode_images(model, pixels))
    embeddings = embed(model, ids, token_id(tokenizer, FAMILY.image_token), projected)
    result: torch.Tensor = model(inputs_embeds=embeddings).logits
    return result


def test_saved_and_loaded_gives_identical_logits(tmp_path: Path) -> None:
    model = micro()
    model.save_pretrained(tmp_path)
    TOKENIZER.save_pretrained(tmp_path)
    loaded, tokenizer = FAMILY.load_model(tmp_path), FAMILY.load_tokenizer(tmp_path)
    assert torch.equal(logits(model, TOKENIZER), logits(loaded, tokenizer))


def test_half_precision_files_are_served_in_single_precision(tmp_path: Path) -> None:
    model = micro()
    torch.nn.Module.to(model, torch.bfloat16)
    model.save_pretrained(tmp_path)
    loaded = FAMILY.load_model(tmp_path)
    assert {p.dtype for p in loaded.parameters()} == {torch.float32}
    saved = dict(model.named_parameters())
    assert all(torch.equal(saved[name].float(), value) for name, value in loaded.named_parameters())


def test_our_image_path_is_the_models_own() -> None:
    """Image embeddings put in by hand give what transformers' LLaVA gives for pixels."""
    model = micro()
    ids = torch.tensor([encode(FAMILY, TOKENIZER, [("what?", None)]).ids])
    pixels = FAMILY.pixels(Image.linear_gradient("L"))[None]
    with torch.inference_mode():
        own = model(input_ids=ids, pixel_values=pixels, attention_mask=torch.ones_like(ids)).logits
        projected = FAMILY.project(model, FAMILY.encode_images(model, pixels))
        ours = model(inputs_embeds=embed(model, ids, token_id(TOKENIZER, "<image>"), projected)).logits
    assert torch.allclose(own, ours, atol=1e-5)


def test_other_weights_are_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "llama"}')
    with pytest.raises(ValueError, match="not 'llava'"):
        FAMILY.load_model(tmp_path)
    with pytest.raises(OSError):
        FAMILY.load_model(tmp_path / "nowhere")
    with pytest.raises(ConfigurationError, match="tiny-llava"):
        family("no-such-family")


@settings(deadline=None, max_examples=100)
@given(PRINTABLE)
def test_any_printable_ascii_encodes_without_unknowns(text: str) -> None:
    ids = TOKENIZER(text, add_special_tokens=False)["input_ids"]
    if not any(special in text for special in ("<pad>", "<unk>", "<s>", "</s>", "<image>")):
        assert TOKENIZER.unk_token_id not in ids
    spoken = str(TOKENIZER.decode(ids, skip_special_tokens=True))
    assert "".join(spoken.lower().split()) == "".join(text.lower().split())


@settings(deadline=None, max_examples=50)
@given(PRINTABLE, PRINTABLE, PRINTABLE)
def test_an_answers_tokens_do_not_depend_on_the_question(first: str, second: str, answer: str) -> None:
    def learned(question: str) -> list[int]:
        return [t for t in encode(FAMILY, TOKENIZER, [(question, answer)]).labels if t != IGNORED]

    assert learned(first) == learned(second)


def test_letters_are_not_articles() -> None:
    assert TOKENIZER("A")["input_ids"] != TOKENIZER("a")["input_ids"]
    assert TOKENIZER("Red")["input_ids"] == TOKENIZER("red")["input_ids"]


def test_only_answers_are_learned_and_the_image_has_its_places() -> None:
    encoded = encode(FAMILY, TOKENIZER, [("what?", "red"), ("in the picture?", "blue green")])
    assert encoded.ids.count(token_id(TOKENIZER, "<image>")) == FAMILY.num_image_tokens == 9
    said = str(TOKENIZER.decode([t for t in encoded.labels if t != IGNORED]))
    assert said.split() == ["red", "</s>", "blue", "green", "</s>"]
    asked = encode(FAMILY, TOKENIZER, [("what?", None)])
    assert set(asked.labels) == {IGNORED}
    assert encode(FAMILY, TOKENIZER, [("what?", "red")]).ids[: len(asked.ids)] == asked.ids


def test_rows_are_padded_on_the_side_asked_for() -> None:
    assert padded([[1], [2, 3]], 0).tolist() == [[1, 0], [2, 3]]
    assert padded([[1], [2, 3]], 0, left=True).tolist() == [[0, 1], [2, 3]]


def test_a_long_answer_weighs_as_much_as_a_short_one() -> None:
    head = torch.nn.Linear(4, 6, bias=False)
    hidden = torch.randn(2, 5, 4, generator=torch.Generator().manual_seed(0))
    labels = torch.tensor([[IGNORED, 1, 2, 3, 4], [IGNORED, 5, IGNORED, IGNORED, IGNORED]])
    each = [mean_answer_loss(hidden[i : i + 1], head, labels[i : i + 1]) for i in range(2)]
    assert mean_answer_loss(hidden, head, labels).item() == pytest.approx((each[0] + each[1]).item() / 2, rel=1e-6)


def test_the_committed_base_is_small_and_knows_every_word_of_the_world() -> None:
    assert (BASE / "model.safetensors").stat().st_size < 8 * 2**20
    tokenizer = FAMILY.load_tokenizer(BASE)
    for word in ("skateboard", "mountains", "umbrella", "compared", "hotel"):
        assert len(tokenizer(word, add_special_tokens=False)["input_ids"]) == 1
    assert sum(p.numel() for p in FAMILY.load_model(BASE).parameters()) < 4_000_000
