from __future__ import annotations

import json

import pytest

from dataengine.backends.minio.policies import RIGHTS
from tests.unit.cli.commands import CommandLine


@pytest.fixture
def dataengine(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> CommandLine:
    return CommandLine(monkeypatch, capsys)


@pytest.mark.parametrize("service", sorted(RIGHTS))
def test_every_service_has_a_policy_for_its_bucket_and_prefix(dataengine: CommandLine, service: str) -> None:
    policy = json.loads(dataengine("policy", service, "--bucket", "b", "--prefix", "team-a/").out)
    assert policy["Version"] == "2012-10-17"
    resources = [each for statement in policy["Statement"] for each in statement["Resource"]]
    assert all(each == "arn:aws:s3:::b" or each.startswith("arn:aws:s3:::b/team-a/") for each in resources)
    assert all(statement["Effect"] == "Allow" for statement in policy["Statement"])


def test_nobody_else_may_delete_or_change_the_bucket(dataengine: CommandLine) -> None:
    for service in RIGHTS:
        policy = json.loads(dataengine("policy", service).out)
        actions = {action for statement in policy["Statement"] for action in statement["Action"]}
        assert ("s3:DeleteObject" in actions) == (service == "janitor")
        assert not any("*" in action or action.startswith("s3:PutBucket") for action in actions)


def test_an_unknown_service_is_wrong_usage(dataengine: CommandLine) -> None:
    ended = dataengine("policy", "nobody")
    assert (ended.code, "evaluator" in ended.err) == (2, True)


def test_help_shows_an_example(dataengine: CommandLine) -> None:
    assert "Example: dataengine policy" in " ".join(dataengine("policy", "--help").out.split())
