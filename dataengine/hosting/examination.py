"""Looks at every backend that the environment names: is it reached, which release, is all there that the loop needs."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from dataengine.core.errors import ConfigurationError, DataEngineError, Retryable
from dataengine.hosting.backends import KAFKA, KUBERNETES, S3, STORE_FOLDER, TRITON, work_folder
from dataengine.runtime.environment import has_settings, read_settings


@dataclass(frozen=True, slots=True)
class Examined:
    """One backend as it was found. `well` is None for one that is not named and not needed; `detail` says what is
    there, or what is wrong, and `todo` what to do about it."""

    backend: str
    address: str
    release: str
    well: bool | None
    detail: str
    todo: str = ""


async def examine(environ: Mapping[str, str] = os.environ) -> list[Examined]:
    """Every backend, looked at side by side. Raises nothing: a wrong setting is a finding."""
    looks: dict[str, Callable[[Mapping[str, str]], Awaitable[Examined]]] = {
        "kafka": _kafka,
        "store": _store,
        "triton": _triton,
        "kubernetes": _kubernetes,
    }

    async def one(name: str) -> Examined:
        try:
            return await looks[name](environ)
        except DataEngineError as error:
            return Examined(name, error.where or "", "", False, error.what, error.todo or "")

    return list(await asyncio.gather(*(one(name) for name in looks)))


async def prepare(partitions: int, task_partitions: int, replication: int) -> list[str]:
    """Make the topics and the bucket that are not there; says what became of each. Raises what their backends do."""
    from dataengine.backends.kafka.admin import create_topics
    from dataengine.backends.kafka.connection import KafkaConnection
    from dataengine.backends.kafka.topics import loop_topics

    connection = read_settings(KafkaConnection, KAFKA)
    topics = await create_topics(connection, loop_topics(partitions, task_partitions), replication)
    said = [f"topic {topic.name}: {topic.state}{' (' + topic.detail + ')' if topic.detail else ''}" for topic in topics]
    if has_settings(S3):
        from dataengine.backends.minio.bucket import prepare_bucket
        from dataengine.backends.minio.connection import S3Connection

        bucket = read_settings(S3Connection, S3)
        await asyncio.to_thread(prepare_bucket, bucket, work_folder() / "artifacts")
        said.append(f"bucket {bucket.bucket}: ready")
    return said


async def _kafka(environ: Mapping[str, str]) -> Examined:
    if not has_settings(KAFKA, environ):
        return Examined("kafka", "", "", None, "not named", f"Set {KAFKA}BOOTSTRAP")
    from dataengine.backends.kafka.admin import describe
    from dataengine.backends.kafka.connection import KafkaConnection
    from dataengine.backends.kafka.topics import loop_topics

    status = await describe(read_settings(KafkaConnection, KAFKA, environ), loop_topics())
    if status.problem:
        return Examined("kafka", status.address, "", False, status.problem.what, status.problem.todo or "")
    if status.missing:
        missing = f"without the topics {', '.join(status.missing)}"
        return Examined("kafka", status.address, "", False, missing, "Run dataengine prepare")
    ill = [topic.name for topic in status.topics if not topic.healthy]
    shape = ", ".join(f"{topic.name} {topic.partitions}" for topic in status.topics)
    detail = f"{status.brokers} broker{'s' * (status.brokers != 1)}; partitions: {shape}"
    if ill:
        todo = "Look at the brokers: a partition has no leader, or copies are behind"
        return Examined("kafka", status.address, "", False, f"not healthy: {', '.join(ill)}", todo)
    return Examined("kafka", status.address, "", True, detail)


async def _store(environ: Mapping[str, str]) -> Examined:
    if not has_settings(S3, environ):
        folder = environ.get(STORE_FOLDER, "")
        if not folder:
            return Examined("store", "", "", None, "not named", f"Set {S3}… or {STORE_FOLDER}")
        well = os.access(folder, os.W_OK)
        return Examined("store", folder, "folder", well, "can be written" if well else "cannot be written")
    from dataengine.backends.minio.bucket import describe
    from dataengine.backends.minio.connection import S3Connection

    status = await asyncio.to_thread(describe, read_settings(S3Connection, S3, environ))
    if status.problem:
        todo = "Run dataengine prepare" if status.reachable and not status.exists else status.todo
        return Examined("store", status.address, status.server, False, status.problem, todo)
    rules = f"rules {', '.join(status.rules)}" if status.rules else "rules unknown"
    return Examined("store", status.address, status.server, True, f"bucket {status.bucket}; {rules}")


async def _triton(environ: Mapping[str, str]) -> Examined:
    if not has_settings(TRITON, environ):
        return Examined("triton", "", "", None, "not named", f"Set {TRITON}ENDPOINTS")
    import grpc
    import tritonclient.grpc.aio as triton
    from tritonclient.utils import InferenceServerException

    from dataengine.backends.triton.connection import TritonConnection

    connection = read_settings(TritonConnection, TRITON, environ)
    releases, wrong = [], []
    for endpoint in connection.endpoints:
        client = triton.InferenceServerClient(endpoint, ssl=connection.secure)
        try:
            metadata = await client.get_server_metadata(client_timeout=connection.look)
            releases.append(str(metadata.version))
            if not await client.is_model_ready(connection.model, client_timeout=connection.look):
                wrong.append(f"{endpoint} does not serve {connection.model}")
        except (InferenceServerException, grpc.RpcError, OSError):
            wrong.append(f"{endpoint} cannot be reached")
        finally:
            await client.close()
    address = ",".join(connection.endpoints)
    detail = "; ".join(wrong) or f"model {connection.model} is ready"
    return Examined(
        "triton", address, ",".join(sorted(set(releases))), not wrong, detail, "Look at its log" * bool(wrong)
    )


async def _kubernetes(environ: Mapping[str, str]) -> Examined:
    if not has_settings(KUBERNETES, environ):
        return Examined("kubernetes", "", "", None, "not named: the trainer trains in a child process")
    from dataengine.backends.kubernetes.api import KubernetesApi
    from dataengine.backends.kubernetes.pool import KubernetesPool

    pool = read_settings(KubernetesPool, KUBERNETES, environ)

    def look() -> Examined:
        api = KubernetesApi(pool.namespace, pool.kubeconfig, pool.context)
        try:
            api.job("dataengine-doctor")
        except (Retryable, ConfigurationError) as error:
            return Examined("kubernetes", api.address, "", False, error.what, error.todo or "")
        finally:
            api.close()
        return Examined("kubernetes", api.address, "", True, f"Jobs may be read in {pool.namespace}; {pool.image}")

    return await asyncio.to_thread(look)
