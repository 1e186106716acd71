"""An engine that replays recorded answers of a real one over a socket."""

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
from tests.processing_job.job_listing import REQUEST
from tests.processing_job.plugin_loader import recorded, watch


@dataclass
class RecordedEngine:
    """Serves recordings. show() changes its answer; asked lists the requests, with the filters."""

    path: str
    answers: dict[str, Any] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    posted: list[tuple[str, Any]] = field(default_factory=list)

    def show(self, name: str, **more: Any) -> None:
        """Answer with a recording, and with more by the requested path."""
        self.answers = recorded(name) | more

    def answer(self, path: str) -> tuple[int, Any]:
        url = urllib.parse.urlsplit(path)
        filters = json.loads(urllib.parse.parse_qs(url.query).get("filters", ["{}"])[0])
        self.asked.append((url.path, filters))
        said = self.answers.get(url.path.strip("/"), [])
        return (404 if isinstance(said, dict) and "message" in said else 200), said

    def remove(self, path: str) -> tuple[int, Any]:
        """Remove the object with this path. Networks are refused while a service exists, as in Swarm."""
        kind, _, name = path.strip("/").partition("/")
        if kind == "networks" and self.answers.get("services"):
            return 400, {"message": "network is in use"}
        before = self.answers.get(kind, [])
        self.answers[kind] = [one for one in before if name not in (one.get("ID"), one.get("Id"))]
        self.removed.append(path)
        return (200, None) if len(self.answers[kind]) < len(before) else (404, {"message": "not found"})


class _Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    engine: RecordedEngine


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        self._say(*self.server.engine.answer(self.path))

    def do_DELETE(self) -> None:
        self._say(*self.server.engine.remove(self.path))

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.engine.posted.append((self.path, body))
        self._say(200, {})

    def _say(self, status: int, answer: Any) -> None:
        body = b"" if answer is None else json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words: object) -> None:
        """Log nothing."""


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


@pytest.fixture
def share(tmp_path: Path) -> Path:
    """A folder with two empty jobs, and the request of the first."""
    for name in ("one", "two"):
        (tmp_path / "jobs" / name / "receipts").mkdir(parents=True)
    (tmp_path / "requests").mkdir()
    (tmp_path / "requests/one.json").write_text(json.dumps(REQUEST))
    return tmp_path
