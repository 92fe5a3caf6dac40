"""The few calls to the Kubernetes API that training Jobs need, with every error translated into our own."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import urllib3
import yaml
from kubernetes import client, config

from dataengine.core.errors import ConfigurationError, Retryable

Reply = TypeVar("Reply")
_TIMEOUT = (5.0, 30.0)
"""Seconds to connect, and to wait for an answer."""
FOREIGN = (client.ApiException, urllib3.exceptions.HTTPError, OSError, ValueError)
"""What the client raises when a call does not succeed; ValueError for an answer that it cannot read."""
_RIGHTS = "Bind the account to a Role with create, get and delete on jobs (batch) and list on pods in the namespace"


class KubernetesApi:
    """Jobs and their Pods in one namespace. Blocking. Raises Retryable when the API cannot be reached or is not ready,
    ConfigurationError when it refuses: no right, no such namespace, a manifest that is not accepted."""

    def __init__(self, namespace: str, kubeconfig: Path | None = None, context: str = "") -> None:
        settings = client.Configuration()
        try:
            if kubeconfig is None:
                config.load_incluster_config(client_configuration=settings)
            else:
                config.load_kube_config(str(kubeconfig), context or None, client_configuration=settings)
        except (config.ConfigException, yaml.YAMLError, OSError) as error:
            raise ConfigurationError(
                f"there is no way to the Kubernetes API: {error}",
                where=str(kubeconfig or "service account"),
                todo="Name a kubeconfig, or run in a Pod with a service account",
            ) from error
        settings.retries = False  # who waits decides how often to try
        self.namespace = namespace
        self.address = str(settings.host)
        self._client = client.ApiClient(settings)
        self._jobs = client.BatchV1Api(self._client)
        self._core = client.CoreV1Api(self._client)

    def create_job(self, manifest: dict[str, Any]) -> Any | None:
        """The new Job; None if there is one of its name."""
        return self._call(
            lambda: self._jobs.create_namespaced_job(self.namespace, manifest, _request_timeout=_TIMEOUT), 409
        )

    def job(self, name: str) -> Any | None:
        """The Job, or None."""
        return self._call(lambda: self._jobs.read_namespaced_job(name, self.namespace, _request_timeout=_TIMEOUT), 404)

    def delete_job(self, name: str) -> None:
        """Ask for the end of the Job; it is there until the last of its Pods is gone. Absent is as good as deleted."""
        options = client.V1DeleteOptions(propagation_policy="Foreground")
        self._call(
            lambda: self._jobs.delete_namespaced_job(name, self.namespace, body=options, _request_timeout=_TIMEOUT), 404
        )

    def pods(self, job: str) -> list[Any]:
        """The Pods of a Job, those that ended included."""
        chosen = f"batch.kubernetes.io/job-name={job}"
        listed = self._call(
            lambda: self._core.list_namespaced_pod(self.namespace, label_selector=chosen, _request_timeout=_TIMEOUT)
        )
        return list(listed.items) if listed is not None else []

    def close(self) -> None:
        """Drop the connections."""
        self._client.close()

    def _call(self, call: Callable[[], Reply], expected: int = 0) -> Reply | None:
        """The reply, or None for the status that is `expected`."""
        try:
            return call()
        except client.ApiException as error:
            if error.status == expected and not _namespace_is_missing(error):
                return None
            if not error.status:  # how the client passes a failed handshake on
                raise _outage(error, self.address) from error
            raise _refusal(error, f"{self.address}, namespace {self.namespace}") from error
        except FOREIGN as error:
            raise _outage(error, self.address) from error


def _refusal(error: client.ApiException, where: str) -> Retryable | ConfigurationError:
    """An answer that is not a success, as our own error."""
    said = _message(error)
    if error.status == 401:
        return ConfigurationError(
            f"the API does not know who asks: {said}", where=where, todo="Check the account's token"
        )
    if error.status == 403 and "exceeded quota" not in said:
        return ConfigurationError(said, where=where, todo=_RIGHTS)
    if error.status == 404:
        return ConfigurationError(said, where=where, todo="Create the namespace, or name another")
    if error.status in (400, 405, 413, 415, 422):
        return ConfigurationError(f"the Job is not accepted: {said}", where=where, todo="Check the pool's settings")
    after = (error.headers or {}).get("Retry-After", "0")
    return Retryable(f"{error.status} {said}", where=where, after=float(after) if after.isdecimal() else 0.0)


def _outage(error: Exception, where: str) -> Retryable | ConfigurationError:
    """No answer, as our own error."""
    cause = getattr(error, "reason", None) or error
    if "CERTIFICATE_VERIFY_FAILED" in str(cause):
        return ConfigurationError(f"its certificate is not trusted: {cause}", where=where, todo="Check the kubeconfig")
    return Retryable(f"the Kubernetes API cannot be reached: {cause}", where=where)


def _message(error: client.ApiException) -> str:
    """What the API says in words; its reason where it says nothing."""
    try:
        return str(json.loads(error.body)["message"])
    except (ValueError, KeyError, TypeError):
        return str(error.reason)


def _namespace_is_missing(error: client.ApiException) -> bool:
    return error.status == 404 and _message(error).startswith("namespaces ")
