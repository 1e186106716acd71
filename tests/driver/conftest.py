"""An engine that answers as a real one did, over a socket as a real one does."""

from __future__ import annotations

import json
import socketserver
import threading
import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from tests.driver.recorded import Clock, recorded


@dataclass
class RecordedEngine:
    """Serves recordings. show() selects one; asked lists the requests; refusals are answered first, in order."""

    path: str
    answers: dict[str, Any] = field(default_factory=dict)
    asked: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)
    refusals: list[tuple[int, str]] = field(default_factory=list)

    def show(self, name: str) -> None:
        """Answer with a recording."""
        self.answers = recorded(name)

    def answer(self, method: str, path: str) -> tuple[int, Any]:
        url = urllib.parse.urlsplit(path)
        name = url.path.rpartition("/")[2]
        if name == "version":
            return 200, {"ApiVersion": "1.41", "Version": "20.10.24"}
        filters = json.loads(urllib.parse.parse_qs(url.query).get("filters", ["{}"])[0])
        self.asked.append((method, name, filters))
        if self.refusals:
            status, message = self.refusals.pop(0)
            return status, {"message": message}
        if name == "tasks" and "answer" in self.answers:
            return 404, self.answers["answer"]
        return 200, self.answers.get(name, [])


class _Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    engine: RecordedEngine


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        self._reply()

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self._reply()

    def do_DELETE(self) -> None:
        self._reply()

    def _reply(self) -> None:
        status, answer = self.server.engine.answer(self.command, self.path)
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words: object) -> None:
        """Print nothing."""


@pytest.fixture
def recorded_engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RecordedEngine]:
    # The path of a socket must be short, and a test's own directory may not be.
    path = tmp_path_factory.mktemp("s") / "e"
    with _Server(str(path), _Handler) as server:
        server.engine = RecordedEngine(str(path))
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.engine
        server.shutdown()
        thread.join()
    Path(path).unlink()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("time.monotonic", clock)
    return clock
