"""Image-text models of today's families with random weights, so small that a test makes one in a second.

Each is made from its family's own configuration and processor classes and written as a folder that `from_pretrained`
reads; the tokenizer has a token per byte, and images of a few dozen pixels. What they answer means nothing: what they
show is that inputs, labels, batches, likelihoods and weights take the same way as in the models people use.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import transformers
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import AutoModelForImageTextToText, PreTrainedTokenizerFast

from dataengine.student.chat import special_ids
from dataengine.student.tiny_llava import TinyLlava

SIDE, PATCH, WIDTH = 56, 14, 64
_HF: Any = transformers
"""Its classes, whose keyword arguments are checked by them alone."""
TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n"
    "{% for c in m['content'] %}{% if c['type'] == 'image' %}PLACE{% else %}{{ c['text'] }}{% endif %}{% endfor %}"
    "<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
"""ChatML, as most of them speak it; PLACE stands for what an image is written as."""
TINY_LLAVA_TEMPLATE = (
    "<s>{% for m in messages %}{% if m['role'] == 'user' %}USER: "
    "{% for c in m['content'] %}{% if c['type'] == 'image' %}<image>\n{% else %}{{ c['text'] }}{% endif %}{% endfor %}"
    " ASSISTANT:{% else %}{{ m['content'][0]['text'] }}</s>{% endif %}{% endfor %}"
)
_TOWER = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}


def tokenizer_of(special: Sequence[str] = (), named: Mapping[str, str] | None = None) -> PreTrainedTokenizerFast:
    """A token per byte, those of ChatML, and what a family wants beside them, ``named`` as its attributes."""
    alphabet = {letter: number for number, letter in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    inner = Tokenizer(models.BPE(alphabet, []))
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    made = PreTrainedTokenizerFast(
        tokenizer_object=inner,
        bos_token="<bos>",
        eos_token="<|im_end|>",
        pad_token="<pad>",
        padding_side="left",
        extra_special_tokens=dict(named or {}),
    )
    made.add_special_tokens({"additional_special_tokens": ["<|im_start|>", *special]})
    return made


@dataclass(frozen=True)
class _Words:
    """A tokenizer with its size and ids: what configurations ask for."""

    tokenizer: Any

    def id(self, token: str) -> int:
        return int(self.tokenizer.convert_tokens_to_ids(token))

    def text(self, **more: Any) -> dict[str, Any]:
        """A language model's sizes."""
        ends = {
            "pad_token_id": self.id("<pad>"),
            "bos_token_id": self.id("<bos>"),
            "eos_token_id": self.id("<|im_end|>"),
        }
        return {
            "hidden_size": WIDTH,
            "intermediate_size": 96,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "vocab_size": len(self.tokenizer),
            "max_position_embeddings": 2048,
            **ends,
            **more,
        }


def _tower(**more: Any) -> dict[str, Any]:
    return {**_TOWER, "image_size": SIDE, "patch_size": PATCH, **more}


def _template(place: str) -> str:
    return TEMPLATE.replace("PLACE", place)


_QWEN = ("<|image_pad|>", "<|video_pad|>", "<|vision_start|>", "<|vision_end|>")
_QWEN_IMAGE = "<|vision_start|><|image_pad|><|vision_end|>"


def _qwen_ids(words: _Words) -> dict[str, int]:
    names = ("image_token_id", "video_token_id", "vision_start_token_id", "vision_end_token_id")
    return {name: words.id(token) for name, token in zip(names, _QWEN, strict=True)}


def _qwen25() -> tuple[Any, Any]:
    words = _Words(tokenizer_of(_QWEN, {"image_token": _QWEN[0], "video_token": _QWEN[1]}))
    rope = {"rope_type": "default", "mrope_section": [2, 3, 3], "rope_theta": 10000.0}
    config = _HF.Qwen2_5_VLConfig(
        text_config=words.text(rope_parameters=rope),
        vision_config={
            "depth": 2, "hidden_size": 32, "intermediate_size": 64, "num_heads": 4, "out_hidden_size": WIDTH,
            "patch_size": PATCH, "window_size": SIDE, "fullatt_block_indexes": [1],
        },
        **_qwen_ids(words),
    )  # fmt: skip
    images = _HF.Qwen2VLImageProcessor(min_pixels=SIDE * SIDE, max_pixels=4 * SIDE * SIDE)
    videos = _HF.Qwen2VLVideoProcessor()
    return config, _HF.Qwen2_5_VLProcessor(images, words.tokenizer, videos, chat_template=_template(_QWEN_IMAGE))


