"""The container of a `scripted_job`: all of the training container but the training."""

import asyncio
import json
import sys
from pathlib import Path

from dataengine.core.ports import Store
from dataengine.hosting.backends import open_store
from dataengine.runtime.environment import read_settings
from dataengine.training.remote import JOB, JobSettings, train_bundle


def unpack(store: Store, document: bytes, folder: Path) -> bytes:
    return json.dumps({**json.loads(document), "out": str(folder / "out")}).encode()


if __name__ == "__main__":
    settings = read_settings(JobSettings, JOB)
    store = open_store()
    script = (sys.executable, "-m", "dataengine.testing.scripted_job")
    sys.exit(asyncio.run(train_bundle(store, sys.argv[1], settings, command=script, unpack=unpack)))
