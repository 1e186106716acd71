"""Serve the answers of a fake Docker engine over a Unix socket."""

from __future__ import annotations

import json
import socketserver
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

#: (method, path with query, body) -> (HTTP status, JSON value; None for no body)
Answer = Callable[[str, str, bytes], tuple[int, Any]]


class _Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    answer: Answer


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def _reply(self) -> None:
        request = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        status, value = self.server.answer(self.command, self.path, request)
        body = b"" if value is None else json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        self._reply()

    def do_POST(self) -> None:
        self._reply()

    def do_DELETE(self) -> None:
        self._reply()

    def log_message(self, *words: object) -> None:
        """Print nothing."""


@contextmanager
def engine_socket(answer: Answer) -> Iterator[str]:
    """Serve until the block ends; yield the path of the socket, which is short enough for one."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "e"
        with _Server(str(path), _Handler) as server:
            server.answer = answer
            thread = threading.Thread(target=server.serve_forever)
            thread.start()
            try:
                yield str(path)
            finally:
                server.shutdown()
                thread.join()
