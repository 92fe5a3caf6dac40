"""`dataengine service`."""

from __future__ import annotations

from typing import Annotated

import typer


def service(name: Annotated[str, typer.Argument(help="evaluator, analyzer, generator or trainer")]) -> None:
    """Be one of the four services until SIGTERM, on the backends that the environment names.

    Example: DATAENGINE_KAFKA_BOOTSTRAP=kafka:9092 DATAENGINE_S3_ENDPOINT=... dataengine service generator
    """
    from dataengine.service import run

    run(name)
