"""An engine that answers as a real one was heard to, over a socket as a real one does."""

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

from tests.processing_job.fake_clock import Clock
from tests.processing_job.plugin_loader import recorded, watch


@dataclass
class RecordedEngine:
    """Serves recordings. show() changes what it says; asked holds what it was asked, with the filters."""

    path: str
    answers: dict[str, Any] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    after: list[str] = field(default_factory=list)

    def show(self, name: str, *later: str) -> None:
        """Answer with a recording; with each later one from the next question after the tasks on."""
        self.answers = recorded(name)
        self.after = list(later)

    def answer(self, path: str) -> tuple[int, Any]:
        url = urllib.parse.urlsplit(path)
        filters = json.loads(urllib.parse.parse_qs(url.query)["filters"][0])
        name = url.path.rpartition("/")[2]
        self.asked.append((url.path, filters))
        if name == "tasks" and "answer" in self.answers:
            return 404, self.answers["answer"]
        said = self.answers.get(name, [])
        if name == "tasks" and self.after:
            self.show(*self.after)
        return 200, said


class _Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    engine: RecordedEngine


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        status, answer = self.server.engine.answer(self.path)
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words: object) -> None:
        """Say nothing."""


@pytest.fixture
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RecordedEngine]:
    # A socket's path may not be long, as a test's own directory may.
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
    monkeypatch.setattr(watch.time, "monotonic", clock)
    return clock
