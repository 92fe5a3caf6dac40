"""Adapters on one base: loaded when first asked for, the least recently used forgotten."""

from __future__ import annotations

from collections import OrderedDict
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

import torch
from peft import PeftConfig, PeftModel
from safetensors import SafetensorError
from transformers import PreTrainedModel

from dataengine.core.errors import Rejected

BROKEN = (OSError, ValueError, RuntimeError, KeyError, TypeError, SafetensorError)
"""What peft, torch and safetensors raise on an adapter that is missing, torn, or made for other weights."""


class Adapters:
    """The base model with up to ``keep`` adapters of it in memory."""

    def __init__(self, base: PreTrainedModel, keep: int) -> None:
        if keep < 1:
            raise ValueError("keep must be at least 1")
        self._base = base
        self._keep = keep
        self._peft: PeftModel | None = None
        self._names: OrderedDict[Path, str] = OrderedDict()
        self._towers: dict[str, str] = {}
        self._count = 0
        self.own_tower = ""
        """Empty while the base's vision tower is in use, else a name for the adapter's own."""

    def use(self, adapter: Path | None) -> PreTrainedModel:
        """The base model with only this adapter in force (None: as it was loaded). Raises Rejected."""
        if adapter is None:
            self.own_tower = ""
            if self._peft is not None:
                _switch(self._peft, enabled=False)
            return self._base
        name = self._names.get(adapter) or self._load(adapter)
        self._names.move_to_end(adapter)
        assert self._peft is not None
        _switch(self._peft, enabled=True)
        self._peft.set_adapter(name)
        self._peft.eval()
        self.own_tower = self._towers[name]
        return self._base

    def _load(self, adapter: Path) -> str:
        self._count += 1
        name = f"a{self._count}"
        try:
            config = PeftConfig.from_pretrained(str(adapter))
            if self._peft is None:
                self._peft = PeftModel.from_pretrained(self._base, str(adapter), adapter_name=name)
            else:
                self._peft.load_adapter(str(adapter), adapter_name=name)
        except BROKEN as error:
            self._forget_half_loaded(name)
            raise Rejected(f"the adapter cannot be loaded: {error}", where=str(adapter)) from error
        _in_the_bases_precision(self._peft, name, self._base.dtype)
        whole = config.modules_to_save or ()
        self._towers[name] = name if any("vision" in module for module in whole) else ""
        self._names[adapter] = name
        if len(self._names) > self._keep:
            _, old = self._names.popitem(last=False)
            self._peft.set_adapter(name)
            self._peft.delete_adapter(old)
        return name

    def _forget_half_loaded(self, name: str) -> None:
        if self._peft is not None and name in self._peft.peft_config:
            with suppress(*BROKEN):
                self._peft.delete_adapter(name)


def _in_the_bases_precision(peft: PeftModel, name: str, dtype: torch.dtype) -> None:
    """Layers trained in full stand between the base's own and must speak its precision; LoRA converts by itself."""
    for place, parameter in peft.named_parameters():
        if f".modules_to_save.{name}." in place:
            parameter.data = parameter.data.to(dtype)


def _switch(peft: PeftModel, *, enabled: bool) -> None:
    tuner = cast(Any, peft.base_model)
    tuner.enable_adapter_layers() if enabled else tuner.disable_adapter_layers()
