"""The manifest of a training Job, read as Kubernetes reads it."""

import json
from typing import Any

import pytest

from dataengine.backends.kubernetes.manifest import job_manifest, job_name
from dataengine.backends.kubernetes.pool import KubernetesPool
from dataengine.core.errors import ConfigurationError
from dataengine.runtime.environment import read_settings

PARCEL = "runs/r/rounds/01/training/01-abcdef12/parcel.3fa9.json"


def made(**settings: Any) -> dict[str, Any]:
    pool = KubernetesPool(image="trainer:1", **settings)
    return job_manifest(pool, job_name("r", "01-abcdef12", 1), PARCEL, "r", 1)


def pod(manifest: dict[str, Any]) -> dict[str, Any]:
    spec: dict[str, Any] = manifest["spec"]["template"]["spec"]
    return spec


def variables(manifest: dict[str, Any]) -> dict[str, str]:
    return {entry["name"]: entry.get("value", "") for entry in pod(manifest)["containers"][0]["env"]}


def test_names_are_the_same_for_the_same_attempt_and_differ_for_others() -> None:
    name = job_name("my run", "01-abcdef12", 1)
    assert name == job_name("my run", "01-abcdef12", 1)
    others = {job_name("my-run", "01-abcdef12", 1), job_name("my run", "02-abcdef12", 1)}
    assert name not in others | {job_name("my run", "01-abcdef12", 2)}
    assert len(others) == 2


@pytest.mark.parametrize("run", ["r", "R_" + "x" * 200, "größer als 7B!", "---"])
def test_a_name_is_a_label_with_room_for_what_is_appended_to_it(run: str) -> None:
    name = job_name(run, "01-abcdef12", 123)
    assert len(name) <= 61
    assert set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
    assert name[0].isalpha()
    assert name[-1].isdigit()


def test_what_is_wrong_fails_at_once_and_an_eviction_is_nobodys_fault() -> None:
    spec = made()["spec"]
    wrong, evicted = spec["podFailurePolicy"]["rules"]
    assert (wrong["action"], wrong["onExitCodes"]["values"]) == ("FailJob", [2])
    assert (evicted["action"], evicted["onPodConditions"][0]["type"]) == ("Ignore", "DisruptionTarget")
    assert spec["podReplacementPolicy"] == "Failed"
    assert pod(made())["restartPolicy"] == "Never"


def test_it_may_write_nothing_but_its_scratch_folder_and_is_nobody() -> None:
    spec = pod(made())
    assert spec["securityContext"]["runAsNonRoot"]
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert not spec["automountServiceAccountToken"]
    security = spec["containers"][0]["securityContext"]
    assert security["readOnlyRootFilesystem"]
    assert security["capabilities"] == {"drop": ["ALL"]}
    assert {v["name"] for v in spec["volumes"]} == {"scratch", "shared-memory"}
    folders = {variables(made())[name] for name in ("HOME", "TMPDIR", "DATAENGINE_JOB_FOLDER")}
    assert folders == {"/scratch", "/scratch/job"}


def test_the_pool_chooses_nodes_and_what_is_asked_of_them() -> None:
    spec = pod(
        made(
            node_selector={"pool": "gpu"},
            tolerations=("nvidia.com/gpu:NoSchedule", "team=vision:NoExecute"),
            priority_class="training",
            gpus=4,
            memory="64Gi",
        )
    )
    assert spec["nodeSelector"] == {"pool": "gpu"}
    assert [t["operator"] for t in spec["tolerations"]] == ["Exists", "Equal"]
    assert spec["priorityClassName"] == "training"
    assert spec["containers"][0]["resources"]["limits"] == {"nvidia.com/gpu": "4", "memory": "64Gi"}


def test_what_is_not_set_is_not_said() -> None:
    spec = pod(made(gpus=0))
    assert not {"nodeSelector", "tolerations", "priorityClassName", "serviceAccountName", "subdomain"} & set(spec)
    assert "nvidia.com/gpu" not in json.dumps(spec)


def test_one_node_with_several_gpus_starts_a_process_on_each() -> None:
    assert variables(made(gpus=8))["DATAENGINE_JOB_PROCESSES"] == "8"
    assert variables(made(gpus=0))["DATAENGINE_JOB_PROCESSES"] == "1"


