"""What every section of the run file is made of."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, ValidationInfo, model_validator
from pydantic.fields import FieldInfo

Share = Annotated[float, Field(ge=0, le=1)]


def formerly(name: str, old: str) -> AliasChoices:
    """The alias of a field that had another name: run files and stored configurations with the old one are read."""
    return AliasChoices(name, old)


class Section(BaseModel):
    """A part of the run file: frozen, refuses unknown keys, its docstrings are its documentation.

    A key may go by its former name, but not by both at once. A validation context may bring a list `former`, to be told
    of each former name that was used.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    @model_validator(mode="before")
    @classmethod
    def _one_name_a_key(cls, content: Any, info: ValidationInfo) -> Any:
        told: list[str] = (info.context or {}).get("former", [])
        for name, field in cls.model_fields.items():
            old = former_name(field)
            if not old or not isinstance(content, dict) or old not in content:
                continue
            if name in content:
                raise ValueError(f"`{old}` is the former name of `{name}`: give one of them")
            told.append(f"`{old}` is called `{name}` now")
        return content


def former_name(field: FieldInfo) -> str:
    """What a key was called before, "" where it always had its name."""
    alias = field.validation_alias
    return str(alias.choices[-1]) if isinstance(alias, AliasChoices) else ""
