"""The generator's own settings."""

from __future__ import annotations

import pytest

from dataengine.core.errors import ConfigurationError
from dataengine.generation.settings import GeneratorSettings, generator_settings


def test_the_environment_says_how_many_parts_are_in_hand() -> None:
    assert generator_settings({"DATAENGINE_GENERATOR_PARTS": "3"}) == GeneratorSettings(parts=3)
    assert generator_settings({}) == GeneratorSettings()


def test_the_former_name_goes_on_being_read_but_not_beside_the_new_one() -> None:
    assert generator_settings({"DATAENGINE_JOURNAL_EVERY": "7"}).replies_per_segment == 7
    both = {"DATAENGINE_JOURNAL_EVERY": "7", "DATAENGINE_GENERATOR_REPLIES_PER_SEGMENT": "8"}
    with pytest.raises(ConfigurationError, match="DATAENGINE_JOURNAL_EVERY is the former name"):
        generator_settings(both)


@pytest.mark.parametrize(
    "environ",
    [
        {"DATAENGINE_GENERATOR_PART": "3"},
        {"DATAENGINE_GENERATOR_PARTS": "0"},
        {"DATAENGINE_GENERATOR_PARTS": "many"},
        {"DATAENGINE_JOURNAL_EVERY": "never"},
    ],
)
def test_a_typo_or_a_wrong_value_is_an_error_that_names_the_variable(environ: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError, match=r"DATAENGINE_GENERATOR_(PART|PARTS|REPLIES_PER_SEGMENT)"):
        generator_settings(environ)
