"""The API of the local Docker engine, over its socket, with only the standard library.

Without a version in the request, every engine answers in its newest one; the calls used here are the same in all of
them.
"""

from __future__ import annotations

import http.client
import json
import socket
import urllib.parse
from typing import Any

SOCKET = "/run/docker.sock"
TIMEOUT = 30
NOT_FOUND = 404


class EngineError(OSError):
    """The engine refused a request. The message is the engine's own; status is that of HTTP."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


class Engine:
    """One connection to the local engine, until the block ends. Raises OSError if no engine answers."""

    def __init__(self, path: str = SOCKET) -> None:
        self._connection = http.client.HTTPConnection("localhost", timeout=TIMEOUT)
        self._connection.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._connection.sock.settimeout(TIMEOUT)
        self._connection.sock.connect(path)

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def get(self, path: str, **filters: list[str]) -> Any:
        """Return the answer at `path`. Raises EngineError."""
        query = f"?{urllib.parse.urlencode({'filters': json.dumps(filters)})}" if filters else ""
        return self._request("GET", f"{path}{query}")

    def post(self, path: str, body: Any) -> Any:
        """Send JSON and return the answer. Raises EngineError."""
        return self._request("POST", path, json.dumps(body))

    def delete(self, path: str) -> None:
        """Remove an object, if it still exists. Raises EngineError."""
        try:
            self._request("DELETE", path)
        except EngineError as error:
            if error.status != NOT_FOUND:
                raise

    def _request(self, method: str, path: str, body: str | None = None) -> Any:
        headers = {"Content-Type": "application/json"} if body is not None else {}
        self._connection.request(method, path, body, headers)
        answer = self._connection.getresponse()
        data = answer.read()
        found = json.loads(data) if data.strip() else None
        if answer.status >= http.client.BAD_REQUEST:
            message = found.get("message", found) if isinstance(found, dict) else found
            raise EngineError(f"the engine reports: {message}", answer.status)
        return found
