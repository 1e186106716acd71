"""An engine that replays recorded answers of a real one over a socket."""

from __future__ import annotations

import json
import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.driver.recorded import Clock, recorded
from tests.support.engine_socket import engine_socket


@dataclass
class RecordedEngine:
    """Serves recordings. show() selects one; requests: those received; refusals are answered first, in order."""

    path: str = ""
    answers: dict[str, Any] = field(default_factory=dict)
    requests: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)
    refusals: list[tuple[int, str]] = field(default_factory=list)

    def show(self, name: str) -> None:
        """Answer with a recording."""
        self.answers = recorded(name)

    def answer(self, method: str, path: str, _body: bytes) -> tuple[int, Any]:
        url = urllib.parse.urlsplit(path)
        name = url.path.rpartition("/")[2]
        if name == "version":
            return 200, {"ApiVersion": "1.41", "Version": "20.10.24"}
        filters = json.loads(urllib.parse.parse_qs(url.query).get("filters", ["{}"])[0])
        self.requests.append((method, name, filters))
        if self.refusals:
            status, message = self.refusals.pop(0)
            return status, {"message": message}
        if name == "tasks" and "answer" in self.answers:
            return 404, self.answers["answer"]
        return 200, self.answers.get(name, [])


@pytest.fixture
def recorded_engine() -> Iterator[RecordedEngine]:
    engine = RecordedEngine()
    with engine_socket(engine.answer) as engine.path:
        yield engine


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("time.monotonic", clock)
    return clock
