"""`python -m services.evaluator`: the same as `dataengine service evaluator`."""

from __future__ import annotations

from dataengine.service import run

if __name__ == "__main__":
    run("evaluator")
