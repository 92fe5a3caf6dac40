"""What a search leaves in its folder: every reply, every version, and which prompt to use from now on."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from dataengine.core.errors import InputError
from dataengine.core.ports import Teacher, TeacherReply, TeacherRequest
from dataengine.generation.ipo.versions import PairedTest, Refused, Version
from dataengine.generation.prompt_files import file_text
from dataengine.generation.reply_cache import request_digest


class KeptTeacher:
    """A teacher whose replies are kept in a file: what was answered once is not asked, or paid for, again."""

    def __init__(self, teacher: Teacher, file: Path) -> None:
        """Raises InputError where the file holds something else; half a last line, as a kill leaves it, is dropped."""
        self._teacher = teacher
        self._file = file
        self._replies: dict[str, TeacherReply] = {}
        lines = file.read_bytes().splitlines(keepends=True) if file.exists() else []
        if lines and not lines[-1].endswith(b"\n"):
            file.write_bytes(b"".join(lines[:-1]))
            lines.pop()
        for number, line in enumerate(lines, start=1):
            try:
                row = json.loads(line)
                name = row.pop("request")
                self._replies[name] = TeacherReply(**row)
            except (ValueError, KeyError, TypeError) as error:
                raise InputError(f"is no kept reply: {error}", where=f"{file}, line {number}") from error

    async def write(self, request: TeacherRequest) -> TeacherReply:
        """See `Teacher.write`."""
        name = request_digest(request)
        if name not in self._replies:
            self._replies[name] = await self._teacher.write(request)
            with self._file.open("a", encoding="utf-8") as out:
                out.write(json.dumps({"request": name, **asdict(self._replies[name])}) + "\n")
        return self._replies[name]

    async def close(self) -> None:
        """See `Teacher.close`."""
        await self._teacher.close()


def write_version(folder: Path, form: str, entry: Version | Refused) -> None:
    """A version's prompt as a file that a run file can name."""
    if isinstance(entry, Version):
        (folder / f"version-{entry.number:02d}.txt").write_text(file_text(form, entry.text), "utf-8")


def write_outcome(
    folder: Path, form: str, history: Sequence[Version | Refused], chosen: Version | None, test: PairedTest | None
) -> Path | None:
    """Write `history.json`, and `adopted.txt` where a version was adopted; the path of that."""
    record = {
        "form": form,
        "adopted": chosen.number if chosen else None,
        "test": asdict(test) if test else None,
        "history": [_record(entry) for entry in history],
    }
    (folder / "history.json").write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", "utf-8")
    adopted = folder / "adopted.txt"
    adopted.unlink(missing_ok=True)
    if chosen is None:
        return None
    adopted.write_text(file_text(form, chosen.text), "utf-8")
    return adopted


def _record(entry: Version | Refused) -> dict[str, Any]:
    if isinstance(entry, Refused):
        return {"refused": entry.problem, "parent": entry.parent}
    return {
        "version": entry.number,
        "digest": entry.digest,
        "parent": entry.parent,
        "why": entry.why,
        "judged": entry.judged,
        "failure_rate": entry.failure_rate,
        "failures": [asdict(failure) for failure in entry.failures],
    }
