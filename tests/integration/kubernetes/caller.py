"""A process that asks for a scripted job and waits, for tests that kill it: KUBECONFIG NAMESPACE STORE FOLDER."""

import asyncio
import os
import sys
from pathlib import Path

from dataengine.backends.directory.store import DirectoryStore
from dataengine.backends.kubernetes.api import KubernetesApi
from dataengine.backends.kubernetes.jobs import KubernetesJobs
from dataengine.backends.kubernetes.pool import KubernetesPool
from dataengine.core.ports import JobSpec
from dataengine.runtime.environment import read_settings
from dataengine.testing.silent_progress import SilentProgress
from tests.integration.kubernetes.cluster import RHYTHM, ScriptBundler


def main() -> None:
    store_folder, folder = (Path(text) for text in sys.argv[1:3])
    pool = read_settings(KubernetesPool, "DATAENGINE_KUBERNETES_", os.environ)
    store = DirectoryStore(store_folder)
    jobs = KubernetesJobs(KubernetesApi(pool.namespace, pool.kubeconfig), pool, store, ScriptBundler(store), RHYTHM)
    spec = JobSpec(folder.name, (folder.parent / "document").read_bytes(), folder)
    asyncio.run(jobs.run(spec, SilentProgress(), "r", 1))


if __name__ == "__main__":
    main()
