"""Any image-text model of transformers, by its own processor and chat template.

Nothing here knows a kind of model: `AutoProcessor` makes the inputs, `AutoModelForImageTextToText` takes all of them by
name, and what LoRA adapts is found by looking at the model. Code that comes with weights (`trust_remote_code`) is not
run.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import torch
from PIL import Image
from transformers import (
    AutoConfig,
    AutoModelForImageTextToText,
    AutoProcessor,
    GenerationConfig,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from dataengine.student import inspection
from dataengine.student.chat import Chat, chat_of
from dataengine.student.conversation import Conversation, conversation_of
from dataengine.student.encoding import IGNORED
from dataengine.student.model_inputs import LABELS, Batch, ModelInputs, collated
from dataengine.student.weights import CPU, loaded

AUTO = "auto"
SAMPLE_SIDE = 448
"""In pixels, of the image that sizes are told by."""


@dataclass(frozen=True, slots=True)
class AutoFamily:
    """A model of any kind; what it is made of is known once it is ``fitted`` to a folder.

    ``lora_targets``, ``projector`` and ``vision`` are as those of other families, found by looking at the model; the
    last two are empty where it does not tell.
    """

    name: str = AUTO
    chat: Chat | None = None
    dtype: torch.dtype = torch.bfloat16
    lora_targets: str = ""
    projector: str = ""
    vision: str = ""

    @property
    def speech(self) -> Chat:
        """How the model is spoken to. Raises ValueError before ``fitted``."""
        if self.chat is None:
            raise ValueError(f"{self.name}: is fitted to no weights yet")
        return self.chat

    def fitted(self, base: Path) -> AutoFamily:
        """This family with the processor in ``base``. Raises OSError where files are missing, ValueError where they are
        of no image-text model, or where only code beside the weights could read them."""
        config = configuration(base)
        try:
            processor = AutoProcessor.from_pretrained(base, local_files_only=True, trust_remote_code=False)
        except ImportError as error:  # of a package that this processor wants
            raise ValueError(f"{base}: its processor cannot be made here: {_first_line(error)}") from error
        fitted = replace(self, chat=chat_of(processor, str(base)), dtype=_precision(config))
        model = fitted.skeleton(base)
        return replace(
            fitted,
            lora_targets=inspection.lora_targets(model),
            projector=inspection.projector(model) or "",
            vision=inspection.vision_tower(model) or "",
        )

    @property
    def num_image_tokens(self) -> int:
        """How many tokens a square image of ordinary size becomes: other sizes may become more or fewer."""
        return max(Counter(self.sample(None).ids).values())

    def sample(self, answer: str | None) -> ModelInputs:
        """A question about a square image, and its answer if given."""
        return self.encode(_sample(answer))

    def sample_text(self, answer: str | None) -> list[tuple[str, bool]]:
        """The same as text, in pieces that are learned or not."""
        return self.speech.text(_sample(answer))

    def skeleton(self, base: Path | None = None) -> PreTrainedModel:
        """The model without memory for its weights. Raises as ``fitted``, and ValueError without a ``base``."""
        if base is None:
            raise ValueError(f"{self.name} has no published size: name a checkpoint")
        with torch.device("meta"):
            model = AutoModelForImageTextToText.from_config(configuration(base), dtype=self.dtype)
        return cast(PreTrainedModel, model)

    def load_model(self, base: Path, device: str = CPU) -> PreTrainedModel:
        """The model in ``dtype``, in evaluation mode; on META from the files' headers. Raises as ``fitted``, and
        ValueError for weights that are torn or do not fit."""
        return loaded(_kind(configuration(base)), base, self.dtype, device)

    def load_tokenizer(self, base: Path) -> PreTrainedTokenizerBase:
        """The processor's tokenizer."""
        return (self if self.chat is not None else self.fitted(base)).speech.tokenizer

    def encode(self, conversation: Conversation) -> ModelInputs:
        """See Chat."""
        return self.speech.encode(conversation)

    def collate(self, rows: Sequence[ModelInputs], *, left: bool = False) -> Batch:
        """One batch with labels, padded on the right for training, on the left for generating."""
        return collated(rows, cast(int, self.speech.tokenizer.pad_token_id), left=left)

    def logits(self, model: PreTrainedModel, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        """(M, vocabulary) in single precision for the M tokens that have a label, and these labels (M,).

        Logits are computed only at places before which some row has a label.
        """
        return answer_logits(model, batch)[:2]

    def generate(self, model: PreTrainedModel, rows: Sequence[ModelInputs], max_tokens: int) -> list[str]:
        """Greedy answers of at most ``max_tokens`` tokens, as text without special tokens."""
        batch = on_device(self.collate(rows, left=True), model)
        batch.pop(LABELS)
        speech = self.speech
        greedy = GenerationConfig(
            max_new_tokens=max_tokens,
            do_sample=False,
            repetition_penalty=1.0,
            pad_token_id=speech.tokenizer.pad_token_id,
            eos_token_id=list(speech.ends),
        )
        said = model.generate(**batch, generation_config=greedy)  # type: ignore[operator]
        answers = said[:, batch["input_ids"].shape[1] :]
        return [text.strip() for text in speech.tokenizer.batch_decode(answers, skip_special_tokens=True)]

    def loglikelihood(self, model: PreTrainedModel, rows: Sequence[ModelInputs]) -> list[float]:
        """For each row the mean log-likelihood of its learned tokens, in nats, the answer's end included."""
        batch = on_device(self.collate(rows), model)
        logits, targets, row_of = answer_logits(model, batch)
        losses = torch.nn.functional.cross_entropy(logits, targets, reduction="none")
        sums = losses.new_zeros(len(rows)).index_add_(0, row_of, losses)
        counts = torch.bincount(row_of, minlength=len(rows))
        return cast(list[float], (-sums / counts).tolist())


def _sample(answer: str | None) -> Conversation:
    return conversation_of([("What is in the image?", answer)], [Image.new("RGB", (SAMPLE_SIDE, SAMPLE_SIDE))])


def answer_logits(model: PreTrainedModel, batch: Batch) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Logits, labels and row of every token that has a label."""
    labels = batch[LABELS][:, 1:]
    wanted = labels != IGNORED
    columns = wanted.any(0).nonzero().flatten()
    inputs = {name: value for name, value in batch.items() if name != LABELS}
    logits = model(**inputs, use_cache=False, logits_to_keep=columns).logits
    if logits.shape[1] != len(columns):  # a model that computes all of them whatever it is told
        logits = logits[:, columns]
    chosen = wanted[:, columns]
    rows = chosen.nonzero()[:, 0]
    return logits[chosen].float(), labels[:, columns][chosen], rows


def on_device(batch: Batch, model: PreTrainedModel) -> Batch:
    """The batch where the model is, images in its precision."""
    device, dtype = model.device, model.dtype
    return {n: t.to(device, dtype) if t.is_floating_point() else t.to(device) for n, t in batch.items()}


def configuration(base: Path) -> PreTrainedConfig:
    """Of the image-text model in a folder. Raises OSError, or ValueError where it is something else."""
    told = _json(base / "config.json")
    kind = told.get("model_type")
    try:
        config: PreTrainedConfig = AutoConfig.from_pretrained(base, local_files_only=True, trust_remote_code=False)
        _kind(config)
    except (ValueError, KeyError) as error:
        why = "its code would have to be run, which is not done" if "auto_map" in told else "transformers knows none"
        raise ValueError(f"{base}: is no image-text model: model_type is {kind!r}, {why}") from error
    return config


def _json(path: Path) -> dict[str, Any]:
    found = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(found, dict):
        raise ValueError(f"{path}: holds no object")
    return found


def _kind(config: PreTrainedConfig) -> type[PreTrainedModel]:
    """The model's class. Raises KeyError where there is none for images and text."""
    known: Any = AutoModelForImageTextToText._model_mapping
    return cast("type[PreTrainedModel]", known[type(config)])


def _precision(config: PreTrainedConfig) -> torch.dtype:
    """As the weights were saved, but bfloat16 for float16, which overflows on the way and which CPUs cannot."""
    saved = config.dtype
    if isinstance(saved, torch.dtype) and saved in (torch.float32, torch.bfloat16):
        return saved
    return torch.bfloat16


def _first_line(error: Exception) -> str:
    return next((line.strip() for line in str(error).split("\n") if line.strip()), type(error).__name__)
