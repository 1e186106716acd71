"""The local engine, a manager of the swarm, through the docker package.

Calls wait while the engine restarts or the swarm elects a leader, up to a limit: then the driver ends, and Swarm starts
it afresh. It keeps nothing that it cannot reread.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass
from typing import Any

import requests
from docker import APIClient
from docker.errors import APIError, DockerException, NotFound

from csvswarm.driver.services import JOB_LABEL, Round
from csvswarm.driver.tasks import Node
from csvswarm.printable import printable_line

SOCKET = "/var/run/docker.sock"
#: Seconds that an engine, or a swarm without a leader, may take to answer. A driver on a partitioned board must
#: release the job's lock for the one that replaces it.
ENGINE_TIMEOUT = 120.0
_CALL_TIMEOUT = 30
_RETRY_DELAY = 1.0
_LOG_LINES, _LOG_BYTES = 200, 32_768
#: Errors of managers while there is no leader, or none that they can reach.
_TRANSIENT = ("rpc error", "leader", "deadline exceeded", "not a swarm manager")


class EngineUnavailable(Exception):
    """The engine, or the swarm, has not answered for too long."""


class EngineRefused(Exception):
    """The engine refuses a call. The message is the engine's own."""


class ServiceRemoved(Exception):
    """A service that the driver needs was removed."""


@dataclass(frozen=True)
class JobService:
    """A service of the job. round: what it runs, None for the others."""

    id: str
    name: str
    round: Round | None


class Engine:
    """The manager's engine.

    group: entered for every call; gives the process the right to use the socket. on_wait: called with a message while
    the engine does not answer.
    """

    def __init__(
        self,
        socket: str = SOCKET,
        *,
        group: Callable[[], AbstractContextManager[None]] = nullcontext,
        timeout: float = ENGINE_TIMEOUT,
    ) -> None:
        self.socket = socket
        self.group = group
        self._timeout = timeout
        self._client: APIClient | None = None
        self.on_wait: Callable[[str], None] = lambda _: None

    def this_node(self) -> str:
        """Return the id of the node that the engine is."""
        return str(self._call("info")["Swarm"]["NodeID"])

    def nodes(self) -> list[Node]:
        """Return the nodes of the swarm."""
        return [Node.from_json(node) for node in self._call("nodes")]

    def tasks(self, service: str) -> list[dict[str, Any]]:
        """Return all tasks of a service, as the engine writes them. Raises ServiceRemoved."""
        found: list[dict[str, Any]] = self._call("tasks", filters={"service": service})
        return found

    def services(self, job: str) -> list[JobService]:
        """Return the services that carry the job's label, the driver's own among them."""
        found = self._call("services", filters={"label": f"{JOB_LABEL}={job}"})
        return [
            JobService(service["ID"], service["Spec"]["Name"], Round.from_labels(service["Spec"].get("Labels") or {}))
            for service in found
        ]

    def service_exists(self, name: str) -> bool:
        """Return whether there is a service of that name."""
        return any(service["Spec"]["Name"] == name for service in self._call("services", filters={"name": name}))

    def create(self, service: dict[str, Any]) -> None:
        """Create a service, unless an earlier call, whose answer was lost, has created it."""
        try:
            self._call("create_service", **service)
        except _Exists:
            return

    def remove(self, name: str) -> None:
        """Remove a service, if it is still there."""
        with suppress(ServiceRemoved):
            self._call("remove_service", name)

    def log(self, name: str) -> str:
        """Return the end of the standard error of a service's containers, empty if it cannot be read."""
        try:
            frames = self._call("service_logs", name, stderr=True, tail=_LOG_LINES, is_tty=False)
            data = b"".join(frames)[-_LOG_BYTES:]
        except (EngineRefused, ServiceRemoved, requests.RequestException):
            return ""
        return data.decode(errors="replace")

    def close(self) -> None:
        """Close the connection; the next call opens another one."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def _call(self, method: str, *arguments: Any, **options: Any) -> Any:
        started = time.monotonic()
        while True:
            try:
                with self.group():
                    return getattr(self._connected(), method)(*arguments, **options)
            except NotFound as error:
                raise ServiceRemoved(printable_line(str(error.explanation))) from error
            except APIError as error:
                message = printable_line(str(error.explanation or error))
                if error.status_code == 409 and method == "create_service":
                    raise _Exists from error
                if not _is_transient(error, message):
                    raise EngineRefused(message) from error
            except (requests.RequestException, DockerException, OSError) as error:
                message = printable_line(str(error))
            self.close()
            away = time.monotonic() - started
            if away > self._timeout:
                raise EngineUnavailable(f"the engine has not answered for {away:.0f} s: {message}")
            self.on_wait(f"the manager has not answered for {away:.0f} s: {message}")
            time.sleep(_RETRY_DELAY)

    def _connected(self) -> APIClient:
        if self._client is None:
            self._client = APIClient(base_url=f"unix://{self.socket}", version="auto", timeout=_CALL_TIMEOUT)
        return self._client


class _Exists(Exception):
    """A service of that name exists."""


def _is_transient(error: APIError, message: str) -> bool:
    return (error.status_code or 0) >= 500 or any(words in message for words in _TRANSIENT)