def _qwen3() -> tuple[Any, Any]:
    words = _Words(tokenizer_of(_QWEN, {"image_token": _QWEN[0], "video_token": _QWEN[1]}))
    rope = {"rope_type": "default", "mrope_section": [2, 3, 3], "mrope_interleaved": True, "rope_theta": 10000.0}
    config = _HF.Qwen3VLConfig(
        text_config=words.text(head_dim=16, rope_parameters=rope),
        vision_config={
            "depth": 3, "hidden_size": 32, "intermediate_size": 64, "num_heads": 4, "out_hidden_size": WIDTH,
            "patch_size": 16, "deepstack_visual_indexes": [0, 1], "num_position_embeddings": 16,
        },
        **_qwen_ids(words),
    )  # fmt: skip
    images = _HF.Qwen2VLImageProcessor(min_pixels=64 * 64, max_pixels=128 * 128, patch_size=16)
    videos = _HF.Qwen3VLVideoProcessor()
    return config, _HF.Qwen3VLProcessor(images, words.tokenizer, videos, chat_template=_template(_QWEN_IMAGE))


def _internvl() -> tuple[Any, Any]:
    named = {
        "start_image_token": "<img>",
        "end_image_token": "</img>",
        "context_image_token": "<IMG_CONTEXT>",
        "video_token": "<video>",
    }
    words = _Words(tokenizer_of((), named))
    config = _HF.InternVLConfig(
        vision_config={**_TOWER, "image_size": [SIDE, SIDE], "patch_size": [PATCH, PATCH]},
        text_config=_HF.Qwen2Config(**words.text()),
        image_token_id=words.id("<IMG_CONTEXT>"),
        downsample_ratio=0.5,
        image_seq_length=4,
    )
    images = _HF.GotOcr2ImageProcessor(
        size={"height": SIDE, "width": SIDE}, crop_to_patches=True, min_patches=1, max_patches=2
    )
    videos = _HF.InternVLVideoProcessor()
    return config, _HF.InternVLProcessor(
        images, words.tokenizer, videos, image_seq_length=4, chat_template=_template("<IMG_CONTEXT>")
    )


_IDEFICS = ("<image>", "<fake_token_around_image>", "<end_of_utterance>", "<global-img>")


def _idefics3() -> tuple[Any, Any]:
    words = _Words(tokenizer_of((*_IDEFICS, *(f"<row_{r}_col_{c}>" for r in (1, 2) for c in (1, 2)))))
    config = _HF.Idefics3Config(
        vision_config=_tower(),
        text_config=_HF.LlamaConfig(**words.text()),
        scale_factor=2,
        image_token_id=words.id("<image>"),
    )
    images = _HF.Idefics3ImageProcessor(
        size={"longest_edge": 2 * SIDE}, max_image_size={"longest_edge": SIDE}, do_image_splitting=True
    )
    return config, _HF.Idefics3Processor(images, words.tokenizer, image_seq_len=4, chat_template=_template("<image>"))


def _smolvlm() -> tuple[Any, Any]:
    words = _Words(tokenizer_of(_IDEFICS))
    config = _HF.SmolVLMConfig(
        vision_config=_tower(),
        text_config=_HF.LlamaConfig(**words.text()),
        scale_factor=2,
        image_token_id=words.id("<image>"),
    )
    images = _HF.SmolVLMImageProcessor(
        size={"longest_edge": SIDE}, max_image_size={"longest_edge": SIDE}, do_image_splitting=False
    )
    return config, _HF.SmolVLMProcessor(
        images,
        words.tokenizer,
        _HF.SmolVLMVideoProcessor(),
        image_seq_len=4,
        chat_template=_template("<image>"),
    )


def _gemma3() -> tuple[Any, Any]:
    words = _Words(tokenizer_of((), {"image_token": "<image_soft>", "boi_token": "<boi>", "eoi_token": "<eoi>"}))
    config = _HF.Gemma3Config(
        text_config=words.text(head_dim=16, sliding_window=64),
        vision_config=_tower(),
        mm_tokens_per_image=4,
        image_token_index=words.id("<image_soft>"),
        image_token_id=words.id("<image_soft>"),
        boi_token_index=words.id("<boi>"),
        eoi_token_index=words.id("<eoi>"),
    )
    images = _HF.Gemma3ImageProcessor(size={"height": SIDE, "width": SIDE})
    return config, _HF.Gemma3Processor(images, words.tokenizer, image_seq_length=4, chat_template=_template("<boi>"))


