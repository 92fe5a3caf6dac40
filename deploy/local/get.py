"""Gets the real servers that tests start: `python -m deploy.local.get`. What is there is not downloaded or built again.

Takes minutes the first time and seconds afterwards: everything is kept outside of the checkout. A server that this
machine cannot get is named with the reason; its tests are skipped with the same words.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed

from deploy.local import kafka, kubernetes, minio, triton
from deploy.local.server import MissingToolError

SERVERS: Mapping[str, Callable[[], object]] = {
    "kubernetes": kubernetes.get,
    "minio": minio.get,
    "kafka": kafka.get,
    "triton": triton.get,
}
"""The slowest first."""


def got(name: str) -> str:
    """Get one server; says how that went."""
    began = time.monotonic()
    try:
        SERVERS[name]()
    except MissingToolError as error:
        return f"{name}: NOT HERE, its tests will be skipped: {error}"
    return f"{name}: here after {time.monotonic() - began:.0f} s"


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=list(SERVERS), help=f"some of {', '.join(SERVERS)}")
    names = parser.parse_args().names
    with ThreadPoolExecutor(len(names)) as pool:
        for ended in as_completed([pool.submit(got, name) for name in names]):
            print(ended.result(), flush=True)


if __name__ == "__main__":
    main()
