"""A job that does what its document says: ``python -m dataengine.testing.scripted_job DOCUMENT.json``.

The document: `diary` is a file that gets a line whenever the job begins, and that it keeps locked while it runs;
`steps` is how much progress it tells; then it waits until the file `until` is there, says `last_words`, leaves
`out/result.txt`, and ends with `exit_code`.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import sys
from collections.abc import Callable
from pathlib import Path


def script(
    folder: Path, world: Path, *, exit_code: int = 0, steps: int = 3, last_words: str = "done", waits: bool = False
) -> bytes:
    """A document. `folder` is the job's, `world` is where the test looks on (see `began`, `runs`, `release`)."""
    world.mkdir(parents=True, exist_ok=True)
    document = {
        "diary": str(world / "diary"),
        "until": str(world / "released") if waits else None,
        "steps": steps,
        "last_words": last_words,
        "exit_code": exit_code,
        "out": str(folder / "out"),
    }
    return json.dumps(document).encode()


def began(world: Path) -> int:
    """How often the job has begun."""
    diary = world / "diary"
    return len(diary.read_text().splitlines()) if diary.is_file() else 0


def runs(world: Path) -> bool:
    """Whether it runs now."""
    with (world / "diary").open("a") as diary:
        try:
            fcntl.flock(diary, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False


def release(world: Path) -> None:
    """Let a job that waits come to its end."""
    (world / "released").touch()


async def act(document: bytes, say: Callable[[str], None]) -> int:
    """Do it; the exit code."""
    given = json.loads(document)
    with Path(given["diary"]).open("a") as diary:  # noqa: ASYNC230 - one line to a local file
        await asyncio.to_thread(fcntl.flock, diary, fcntl.LOCK_EX)
        diary.write("began\n")
        diary.flush()
        for step in range(1, given["steps"] + 1):
            say(json.dumps({"stage": "training", "done": step, "total": given["steps"]}))
        while given["until"] and not Path(given["until"]).exists():  # noqa: ASYNC110 - the test makes it
            await asyncio.sleep(0.02)
        say(given["last_words"])
        out = Path(given["out"])
        out.mkdir(parents=True, exist_ok=True)
        (out / "result.txt").write_text(given["last_words"])
        return int(given["exit_code"])


def _print(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(asyncio.run(act(Path(sys.argv[1]).read_bytes(), _print)))
