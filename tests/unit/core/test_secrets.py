"""Keys: which may be named, where they may go, and that no text carries one."""

from __future__ import annotations

import io
import json

import pytest
import structlog

from dataengine.core.errors import ConfigurationError, Rejected, Retryable
from dataengine.core.secrets import address_fault, keep_secret, masked, secret_fault, variable_fault
from dataengine.runtime.environment import read_settings
from dataengine.runtime.logs import log_to
from dataengine.teachers.keys import teacher_key

CANARY = "sk-canary-0123456789"


@pytest.mark.parametrize("name", ["OPENAI_API_KEY", "QWEN_API_KEY", "LOCAL_TEACHER_KEY", "DATAENGINE_TEACHER_KEY"])
def test_a_teachers_key_may_be_named(name: str) -> None:
    assert variable_fault(name, {}) == ""


@pytest.mark.parametrize(
    "name",
    ["AWS_SECRET_ACCESS_KEY", "AWS_API_KEY", "DATAENGINE_S3_SECRET_KEY", "DATAENGINE_KAFKA_API_KEY", "PATH",
     "x_API_KEY", "GITHUB_TOKEN", "", "OPENAI_API_KEY\n"],
)  # fmt: skip
def test_no_other_variable_may_be_named_unless_the_process_is_told(name: str) -> None:
    assert "may not be named" in variable_fault(name, {})
    with pytest.raises(ConfigurationError, match="may not be named as a key") as caught:
        teacher_key(name, None, {name: CANARY + "-other"})
    assert "canary" not in str(caught.value)
    if name.strip() == name and name:
        assert variable_fault(name, {"DATAENGINE_ALLOW_KEY_VARIABLES": f"A, {name}"}) == ""


@pytest.mark.parametrize(
    ("address", "fault"),
    [
        (None, ""),
        ("https://api.example.com/v1", ""),
        ("http://127.0.0.1:8000/v1", ""),
        ("http://[::1]:8000/v1", ""),
        ("http://10.1.2.3/v1", ""),
        ("http://vllm:8000/v1", ""),
        ("http://vllm.team.svc.cluster.local/v1", ""),
        ("http://api.example.com/v1", "has no TLS"),
        ("http://8.8.8.8/v1", "has no TLS"),
        ("http://0.0.0.0/v1", "has no TLS"),
        ("https://user:pass@api.example.com/v1", "holds a user or a password"),
        ("ftp://x/", "is no address"),
        ("https://", "is no address"),
        ("http://[", "is no address"),
    ],
)
def test_a_key_goes_only_where_it_may(address: str | None, fault: str) -> None:
    said = address_fault("OPENAI_API_KEY", address, {})
    assert said.startswith(fault) and bool(said) == bool(fault)


def test_a_host_may_be_told_that_gets_keys_without_tls() -> None:
    assert (
        address_fault("A_API_KEY", "http://api.example.com/v1", {"DATAENGINE_ALLOW_PLAIN_HTTP": "api.example.com"})
        == ""
    )


def test_a_service_binds_keys_to_addresses_whatever_a_run_file_says() -> None:
    environ = {"DATAENGINE_TEACHERS": "A_API_KEY=https://a.example/v1,OPENAI_API_KEY=", "A_API_KEY": CANARY}
    assert teacher_key("A_API_KEY", "https://a.example/v1/", environ) == CANARY
    assert address_fault("OPENAI_API_KEY", None, environ) == ""
    for variable, address in (("A_API_KEY", "https://evil.example/v1"), ("B_API_KEY", "https://a.example/v1")):
        with pytest.raises(ConfigurationError, match="https://"):
            teacher_key(variable, address, {**environ, "B_API_KEY": CANARY})


@pytest.mark.parametrize("tail", ["\nX-Evil: 1", "\u00e9", "\x07", '"', " x"])
def test_a_key_that_no_header_carries_is_refused_unseen(tail: str) -> None:
    assert secret_fault(CANARY + tail)
    with pytest.raises(ConfigurationError, match="the key in A_API_KEY has") as caught:
        teacher_key("A_API_KEY", None, {"A_API_KEY": CANARY + tail + "z"})
    assert "canary" not in str(caught.value) + repr(caught.value)


def test_a_known_secret_is_masked_in_every_form() -> None:
    odd = keep_secret('odd"key\\with/marks+more')
    for form in (odd, repr(odd), json.dumps(odd), f"?key={odd}", "odd%22key%5Cwith%2Fmarks%2Bmore"):
        assert "marks" not in masked(f"before {form} after")
    assert masked("https://me:hidden@host/v1 and me@host") == "https://[secret]@host/v1 and me@host"
    keep_secret("none")
    assert masked("none of it") == "none of it"


def test_errors_and_log_lines_carry_no_secret() -> None:
    keep_secret(CANARY)
    for kind in (Rejected, Retryable, ConfigurationError):
        error = kind(f"the server said {CANARY}", where=f"http://x?{CANARY}")
        assert CANARY not in f"{error} {error!r} {error.args} {error.what} {error.where}"
    target = io.StringIO()
    log_to(target)
    try:
        raise RuntimeError(f"Illegal header value b'Bearer {CANARY}'")
    except RuntimeError:
        structlog.get_logger().exception("a handler failed", extra={"deep": [CANARY]}, text=CANARY)
    assert "Illegal header" in target.getvalue() and "canary" not in target.getvalue()


def test_a_setting_that_is_a_password_is_masked_from_then_on() -> None:
    from dataclasses import dataclass

    @dataclass(frozen=True)
    class Login:
        password: str = ""

    assert read_settings(Login, "XY_", {"XY_PASSWORD": "hunter2hunter2"}).password == "hunter2hunter2"
    assert masked("with hunter2hunter2") == "with [secret]"
