"""The fake of the `Teacher` port: it takes a function."""

from __future__ import annotations

from collections.abc import Callable

from dataengine.core.ports import TeacherReply, TeacherRequest


class FakeTeacher:
    """Writes what `says` returns for a request (a whole reply where it is to be a refusal); `requests` is everything
    that it was asked."""

    def __init__(self, says: Callable[[TeacherRequest], str | TeacherReply], model: str = "fake") -> None:
        self._says = says
        self._model = model
        self.requests: list[TeacherRequest] = []

    async def write(self, request: TeacherRequest) -> TeacherReply:
        """See `Teacher.write`. Tokens are words."""
        self.requests.append(request)
        text = self._says(request)
        if isinstance(text, TeacherReply):
            return text
        prompt = f"{request.system} {request.user}"
        return TeacherReply(text, len(prompt.split()), len(text.split()), self._model)

    async def close(self) -> None:
        """Nothing is held."""
