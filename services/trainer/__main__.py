"""`python -m services.trainer`: the same as `dataengine service trainer`."""

from __future__ import annotations

from dataengine.service import run

if __name__ == "__main__":
    run("trainer")
