"""`dataengine policy`: the S3 policy of a service, to be given to its user."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from dataengine.backends.minio.policies import RIGHTS, policy_of


def policy(
    service: Annotated[str, typer.Argument(metavar="SERVICE", help=f"One of {', '.join(RIGHTS)}.")],
    bucket: Annotated[str, typer.Option(help="The bucket's name.")] = "dataengine",
    prefix: Annotated[str, typer.Option(help="What all keys begin with, if the bucket is shared: `team-a/`.")] = "",
) -> None:
    """Print the S3 policy that lets a service do its work in the bucket and nothing else, as JSON.

    Example: dataengine policy evaluator --bucket dataengine > evaluator.json
    """
    print(json.dumps(policy_of(service, bucket, prefix), indent=2))
