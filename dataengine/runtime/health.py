"""gRPC health (grpc.health.v1) that tells the truth: ready is who reaches the bus, live is whose event loop turns."""

from __future__ import annotations

from typing import Any

import grpc.aio
from grpc_health.v1 import health_pb2, health_pb2_grpc

from dataengine.core.errors import ConfigurationError

_SERVING = health_pb2.HealthCheckResponse.SERVING
_NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
SERVICES = ("", "ready", "live")


class Health(health_pb2_grpc.HealthServicer):  # type: ignore[misc]  # generated without types
    """Answers Check for "" and "ready" by `ready`, for "live" always: a loop that does not turn does not answer."""

    def __init__(self, host: str, port: int) -> None:
        self.ready = False
        self._address = f"{host}:{port}"
        self._server: Any = grpc.aio.server()
        health_pb2_grpc.add_HealthServicer_to_server(self, self._server)
        self.port = 0

    async def start(self) -> None:
        """Listen. Raises ConfigurationError if the port is taken."""
        try:
            self.port = self._server.add_insecure_port(self._address)
        except RuntimeError as error:
            raise ConfigurationError(
                "the health port is taken", where=self._address, todo="Set DATAENGINE_SERVICE_HEALTH_PORT"
            ) from error
        await self._server.start()

    async def stop(self) -> None:
        """Stop listening."""
        await self._server.stop(grace=0.5)

    async def Check(self, request: Any, context: Any) -> Any:  # noqa: N802 - gRPC's name
        """How the asked service is."""
        if request.service not in SERVICES:
            await context.abort(grpc.StatusCode.NOT_FOUND, f"no such service: {request.service}")
        well = self.ready or request.service == "live"
        return health_pb2.HealthCheckResponse(status=_SERVING if well else _NOT_SERVING)
