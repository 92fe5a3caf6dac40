"""A run goes on under a newer release, whose run files have more keys: what counts is what a configuration means."""

import json

from dataengine.runtime.runfile import RunFile

GIVEN = {
    "run": "older",
    "student": {"family": "tiny-llava", "base": "/weights"},
    "benchmark": {"name": "seed-bench", "diagnose": {"data": "/diagnose"}, "report": {"data": "/report"}},
    "pictures": {"source": "visual-genome", "data": "/pool"},
    "generation": {"budget": 10},
}
RUN = RunFile.model_validate(GIVEN)


def test_keys_that_an_older_release_did_not_know_have_their_defaults() -> None:
    assert RUN.is_what(json.dumps(GIVEN).encode())
    assert RUN.is_what(RUN.encode())


def test_another_value_another_key_and_no_configuration_are_others() -> None:
    assert not RUN.is_what(json.dumps({**GIVEN, "seed": 1}).encode())
    assert not RUN.is_what(json.dumps({**GIVEN, "speed": 1}).encode())
    assert not RUN.is_what(b"no JSON")
