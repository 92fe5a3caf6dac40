"""`python -m services.analyzer`: the same as `dataengine service analyzer`."""

from __future__ import annotations

from dataengine.service import run

if __name__ == "__main__":
    run("analyzer")
