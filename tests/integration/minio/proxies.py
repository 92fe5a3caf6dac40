"""A wire that can be cut: a TCP proxy that passes requests on and swallows answers."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Wire:
    """Connections to `target`; of the first `cuts` requests that come in, the answer is not passed back: the server
    has done the work, the client hears nothing but the end of the connection."""

    def __init__(self, target: str, cuts: int) -> None:
        host, port = target.rsplit(":", 1)
        self._target = (host, int(port))
        self._cuts = cuts
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listening.getsockname()[1]}"
        self.swallowed = 0

    def serve(self) -> None:
        """Until the listening socket is closed."""
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                threading.Thread(target=self._pass_on, args=(client,), daemon=True).start()

    def close(self) -> None:
        self._listening.close()

    def _pass_on(self, client: socket.socket) -> None:
        with client, socket.create_connection(self._target) as server, contextlib.suppress(OSError):
            threading.Thread(target=self._copy, args=(client, server), daemon=True).start()
            while data := server.recv(65_536):
                if self.swallowed < self._cuts:
                    self.swallowed += 1
                    client.shutdown(socket.SHUT_RDWR)  # closing alone waits for the other thread, which reads
                    return
                client.sendall(data)

    @staticmethod
    def _copy(source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65_536):
                sink.sendall(data)


@contextmanager
def wire_to(target: str, *, cuts: int) -> Iterator[Wire]:
    wire = Wire(target, cuts)
    threading.Thread(target=wire.serve, daemon=True).start()
    try:
        yield wire
    finally:
        wire.close()
