"""Values that cannot be meant are refused, with a word about what is wrong."""

from __future__ import annotations

import pytest

from deploy.helm.generate import CHART
from tests.integration.helm.charts import MATRIX, Helm, RefusedError

pytestmark = [pytest.mark.integration]


@pytest.mark.parametrize("values", MATRIX)
def test_lint_has_nothing_to_say(helm: Helm, values: str) -> None:
    said = helm("lint", "--strict", CHART, "--values", CHART / "ci" / f"{values}.yaml")

    assert "0 chart(s) failed" in said
    assert "WARNING" not in said


@pytest.mark.parametrize(
    ("setting", "place"),
    [
        ("kafak.bootstrap=x", "kafak"),
        ("kafka.bootstraps=x", "bootstraps"),
        ("kafka.password=hunter2", "password"),
        ("kafka.mechanism=GSSAPI", "mechanism"),
        ("kafka.tls.enabled=perhaps", "enabled"),
        ("kafka.tls.ca.file=x", "file"),
        ("kafka.settings.request_timeuot=3", "request_timeuot"),
        ("kafka.settings.username=x", "username"),
        ("s3.secretKey=hunter2", "secretKey"),
        ("s3.settings.secret_key=hunter2", "secret_key"),
        ("triton.endpoint=x", "endpoint"),
        ("tritonServer.gpu=1", "gpu"),
        ("tritonServer.settings.keep=1", "keep"),
        ("training.node=2", "node"),
        ("training.nodes=0", "nodes"),
        ("training.settings.image=x", "image"),
        ("services.generater.replicas=2", "generater"),
        ("services.generator.replica=2", "replica"),
        ("services.generator.replicas=-1", "replicas"),
        ("volumes[0].claim=x", "mountPath"),
        ("volumes[0].usedBy[0]=everybody", "usedBy"),
        ("prepare.partitions=0", "partitions"),
        ("autoscaling.lagThreshold=5", "lagThreshold"),
        ("networkPolicy.kafka.port=9092", "port"),
        ("monitoring.dashboards.enabled=true", "dashboards"),
        ("settings.log_levle=debug", "log_levle"),
        ("podDisruptionBudget=1", "podDisruptionBudget"),
        ("image.pullPolicy=Sometimes", "pullPolicy"),
    ],
)
def test_a_typo_is_refused_and_named(helm: Helm, setting: str, place: str) -> None:
    with pytest.raises(RefusedError, match=place):
        helm.render("minimal", "--set", setting)


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("kafka.bootstrap=", "kafka.bootstrap: say where Kafka is"),
        ("kafka.mechanism=PLAIN", "kafka.existingSecret: a mechanism needs"),
        ("s3.endpoint=", "s3.endpoint: say where the store is"),
        ("s3.bucket=", "s3.bucket: name the bucket"),
        ("s3.existingSecret=", "s3.existingSecret: name the Secret"),
        ("triton.endpoints=null", "triton.endpoints: say where Triton is"),
    ],
)
def test_what_is_missing_is_asked_for(helm: Helm, setting: str, said: str) -> None:
    with pytest.raises(RefusedError, match=said):
        helm.render("minimal", "--set", setting)


def test_the_chart_works_as_a_part_of_another(helm: Helm) -> None:
    assert helm.render("minimal", "--set", "global.imageRegistry=x")
