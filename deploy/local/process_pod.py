"""A Pod as processes of this machine: what it is given (environment, volumes) and what becomes of its containers."""

from __future__ import annotations

import base64
import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from kubernetes import client

_MESSAGE_BYTES = 2048
_CRASH_PAUSE = 0.5
_MARK = "PROCESS_POD"


class UnsupportedError(Exception):
    """Something in the Pod that processes cannot stand in for."""


def now() -> str:
    """The time as Kubernetes writes it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class PodProcesses:
    """Runs one Pod's containers, each as a process in a session of its own, and tells the API server how they are.

    `folder` holds for each container `NAME.log` and, while it runs, `NAME.pid`. A path under a volume's mount path at
    the beginning of an argument or a variable is replaced by the path of the volume's folder.
    """

    def __init__(self, api: client.CoreV1Api, pod: Any, folder: Path) -> None:
        self._api = api
        self._pod = pod
        self._folder = folder
        self._statuses: dict[str, dict[str, Any]] = {}
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._started = now()
        self._stopping = threading.Event()
        self.ended = threading.Event()

    def run(self) -> None:
        """Until every container has ended for good."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            threads = [threading.Thread(target=self._keep, args=(c,), daemon=True) for c in self._pod.spec.containers]
            if self._pod.spec.init_containers:
                raise UnsupportedError("init containers")
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        except UnsupportedError as error:
            for container in self._pod.spec.containers:
                self._note(container, {"terminated": _terminated(128, now(), f"not on a process node: {error}")})
        codes = [status["state"]["terminated"]["exitCode"] for status in self._statuses.values()]
        self._tell("Succeeded" if not any(codes) else "Failed")
        self.ended.set()

    def stop(self, grace: float) -> None:
        """SIGTERM to every container's first process, and SIGKILL to all of them `grace` seconds later."""
        self._stopping.set()
        for process in list(self._processes.values()):
            process.terminate()
        end = time.monotonic() + grace
        while time.monotonic() < end and any(p.poll() is None for p in list(self._processes.values())):
            time.sleep(0.05)
        kill_processes(self._pod.metadata.uid)

    def _keep(self, container: Any) -> None:
        """One container, started again where the Pod's restartPolicy says so."""
        policy = self._pod.spec.restart_policy
        restarts = 0
        while True:
            began = now()
            code, said = self._once(container, restarts)
            final = policy == "Never" or (policy == "OnFailure" and code == 0) or self._stopping.is_set()
            if final:
                self._note(container, {"terminated": _terminated(code, began, said)}, restarts)
                return
            self._note(container, {"waiting": {"reason": "CrashLoopBackOff", "message": said}}, restarts)
            self._tell("Running")
            self._stopping.wait(min(_CRASH_PAUSE * 2**restarts, 30))
            restarts += 1

    def _once(self, container: Any, restarts: int) -> tuple[int, str]:
        """Exit code, and on failure the end of what the container wrote."""
        log = self._folder / f"{container.name}.log"
        try:
            mounts = {m.mount_path: self._volume(m.name) for m in container.volume_mounts or []}
            environment = {name: _moved(value, mounts) for name, value in self._environment(container).items()}
            words = [*(container.command or []), *(container.args or [])]
            command = [_moved(_expanded(word, environment), mounts) for word in words]
            with log.open("ab") as file:
                process = subprocess.Popen(
                    command,
                    cwd=self._folder,
                    env={"PATH": os.environ["PATH"], _MARK: self._mark(container), **environment},
                    stdin=subprocess.DEVNULL,
                    stdout=file,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
        except (OSError, IndexError, UnsupportedError, client.ApiException) as error:
            return 128, f"cannot be started: {error}"
        pid = self._folder / f"{container.name}.pid"
        pid.write_text(str(process.pid))
        self._processes[container.name] = process
        self._note(container, {"running": {"startedAt": now()}}, restarts)
        self._tell("Running")
        code = process.wait()
        pid.unlink(missing_ok=True)
        kill_processes(self._mark(container))  # with a container's first process go all the others
        failed = code != 0 and container.termination_message_policy == "FallbackToLogsOnError"
        said = log.read_bytes()[-_MESSAGE_BYTES:].decode(errors="replace") if failed else ""
        return (128 - code if code < 0 else code), said

    def _mark(self, container: Any) -> str:
        return f"{self._pod.metadata.uid}/{container.name}"

    def _environment(self, container: Any) -> dict[str, str]:
        found: dict[str, str] = {}
        for source in container.env_from or []:
            prefix = source.prefix or ""
            values = self._map(source.config_map_ref) if source.config_map_ref else self._secret(source.secret_ref)
            found |= {prefix + name: value.decode() for name, value in values.items()}
        for variable in container.env or []:
            found[variable.name] = self._value(variable, found)
        return found

    def _value(self, variable: Any, known: Mapping[str, str]) -> str:
        source = variable.value_from
        if source is None:
            return _expanded(variable.value or "", known)
        if source.config_map_key_ref:
            return self._map(source.config_map_key_ref)[source.config_map_key_ref.key].decode()
        if source.secret_key_ref:
            return self._secret(source.secret_key_ref)[source.secret_key_ref.key].decode()
        if source.field_ref:
            return self._field(source.field_ref.field_path)
        raise UnsupportedError(f"the source of the variable {variable.name}")

    def _field(self, path: str) -> str:
        meta = self._pod.metadata
        known = {
            "metadata.name": meta.name,
            "metadata.namespace": meta.namespace,
            "metadata.uid": meta.uid,
            "spec.nodeName": self._pod.spec.node_name,
            "spec.serviceAccountName": self._pod.spec.service_account_name,
            "status.podIP": "127.0.0.1",
        }
        found = re.fullmatch(r"metadata\.(labels|annotations)\['(.+)'\]", path)
        value = (getattr(meta, found[1]) or {}).get(found[2], "") if found else known.get(path)
        if value is None:
            raise UnsupportedError(f"the field {path}")
        return str(value)

    def _map(self, reference: Any) -> dict[str, bytes]:
        read = self._api.read_namespaced_config_map(reference.name, self._pod.metadata.namespace)
        return {name: value.encode() for name, value in (read.data or {}).items()}

    def _secret(self, reference: Any) -> dict[str, bytes]:
        name = getattr(reference, "secret_name", None) or reference.name
        read = self._api.read_namespaced_secret(name, self._pod.metadata.namespace)
        return {key: base64.b64decode(value) for key, value in (read.data or {}).items()}

    def _volume(self, name: str) -> Path:
        """The folder that stands for a volume, with what is in it from the beginning."""
        volume = next(v for v in self._pod.spec.volumes if v.name == name)
        folder = self._folder / "volumes" / name
        folder.mkdir(parents=True, exist_ok=True)
        if volume.host_path:
            return Path(volume.host_path.path)
        files: dict[str, bytes] = {}
        if volume.config_map:
            files = self._map(volume.config_map)
        elif volume.secret:
            files = self._secret(volume.secret)
        elif volume.projected:
            files = self._projected(volume.projected)
        elif not volume.empty_dir:
            raise UnsupportedError(f"the kind of the volume {name}")
        for file, content in files.items():
            (folder / file).write_bytes(content)
        return folder

    def _projected(self, projected: Any) -> dict[str, bytes]:
        """An account's token, the authority's certificate, the namespace: what the API server mounts by itself."""
        files: dict[str, bytes] = {}
        for source in projected.sources or []:
            if source.service_account_token:
                files[source.service_account_token.path] = self._token().encode()
            elif source.config_map:
                values = self._map(source.config_map)
                files |= {item.path: values[item.key] for item in source.config_map.items or []}
            elif source.downward_api:
                items = source.downward_api.items
                files |= {item.path: self._field(item.field_ref.field_path).encode() for item in items}
        return files

    def _token(self) -> str:
        meta = self._pod.metadata
        bound = {"kind": "Pod", "apiVersion": "v1", "name": meta.name, "uid": meta.uid}
        request = {"spec": {"audiences": [], "expirationSeconds": 3600, "boundObjectRef": bound}}
        account = self._pod.spec.service_account_name or "default"
        made = self._api.create_namespaced_service_account_token(account, meta.namespace, request)
        return str(made.status.token)

    def _note(self, container: Any, state: dict[str, Any], restarts: int = 0) -> None:
        self._statuses[container.name] = {
            "name": container.name,
            "image": container.image,
            "imageID": "process",
            "ready": "running" in state,
            "started": "running" in state,
            "restartCount": restarts,
            "state": state,
        }

    def _tell(self, phase: str) -> None:
        ready = phase == "Running" and all(status["ready"] for status in self._statuses.values())
        conditions = [
            {"type": kind, "status": "True" if ready or kind == "Initialized" else "False", "lastTransitionTime": now()}
            for kind in ("Initialized", "Ready", "ContainersReady")
        ]
        status = {
            "phase": phase,
            "hostIP": "127.0.0.1",
            "podIP": "127.0.0.1",
            "podIPs": [{"ip": "127.0.0.1"}],
            "startTime": self._started,
            "conditions": conditions,
            "containerStatuses": list(self._statuses.values()),
        }
        insist_on_status(self._api, self._pod.metadata, status)


def insist_on_status(api: client.CoreV1Api, meta: Any, status: Mapping[str, Any]) -> None:
    """Write a Pod's status, through outages of the API server: a lost end would leave its Job waiting for ever."""
    while True:
        try:
            api.patch_namespaced_pod_status(
                meta.name, meta.namespace, {"metadata": {"uid": meta.uid}, "status": status}
            )
        except client.ApiException as error:
            if error.status in (404, 409, 422):  # gone, or another Pod of its name
                return
            print("status of", meta.name, error.status, error.reason, flush=True)
        except OSError as error:
            print("status of", meta.name, error, flush=True)
        else:
            return
        time.sleep(0.5)


def kill_processes(mark: str) -> None:
    """SIGKILL to every process of a Pod (its uid) or of one of its containers (uid/name). They are known by a variable
    that they inherit, so that one which left its parent's session does not outlive its container."""
    wanted = f"{_MARK}={mark}".encode()
    for folder in Path("/proc").iterdir():
        try:
            variables = (folder / "environ").read_bytes().split(b"\0") if folder.name.isdecimal() else []
        except OSError:  # gone meanwhile, or somebody else's
            continue
        if any(variable == wanted or variable.startswith(wanted + b"/") for variable in variables):
            with suppress(ProcessLookupError):
                os.kill(int(folder.name), signal.SIGKILL)


def _terminated(code: int, began: str, message: str) -> dict[str, Any]:
    reason = "Completed" if code == 0 else "Error"
    return {"exitCode": code, "reason": reason, "message": message, "startedAt": began, "finishedAt": now()}


def _expanded(text: str, known: Mapping[str, str]) -> str:
    """`$(NAME)` replaced by the variable's value, as in a container's command."""
    return re.sub(r"\$\((\w+)\)", lambda match: known.get(match[1], match[0]), text)


def _moved(text: str, mounts: Mapping[str, Path]) -> str:
    for place, folder in mounts.items():
        if text == place or text.startswith(f"{place}/"):
            return f"{folder}{text.removeprefix(place)}"
    return text
