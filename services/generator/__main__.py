"""`python -m services.generator`: the same as `dataengine service generator`."""

from __future__ import annotations

from dataengine.service import run

if __name__ == "__main__":
    run("generator")
