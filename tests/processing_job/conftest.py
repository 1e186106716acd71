"""An engine that replays recorded answers of a real one over a socket."""

from __future__ import annotations

import json
import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.processing_job.fake_clock import Clock
from tests.processing_job.job_listing import REQUEST
from tests.processing_job.plugin_loader import recorded, watch
from tests.support.engine_socket import engine_socket


@dataclass
class RecordedEngine:
    """Serves recordings. show() changes its answer; requests: those received, with the filters."""

    path: str = ""
    answers: dict[str, Any] = field(default_factory=dict)
    requests: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    posted: list[tuple[str, Any]] = field(default_factory=list)

    def show(self, name: str, **more: Any) -> None:
        """Answer with a recording, and with more by the requested path."""
        self.answers = recorded(name) | more

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, Any]:
        if method == "DELETE":
            return self.remove(path)
        if method == "POST":
            self.posted.append((path, json.loads(body)))
            return 200, {}
        url = urllib.parse.urlsplit(path)
        filters = json.loads(urllib.parse.parse_qs(url.query).get("filters", ["{}"])[0])
        self.requests.append((url.path, filters))
        value = self.answers.get(url.path.strip("/"), [])
        return (404 if isinstance(value, dict) and "message" in value else 200), value

    def remove(self, path: str) -> tuple[int, Any]:
        """Remove the object with this path. Networks are refused while a service exists, as in Swarm."""
        kind, _, name = path.strip("/").partition("/")
        if kind == "networks" and self.answers.get("services"):
            return 400, {"message": "network is in use"}
        before = self.answers.get(kind, [])
        self.answers[kind] = [one for one in before if name not in (one.get("ID"), one.get("Id"))]
        self.removed.append(path)
        return (200, None) if len(self.answers[kind]) < len(before) else (404, {"message": "not found"})


@pytest.fixture
def engine() -> Iterator[RecordedEngine]:
    engine = RecordedEngine()
    with engine_socket(engine.answer) as engine.path:
        yield engine


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
