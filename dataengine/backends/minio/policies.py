"""Who may do what in the bucket: least-privilege S3 policies, one per service.

The keys are those of `RunKeys`, as patterns. What is worth the trouble: the generator and the trainer cannot read what
the student answered to held-out questions, nobody but the janitor can delete, and the student's server writes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dataengine.core.errors import ConfigurationError

_CONFIG = "runs/*/config.json"
_HELD_OUT = "runs/*/held-out.json"


def _round(*names: str) -> tuple[str, ...]:
    return tuple(f"runs/*/rounds/*/{name}" for name in names)


@dataclass(frozen=True, slots=True)
class Rights:
    """Patterns of keys (`*` stands for anything, slashes too) that a service reads, writes (and reads), and deletes.
    It has its own part of the ledger where `ledger` is true."""

    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    deletes: tuple[str, ...] = ()
    ledger: bool = True


RIGHTS: dict[str, Rights] = {
    "evaluator": Rights(
        reads=(_CONFIG, *_round("checkpoint.json")),
        writes=(_HELD_OUT, *_round("answers/*", "evaluation.json", "diagnose.*.jsonl", "report.*.jsonl")),
    ),
    "analyzer": Rights(
        reads=(
            _CONFIG,
            *_round("checkpoint.json", "evaluation.json", "dataset.json", "diagnose.*.jsonl", "report.*.jsonl"),
        ),
        writes=_round("analysis.json", "bad-cases.*.jsonl"),
    ),
    "generator": Rights(
        reads=(_CONFIG, _HELD_OUT, *_round("analysis.json", "bad-cases.*.jsonl")),
        writes=_round("plan.json", "generation/*", "dataset.json", "samples.*.jsonl", "refusals.*.jsonl"),
    ),
    "trainer": Rights(
        reads=(_CONFIG, *_round("dataset.json", "samples.*.jsonl")),
        writes=_round("checkpoint.json", "adapter/*", "training/*"),
    ),
    "student": Rights(reads=_round("checkpoint.json", "adapter/*"), ledger=False),
    "publisher": Rights(reads=("runs/*",), writes=(_CONFIG, "runs/*/rounds/00/checkpoint.json"), ledger=False),
    "reader": Rights(reads=("runs/*",), ledger=False),
    "janitor": Rights(reads=("runs/*",), deletes=("runs/*",), ledger=False),
}
"""By service. `student` is Triton (or whoever serves it), `publisher` whoever starts runs from the command line,
`reader` whoever looks at them, `janitor` the garbage collection."""

_WRITE = ("s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts")


def policy_of(service: str, bucket: str, prefix: str = "") -> dict[str, object]:
    """The S3 policy document of a service in `bucket`, whose keys begin with `prefix`.

    Everybody may list names: without that right S3 answers AccessDenied instead of NoSuchKey for what is not there yet.
    Raises ConfigurationError for a service that is not in `RIGHTS`.
    """
    rights = RIGHTS.get(service)
    if rights is None:
        raise ConfigurationError("there is no such service", where=service, todo=f"One of {', '.join(sorted(RIGHTS))}")
    ledger = (f"ledger/{service}/*",) if rights.ledger else ()
    writes = (*rights.writes, *ledger)

    def resources(patterns: Sequence[str]) -> list[str]:
        return [f"arn:aws:s3:::{bucket}/{prefix}{pattern}" for pattern in patterns]

    statements: list[dict[str, object]] = [
        _allow(("s3:ListBucket", "s3:GetBucketLocation"), [f"arn:aws:s3:::{bucket}"]),
        _allow(("s3:GetObject",), resources((*rights.reads, *writes))),
    ]
    if writes:
        statements.append(_allow(_WRITE, resources(writes)))
    if rights.deletes:
        statements.append(_allow(("s3:DeleteObject",), resources(rights.deletes)))
    return {"Version": "2012-10-17", "Statement": statements}


def _allow(actions: Sequence[str], resources: Sequence[str]) -> dict[str, object]:
    return {"Effect": "Allow", "Action": list(actions), "Resource": list(resources)}
