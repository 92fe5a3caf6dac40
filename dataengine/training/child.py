"""The training child process: ``python -m dataengine.training.child SPEC.json``; or, where only the store is shared,
``python -m dataengine.training.child --bundle KEY``, which fetches the specification from it (see `remote`).

Prints ``{"stage": "training", "done": step, "total": steps, "note": "loss …"}``, one JSON object per line, on stdout.
Exit code 0: trained; 2: the specification, records, weights or recipe are wrong (one line on stderr); 143: stopped
after writing a checkpoint, by SIGTERM or because the pipe that is its stdin closed (its parent died); 1: anything else.
"""

from __future__ import annotations

import json
import os
import signal
import stat
import sys
import threading
from pathlib import Path

from pydantic import ValidationError

from dataengine.core.errors import Cancelled, Rejected, Retryable
from dataengine.core.exit_codes import REJECTED, TERMINATED
from dataengine.training.job import VERDICT_FILE, TrainingJob


def run(job: TrainingJob, stop: threading.Event) -> None:
    """Train as specified, telling progress on stdout."""
    # read when torch is loaded: threads that wait sleep; spinning, they cost five times the time on a busy machine
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    import torch
    from transformers.utils import logging

    from dataengine.student.registry import family
    from dataengine.training.fine_tuning import train

    logging.disable_progress_bar()
    if job.threads:
        torch.set_num_threads(job.threads)
    try:
        train(
            family(job.family),
            job.base,
            job.mixture(),
            job.recipe,
            job.out,
            previous=job.previous_adapter,
            progress=(lambda p: _tell(p.step, p.steps, p.loss)) if os.environ.get("RANK", "0") == "0" else _say_nothing,
            cancelled=stop.is_set,
            workers=job.workers,
        )
    finally:
        if torch.distributed.is_initialized():
            # its threads must be gone before the interpreter is: one that still answers then aborts the process
            torch.distributed.destroy_process_group()


def _say_nothing(_: object) -> None:
    """Of several processes under torchrun, the first speaks."""


def _tell(step: int, steps: int, loss: float) -> None:
    print(json.dumps({"stage": "training", "done": step, "total": steps, "note": f"loss {loss:.3f}"}), flush=True)


def _stop_with_parent(stop: threading.Event) -> None:
    """Stop when the pipe that is stdin closes: the parent has died. Any other stdin says nothing."""
    if stat.S_ISFIFO(os.fstat(0).st_mode):

        def wait() -> None:
            while os.read(0, 4096):
                pass
            stop.set()

        threading.Thread(target=wait, daemon=True).start()


def main(arguments: list[str] | None = None) -> int:
    """The exit code of one job."""
    given = sys.argv[1:] if arguments is None else arguments
    if len(given) == 2 and given[0] in ("--bundle", "--parcel"):
        from dataengine.training import remote  # its adapters are of no use to a plain child

        signal.signal(signal.SIGTERM, lambda *_: sys.exit(TERMINATED))  # until there is something to stop
        return remote.main(given[1])
    if len(given) != 1:
        print(
            "usage: python -m dataengine.training.child SPEC.json | --bundle KEY (before 0.2: --parcel KEY)",
            file=sys.stderr,
        )
        return REJECTED
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    _stop_with_parent(stop)
    code = _code_of(given[0], stop)
    if code == REJECTED and VERDICT_FILE in os.environ:
        Path(os.environ[VERDICT_FILE]).write_text(str(code))
    return code


def _code_of(path: str, stop: threading.Event) -> int:
    try:
        run(TrainingJob.model_validate_json(Path(path).read_bytes()), stop)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "specification"
        print(f"{path}: {place}: {first['msg']}", file=sys.stderr)
        return REJECTED
    except (OSError, Rejected, Retryable) as error:
        print(f"{error}", file=sys.stderr)
        return REJECTED if isinstance(error, Rejected | FileNotFoundError) else 1
    except Cancelled as error:
        print(f"{error}", file=sys.stderr)
        return TERMINATED
    return 0


if __name__ == "__main__":
    sys.exit(main())
