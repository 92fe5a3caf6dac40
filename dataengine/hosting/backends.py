"""Opens what the environment names. Each backend is imported where it is opened: no image carries what it does not use.

DATAENGINE_KAFKA_…        the bus (`KafkaConnection`)
DATAENGINE_S3_…           the store (`S3Connection`), or DATAENGINE_STORE_FOLDER, a folder that all processes share
DATAENGINE_TRITON_…       the student (`TritonConnection`)
DATAENGINE_KUBERNETES_…   training Jobs (`KubernetesPool`); without any of them a child process trains
DATAENGINE_WORK_FOLDER    this process's folder for jobs and caches; a temporary one if not given
"""

from __future__ import annotations

import atexit
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from dataengine.core.errors import ConfigurationError
from dataengine.core.ports import Bus, JobRunner, Ledger, Store
from dataengine.runtime.environment import has_settings, read_settings

if TYPE_CHECKING:
    from dataengine.backends.kubernetes.jobs import Bundler
    from dataengine.backends.triton.student import TritonStudent

KAFKA = "DATAENGINE_KAFKA_"
S3 = "DATAENGINE_S3_"
TRITON = "DATAENGINE_TRITON_"
KUBERNETES = "DATAENGINE_KUBERNETES_"
STORE_FOLDER = "DATAENGINE_STORE_FOLDER"
WORK_FOLDER = "DATAENGINE_WORK_FOLDER"


def on_servers(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether the environment names a bus: commands look there then, not into a folder."""
    return has_settings(KAFKA, environ)


@cache
def work_folder() -> Path:
    """This process's folder for jobs and caches; one that nobody named goes with the process."""
    if given := os.environ.get(WORK_FOLDER):
        folder = Path(given)
        folder.mkdir(parents=True, exist_ok=True)
    else:
        folder = Path(tempfile.mkdtemp(prefix="dataengine-"))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def open_bus(environ: Mapping[str, str] = os.environ) -> Bus:
    """The bus. Raises ConfigurationError if the environment does not say where it is."""
    from dataengine.backends.kafka.bus import KafkaBus
    from dataengine.backends.kafka.connection import KafkaConnection

    return KafkaBus(read_settings(KafkaConnection, KAFKA, environ))


def open_store(environ: Mapping[str, str] = os.environ) -> Store:
    """The store. Raises ConfigurationError if the environment does not say where it is."""
    if has_settings(S3, environ):
        from dataengine.backends.minio.connection import S3Connection
        from dataengine.backends.minio.store import MinioStore

        return MinioStore(read_settings(S3Connection, S3, environ), work_folder() / "artifacts")
    if environ.get(STORE_FOLDER):
        from dataengine.backends.directory.store import DirectoryStore

        return DirectoryStore(Path(environ[STORE_FOLDER]))
    todo = f"Set {S3}ENDPOINT, {S3}BUCKET, {S3}ACCESS_KEY and {S3}SECRET_KEY, or {STORE_FOLDER}"
    raise ConfigurationError("no store is named", where="environment", todo=todo)


def open_ledger(store: Store) -> Ledger:
    """The ledger that all processes share through the store."""
    from dataengine.backends.minio.ledger import StoreLedger

    return StoreLedger(store)


def open_student(environ: Mapping[str, str] = os.environ) -> TritonStudent:
    """The student on Triton; close it in the end. Raises ConfigurationError if the environment does not name it."""
    from dataengine.backends.triton.connection import TritonConnection
    from dataengine.backends.triton.student import TritonStudent

    return TritonStudent(read_settings(TritonConnection, TRITON, environ))


def open_jobs(
    store: Store,
    timeout: float,
    bundler: Bundler,
    when_stopped: Callable[[Callable[[], None]], None],
    environ: Mapping[str, str] = os.environ,
) -> JobRunner:
    """Where training runs: Jobs of Kubernetes if the environment names it, else child processes of this one.

    `bundler` brings a job's inputs to another machine; `when_stopped` is told what to do before the service stops. A
    service that is restarted leaves its Kubernetes Job running and finds it again.
    """
    if has_settings(KUBERNETES, environ):
        from dataengine.backends.kubernetes.api import KubernetesApi
        from dataengine.backends.kubernetes.jobs import KubernetesJobs
        from dataengine.backends.kubernetes.pool import KubernetesPool

        pool = read_settings(KubernetesPool, KUBERNETES, environ)
        jobs = KubernetesJobs(KubernetesApi(pool.namespace, pool.kubeconfig, pool.context), pool, store, bundler)
        when_stopped(jobs.let_go)
        return jobs
    return child_jobs(timeout)


def child_jobs(timeout: float, threads: int | None = None) -> JobRunner:
    """Training in a child process, for at most `timeout` seconds; `threads` are torch's (None: its own choice)."""
    from dataengine.backends.process.jobs import SubprocessJobs

    # torch's threads spin while they wait, which on a busy machine costs more than it gains
    variables = {"OMP_WAIT_POLICY": "passive", **({} if threads is None else {"OMP_NUM_THREADS": str(threads)})}
    return SubprocessJobs([sys.executable, "-m", "dataengine.training.child"], timeout, variables)
