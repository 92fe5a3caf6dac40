"""The manifest of a training Job: a pure function of the pool's settings and of what is to be trained."""

from __future__ import annotations

import re
from typing import Any

from dataengine.backends.kubernetes.pool import KubernetesPool, toleration
from dataengine.core.exit_codes import REJECTED
from dataengine.core.identity import derived_id

APPLICATION = "dataengine-training"
"""The value of `app.kubernetes.io/name` on Jobs and Pods."""
CONTAINER = "training"
SCRATCH = "/scratch"
"""The only folder that the container can write to."""
AUTHORITY = "/etc/dataengine/s3-ca"
"""Where the authority of the store's certificate is mounted."""
_LONGEST_RUN = 24
_LONGEST_JOB = 16


def job_name(run: str, name: str, attempt: int) -> str:
    """A name that only this attempt at this job of this run has, short enough for Pods to be named after it."""
    readable = f"train-{_slug(run, _LONGEST_RUN)}-{_slug(name, _LONGEST_JOB)}"
    return f"{readable}-{derived_id('job', run, name)[:6]}-{attempt}"


def job_manifest(pool: KubernetesPool, name: str, bundle: str, run: str, round_number: int) -> dict[str, Any]:
    """The Job `name` that trains what the store holds under the key `bundle`."""
    labels = {
        **pool.labels,
        "app.kubernetes.io/name": APPLICATION,
        "app.kubernetes.io/part-of": "dataengine",
        "dataengine/run": _slug(run, 63),
        "dataengine/round": str(round_number),
    }
    annotations = {**pool.annotations, "dataengine/parcel": bundle}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "namespace": pool.namespace, "labels": labels, "annotations": annotations},
        "spec": {
            "completionMode": "Indexed",
            "completions": pool.nodes,
            "parallelism": pool.nodes,
            "backoffLimit": pool.retries * pool.nodes,  # where one of several fails, all fail
            "activeDeadlineSeconds": pool.deadline_seconds,
            "ttlSecondsAfterFinished": pool.keep_seconds,
            # a Pod that is on its way out still trains: wait for its end before it is replaced
            "podReplacementPolicy": "Failed",
            "podFailurePolicy": {"rules": _failure_rules()},
            "template": {"metadata": {"labels": labels, "annotations": annotations}, "spec": _pod(pool, name, bundle)},
        },
    }


def _failure_rules() -> list[dict[str, Any]]:
    """In this order: what is wrong stays wrong, evicted or not; and whoever was evicted is not to blame."""
    wrong = {"containerName": CONTAINER, "operator": "In", "values": [REJECTED]}
    return [
        {"action": "FailJob", "onExitCodes": wrong},
        {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
    ]


def _pod(pool: KubernetesPool, name: str, bundle: str) -> dict[str, Any]:
    pod: dict[str, Any] = {
        "restartPolicy": "Never",  # podFailurePolicy asks for it: a Pod that failed is replaced, not restarted
        "terminationGracePeriodSeconds": pool.grace_seconds,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": pool.user,
            "runAsGroup": pool.user,
            "fsGroup": pool.user,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [_container(pool, name, bundle)],
        "volumes": _volumes(pool),
    }
    optional = {
        "nodeSelector": dict(pool.node_selector),
        "tolerations": [toleration(text) for text in pool.tolerations],
        "priorityClassName": pool.priority_class,
        "serviceAccountName": pool.service_account,
        "imagePullSecrets": [{"name": secret} for secret in pool.pull_secrets],
        "subdomain": pool.headless_service if pool.nodes > 1 else "",
    }
    return pod | {key: value for key, value in optional.items() if value}


def _container(pool: KubernetesPool, name: str, bundle: str) -> dict[str, Any]:
    asked = {"cpu": pool.cpu, "memory": pool.memory}
    # of an extended resource such as a GPU the limit is the request
    bound = {"memory": pool.memory, **({pool.gpu_resource: str(pool.gpus)} if pool.gpus else {})}
    return {
        "name": CONTAINER,
        "image": pool.image,
        "imagePullPolicy": pool.pull_policy,
        "command": [*pool.command, bundle],
        "env": _variables(pool, name),
        "envFrom": [
            *({"secretRef": {"name": secret}} for secret in pool.secrets),
            *({"configMapRef": {"name": config_map}} for config_map in pool.config_maps),
        ],
        "resources": {"requests": asked, "limits": bound},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        # the end of its log is then part of the Pod's status: what is left of a container that was killed
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": [
            {"name": "scratch", "mountPath": SCRATCH},
            {"name": "shared-memory", "mountPath": "/dev/shm"},
            *({"name": each["name"], "mountPath": AUTHORITY, "readOnly": True} for each in _authority(pool)),
            *({"name": f"claim-{i}", "mountPath": path, "readOnly": True} for i, path in enumerate(pool.claims)),
        ],
    }


def _variables(pool: KubernetesPool, name: str) -> list[dict[str, Any]]:
    values = {
        "HOME": SCRATCH,
        "TMPDIR": SCRATCH,
        "DATAENGINE_JOB_FOLDER": f"{SCRATCH}/job",
        "DATAENGINE_JOB_PROCESSES": str(max(pool.gpus, 1)),
        "DATAENGINE_JOB_NODES": str(pool.nodes),
        **({"DATAENGINE_S3_CA_FILE": f"{AUTHORITY}/{pool.ca_entry}"} if _authority(pool) else {}),
        **pool.env,
    }
    if pool.nodes > 1:  # Pod 0 of an Indexed Job is named so in the headless service
        values.setdefault("DATAENGINE_JOB_MEET", f"{name}-0.{pool.headless_service}:{pool.port}")
    pod = {"name": "DATAENGINE_JOB_POD", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}
    return [*({"name": key, "value": value} for key, value in values.items()), pod]


def _volumes(pool: KubernetesPool) -> list[dict[str, Any]]:
    return [
        {"name": "scratch", "emptyDir": {"sizeLimit": pool.scratch}},
        {"name": "shared-memory", "emptyDir": {"medium": "Memory", "sizeLimit": pool.shared_memory}},
        *_authority(pool),
        *(
            {"name": f"claim-{i}", "persistentVolumeClaim": {"claimName": claim, "readOnly": True}}
            for i, claim in enumerate(pool.claims.values())
        ),
    ]


def _authority(pool: KubernetesPool) -> list[dict[str, Any]]:
    """The volume with the authority of the store's certificate, if there is one."""
    if pool.ca_config_map:
        return [{"name": "s3-ca", "configMap": {"name": pool.ca_config_map}}]
    if pool.ca_secret:
        return [{"name": "s3-ca", "secret": {"secretName": pool.ca_secret}}]
    return []


def _slug(text: str, longest: int) -> str:
    """Lower-case letters, digits and single hyphens; what is lost in it, the digest in a Job's name tells apart."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower())[:longest].strip("-") or "x"
