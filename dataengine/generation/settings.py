"""The generator's own settings, from the environment. What a run asks for is in its run file, not here."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class GeneratorSettings(BaseSettings):
    """Environment variables, with the prefix `DATAENGINE_`."""

    model_config = SettingsConfigDict(env_prefix="DATAENGINE_", frozen=True, use_attribute_docstrings=True)

    journal_every: int = Field(default=25, ge=1)
    """Teacher replies that are kept together: at most so many are asked for again after a kill."""