def test_several_nodes_meet_at_the_first_through_the_headless_service() -> None:
    manifest = made(nodes=3, gpus=8, headless_service="training-pods", retries=2)
    spec = manifest["spec"]
    assert (spec["completionMode"], spec["completions"], spec["parallelism"]) == ("Indexed", 3, 3)
    assert spec["backoffLimit"] == 6
    assert pod(manifest)["subdomain"] == "training-pods"
    first = f"{manifest['metadata']['name']}-0"
    assert variables(manifest)["DATAENGINE_JOB_MEET"] == f"{first}.training-pods:29500"
    assert variables(manifest)["DATAENGINE_JOB_NODES"] == "3"


def test_secrets_are_named_and_never_written_into_the_manifest() -> None:
    container = pod(made(secrets=("s3-keys",), config_maps=("s3-address",)))["containers"][0]
    assert container["envFrom"] == [{"secretRef": {"name": "s3-keys"}}, {"configMapRef": {"name": "s3-address"}}]


def test_base_weights_come_from_volumes_that_cannot_be_written() -> None:
    spec = pod(made(claims={"/models": "weights"}))
    assert spec["containers"][0]["volumeMounts"][-1] == {"name": "claim-0", "mountPath": "/models", "readOnly": True}
    assert spec["volumes"][-1]["persistentVolumeClaim"] == {"claimName": "weights", "readOnly": True}


@pytest.mark.parametrize(
    ("settings", "volume"),
    [
        ({"ca_config_map": "house"}, {"configMap": {"name": "house"}}),
        ({"ca_secret": "house"}, {"secret": {"secretName": "house"}}),
    ],
)
def test_the_authority_of_the_stores_certificate_is_mounted_and_named(
    settings: dict[str, str], volume: dict[str, Any]
) -> None:
    manifest = made(**settings, ca_entry="root.pem")
    spec = pod(manifest)
    assert {"name": "s3-ca", **volume} in spec["volumes"]
    mount = {"name": "s3-ca", "mountPath": "/etc/dataengine/s3-ca", "readOnly": True}
    assert mount in spec["containers"][0]["volumeMounts"]
    assert variables(manifest)["DATAENGINE_S3_CA_FILE"] == "/etc/dataengine/s3-ca/root.pem"


def test_without_an_authority_of_ones_own_the_usual_ones_are_trusted() -> None:
    assert "DATAENGINE_S3_CA_FILE" not in variables(made())
    assert "s3-ca" not in {volume["name"] for volume in pod(made())["volumes"]}


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"ca_secret": "a", "ca_config_map": "b"}, "in a ConfigMap or in a Secret"),
        ({"image": ""}, "no image"),
        ({"nodes": 0}, "too small"),
        ({"nodes": 2}, "need a headless service"),
        ({"tolerations": ("nvidia.com/gpu",)}, "no toleration"),
        ({"tolerations": ("a=b:Sometimes",)}, "no toleration"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        KubernetesPool(**{"image": "trainer:1", **settings})


def test_the_environment_can_say_all_of_it() -> None:
    pool = read_settings(
        KubernetesPool,
        "DATAENGINE_KUBERNETES_",
        {
            "DATAENGINE_KUBERNETES_IMAGE": "trainer:1",
            "DATAENGINE_KUBERNETES_NODE_SELECTOR": "pool=gpu,zone=a",
            "DATAENGINE_KUBERNETES_TOLERATIONS": "nvidia.com/gpu:NoSchedule",
            "DATAENGINE_KUBERNETES_GPUS": "2",
            "DATAENGINE_KUBERNETES_CLAIMS": "/models=weights",
            "DATAENGINE_KUBERNETES_PRESENT": "/opt/bases",
        },
    )
    assert (pool.node_selector, pool.gpus, pool.claims) == ({"pool": "gpu", "zone": "a"}, 2, {"/models": "weights"})
    assert pool.tolerations == ("nvidia.com/gpu:NoSchedule",)
    assert [str(folder) for folder in pool.folders] == ["/models", "/opt/bases"]