def _llava_onevision() -> tuple[Any, Any]:
    words = _Words(tokenizer_of(("<image>", "<video>")))
    grid = [[SIDE, SIDE], [SIDE, 2 * SIDE]]
    config = _HF.LlavaOnevisionConfig(
        vision_config=_HF.SiglipVisionConfig(**_tower()),
        text_config=_HF.Qwen2Config(**words.text()),
        image_token_id=words.id("<image>"),
        image_token_index=words.id("<image>"),
        video_token_index=words.id("<video>"),
        image_grid_pinpoints=grid,
    )
    images = _HF.LlavaOnevisionImageProcessor(size={"height": SIDE, "width": SIDE}, image_grid_pinpoints=grid)
    return config, _HF.LlavaOnevisionProcessor(
        images,
        words.tokenizer,
        _HF.LlavaOnevisionVideoProcessor(),
        num_image_tokens=16,
        vision_feature_select_strategy="full",
        patch_size=PATCH,
        chat_template=_template("<image>"),
    )


def _llava_next() -> tuple[Any, Any]:
    words = _Words(tokenizer_of(("<image>",)))
    grid = [[SIDE, SIDE], [SIDE, 2 * SIDE]]
    config = _HF.LlavaNextConfig(
        vision_config=_HF.CLIPVisionConfig(**_tower(projection_dim=32)),
        text_config=_HF.LlamaConfig(**words.text()),
        image_token_index=words.id("<image>"),
        image_token_id=words.id("<image>"),
        image_grid_pinpoints=grid,
        vision_feature_layer=-1,
    )
    images = _HF.LlavaNextImageProcessor(
        size={"shortest_edge": SIDE}, crop_size={"height": SIDE, "width": SIDE}, image_grid_pinpoints=grid
    )
    return config, _HF.LlavaNextProcessor(
        images,
        words.tokenizer,
        patch_size=PATCH,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=_template("<image>"),
    )


def _paligemma() -> tuple[Any, Any]:
    words = _Words(tokenizer_of(("<image>",)))
    config = _HF.PaliGemmaConfig(
        vision_config=_HF.SiglipVisionConfig(**_tower(projection_dim=WIDTH, vision_use_head=False)),
        text_config=_HF.Gemma2Config(**words.text(head_dim=16)),
        image_token_index=words.id("<image>"),
        image_token_id=words.id("<image>"),
        projection_dim=WIDTH,
        hidden_size=WIDTH,
    )
    images = _HF.SiglipImageProcessor(size={"height": SIDE, "width": SIDE})
    images.image_seq_length = (SIDE // PATCH) ** 2
    return config, _HF.PaliGemmaProcessor(images, words.tokenizer)


KINDS: dict[str, Callable[[], tuple[Any, Any]]] = {
    "qwen2.5-vl": _qwen25,
    "qwen3-vl": _qwen3,
    "internvl": _internvl,
    "llava-onevision": _llava_onevision,
    "idefics3": _idefics3,
    "smolvlm": _smolvlm,
    "gemma3": _gemma3,
    "paligemma": _paligemma,
    "llava-next": _llava_next,
}
"""How each is made: its configuration and its processor."""


def build_tiny(kind: str, folder: Path, seed: int = 0) -> Path:
    """A model of that kind with random weights, and its processor, as a folder."""
    config, processor = KINDS[kind]()
    torch.manual_seed(seed)
    model = AutoModelForImageTextToText.from_config(config, dtype=torch.float32)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim > 1 and not parameter.any():  # such as Gemma 3's projector: it would be blind
                parameter.normal_(std=0.1)
        unsaid = sorted(special_ids(processor.tokenizer) - {processor.tokenizer.eos_token_id})
        model.get_output_embeddings().weight[unsaid] = 0.0  # images and roles, which no trained model says
    model.generation_config.eos_token_id = processor.tokenizer.eos_token_id
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def add_processor(base: Path) -> Path:
    """Put into a folder of tiny-llava what makes it readable without this project: a processor. On images of the
    tower's side it does what the family does; others it scales with another filter."""
    family = TinyLlava().fitted(base)
    tokenizer = family.load_tokenizer(base)
    images = _HF.SiglipImageProcessor(
        size={"height": family.side, "width": family.side},
        image_mean=[0.5, 0.5, 0.5],
        image_std=[0.5, 0.5, 0.5],
    )
    processor = _HF.LlavaProcessor(
        images,
        tokenizer,
        patch_size=family.patch,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=TINY_LLAVA_TEMPLATE,
    )
    processor.save_pretrained(base)
    return base
