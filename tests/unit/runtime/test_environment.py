from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from dataengine.core.errors import ConfigurationError
from dataengine.runtime.environment import has_settings, read_settings


@dataclass(frozen=True, slots=True)
class Wheel:
    size: int
    name: str = "round"
    secure: bool = False
    spokes: tuple[str, ...] = ()
    weights: Mapping[str, str] = field(default_factory=dict)
    password: str | None = None


def test_each_field_is_a_variable_with_the_prefix() -> None:
    environ = {"W_SIZE": "3", "W_SECURE": "true", "W_SPOKES": "a, b", "W_WEIGHTS": "x=1,y=2", "OTHER": "?"}
    assert read_settings(Wheel, "W_", environ) == Wheel(3, "round", True, ("a", "b"), {"x": "1", "y": "2"})


def test_a_secret_is_read_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s3cret\n")
    environ = {"W_SIZE": "1", "W_PASSWORD_FILE": str(tmp_path / "secret")}
    assert read_settings(Wheel, "W_", environ).password == "s3cret"


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({}, "W_SIZE is not set"),
        ({"W_SIZE": "1", "W_SIEZ": "2"}, "W_SIEZ is no setting"),
        ({"W_SIZE": "many"}, "W_SIZE: Input should be a valid integer"),
        ({"W_SIZE": "1", "W_SECURE": "perhaps"}, "W_SECURE"),
        ({"W_SIZE": "1", "W_PASSWORD_FILE": "/no/such/file"}, "W_PASSWORD_FILE: /no/such/file cannot be read"),
    ],
)
def test_a_wrong_environment_is_one_clear_error(environ: dict[str, str], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        read_settings(Wheel, "W_", environ)


def test_every_problem_is_named_at_once() -> None:
    with pytest.raises(ConfigurationError) as caught:
        read_settings(Wheel, "W_", {"W_SPEED": "1", "W_HUE": "red"})
    assert all(name in str(caught.value) for name in ("W_SPEED", "W_HUE", "W_SIZE"))


def test_whether_anything_is_set() -> None:
    assert has_settings("W_", {"W_SIZE": "1"})
    assert not has_settings("W_", {"V_SIZE": "1"})
