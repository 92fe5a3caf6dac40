"""What Pods may do on the node, in the network and at the API: no more than they need, over all of the matrix."""

from __future__ import annotations

from typing import Any

import pytest

from dataengine.backends.kafka.topics import ACCESS
from dataengine.runtime.later import LATER, group_of
from tests.integration.helm.charts import MATRIX, Helm, Manifest, container, of_kind, pods, variables

pytestmark = [pytest.mark.integration]

CREDENTIALS = ("PASSWORD", "USERNAME", "ACCESS_KEY", "SECRET_KEY", "API_KEY", "TOKEN")
SERVICES = ("evaluator", "analyzer", "generator", "trainer")


@pytest.mark.parametrize("values", MATRIX)
def test_no_credential_is_anywhere_but_in_secrets(helm: Helm, values: str) -> None:
    manifests = helm.render(values)

    assert not of_kind(manifests, "Secret")
    for config_map in of_kind(manifests, "ConfigMap").values():
        assert not [key for key in config_map["data"] if key.endswith(CREDENTIALS)]
    for _, pod, _ in pods(manifests):
        for entry in container(pod)["env"]:
            if entry["name"].endswith(CREDENTIALS):
                assert "secretKeyRef" in entry["valueFrom"]


@pytest.mark.parametrize("values", MATRIX)
def test_no_container_may_more_than_compute(helm: Helm, values: str) -> None:
    for component, pod, _ in pods(helm.render(values)):
        own, shared = container(pod)["securityContext"], pod["securityContext"]
        assert own["readOnlyRootFilesystem"], component
        assert own["allowPrivilegeEscalation"] is False
        assert own["capabilities"] == {"drop": ["ALL"]}
        assert shared["runAsNonRoot"]
        assert shared["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["enableServiceLinks"] is False
        resources = container(pod)["resources"]
        assert {"cpu", "memory"} <= set(resources["requests"])
        assert "memory" in resources["limits"]
        writable = {m["name"] for m in container(pod)["volumeMounts"] if not m.get("readOnly")}
        assert writable == {v["name"] for v in pod["volumes"] if "emptyDir" in v}
        assert all("sizeLimit" in v["emptyDir"] for v in pod["volumes"] if "emptyDir" in v)


@pytest.mark.parametrize("values", MATRIX)
def test_only_the_trainer_speaks_with_the_api_and_only_where_it_makes_jobs(helm: Helm, values: str) -> None:
    manifests = helm.render(values)
    tokens = {component for component, pod, _ in pods(manifests) if pod["automountServiceAccountToken"]}
    roles, bindings = of_kind(manifests, "Role"), of_kind(manifests, "RoleBinding")
    jobs = values != "bare"

    assert tokens == ({"trainer"} if jobs else set())
    assert not of_kind(manifests, "ClusterRole")
    assert not any(account["automountServiceAccountToken"] for account in of_kind(manifests, "ServiceAccount").values())
    if jobs:
        assert [rule["verbs"] for rule in roles["trainer"]["rules"]] == [["create", "get", "delete"], ["list"]]
        (subject,) = bindings["trainer"]["subjects"]
        assert subject["name"] == "loop-dataengine-trainer"
    else:
        assert not roles
        assert not bindings


def selects(policy: Manifest, labels: dict[str, str]) -> bool:
    selector = policy["spec"]["podSelector"]
    plain = selector.get("matchLabels", {}).items() <= labels.items()
    return plain and all(labels.get(e["key"]) in e["values"] for e in selector.get("matchExpressions", []))


def ways_out(manifests: list[Manifest], labels: dict[str, str]) -> set[int]:
    """Ports that a Pod may connect to, anywhere."""
    policies = [p["spec"] for p in of_kind(manifests, "NetworkPolicy").values() if selects(p, labels)]
    rules: list[Any] = [rule for policy in policies for rule in policy.get("egress", [])]
    return {port["port"] for rule in rules for port in rule.get("ports", [])}


@pytest.mark.parametrize("values", [values for values in MATRIX if values != "bare"])
def test_every_pod_is_shut_in_but_reaches_what_it_is_told_to_use(helm: Helm, values: str) -> None:
    manifests = helm.render(values)
    policies = of_kind(manifests, "NetworkPolicy")
    for component, pod, labels in pods(manifests):
        assert selects(policies["default"], labels), component
        assert policies["default"]["spec"]["policyTypes"] == ["Ingress", "Egress"]
        told, open_ports = variables(pod), ways_out(manifests, labels)
        endpoints = [told[n] for n in told if n.endswith(("_BOOTSTRAP", "_ENDPOINT", "_ENDPOINTS"))]
        needed = {int(a.rpartition(":")[2]) for text in endpoints for a in text.split(",") if ":" in a}
        assert needed <= open_ports, component
        assert 53 in open_ports
        if component not in ("trainer", "generator"):
            assert 6443 not in open_ports
            assert 443 not in open_ports - needed or told["DATAENGINE_S3_ENDPOINT"] == "s3.example.org"


def test_pods_of_one_training_reach_each_other_and_nobody_else_reaches_them(helm: Helm) -> None:
    alone = of_kind(helm.render("minimal"), "NetworkPolicy")["training"]["spec"]
    together = of_kind(helm.render("everything"), "NetworkPolicy")["training"]["spec"]

    assert alone["policyTypes"] == ["Ingress", "Egress"]
    assert "ingress" not in alone
    (rule,) = together["ingress"]
    assert rule == {
        "from": [
            {
                "podSelector": {
                    "matchLabels": {
                        "app.kubernetes.io/name": "dataengine-training",
                        "app.kubernetes.io/instance": "loop",
                    }
                }
            }
        ]
    }


@pytest.mark.parametrize("values", MATRIX)
def test_probes_ask_the_service_itself(helm: Helm, values: str) -> None:
    for component, pod, _ in pods(helm.render(values)):
        if component in SERVICES:
            asked = {kind: container(pod)[f"{kind}Probe"]["grpc"] for kind in ("startup", "liveness", "readiness")}
            assert asked["startup"] == asked["liveness"] == {"port": 8081, "service": "live"}
            assert asked["readiness"] == {"port": 8081, "service": "ready"}


def test_a_drain_takes_one_pod_of_a_service_at_a_time(helm: Helm) -> None:
    manifests = helm.render("everything")
    for name, budget in of_kind(manifests, "PodDisruptionBudget").items():
        chosen = budget["spec"]["selector"]["matchLabels"].items()
        assert [c for c, _, labels in pods(manifests) if chosen <= labels.items()] in ([name], ["tritonServer"])
        assert budget["spec"]["maxUnavailable"] == 1


def test_keda_scales_the_generator_by_its_group_on_its_topics(helm: Helm) -> None:
    manifests = helm.render("everything")
    spec = of_kind(manifests, "ScaledObject")["generator"]["spec"]
    asked = [trigger["metadata"] for trigger in spec["triggers"]]

    assert spec["scaleTargetRef"] == {"name": "loop-dataengine-generator"}
    assert (spec["minReplicaCount"], spec["maxReplicaCount"]) == (0, 16)
    assert "replicas" not in of_kind(manifests, "Deployment")["generator"]["spec"]
    tasks, *waking = asked
    assert (tasks["topic"], tasks["lagThreshold"]) == ("team-a.generation-task", "4")
    # whatever a generator reads must wake it from 0
    read = {(f"team-a.{topic}", "team-a.generator") for topic in ACCESS["generator"].reads if topic != LATER}
    read.add((f"team-a.{LATER}", f"team-a.{group_of('generator')}"))
    assert {(trigger["topic"], trigger["consumerGroup"]) for trigger in asked} == read
    assert {trigger["lagThreshold"] for trigger in waking} == {"1000"}
    for trigger in asked:
        assert trigger["offsetResetPolicy"] == "earliest"
        assert (trigger["sasl"], trigger["tls"]) == ("scram_sha512", "enable")
    login = of_kind(manifests, "TriggerAuthentication")["generator"]["spec"]
    assert [e["name"] for e in login["secretTargetRef"][:2]] == ["kafka-autoscaler", "kafka-autoscaler"]
