"""The request that the control node passes to the driver."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from csvswarm.driver.request import RequestError, parse_request, read_request

from tests.driver.job_requests import request_json, request_of


def test_request_is_read_from_its_file(tmp_path: Path) -> None:
    path = tmp_path / "request.json"
    path.write_text(json.dumps(request_json()))

    request = read_request(path)

    assert request == request_of()
    assert request.is_built_in
    assert request.output_source == "/srv/my share/results/demo.1"
    assert not request_of(processor="/home/me/mine.py", processor_source="/srv/p/1.py").is_built_in
    assert request_of(output_source="/other/results").output_source == "/other/results"


def test_room_of_a_board() -> None:
    layout = request_of().layout

    assert layout.room("board1") == 850_000_000
    assert layout.room("a board that joined later") == 100_000_000


@pytest.mark.parametrize(
    "changes",
    [
        {"job": ...},
        {"stack": ""},
        {"owner": 0},
        {"owner": True},
        {"job_directory": 7},
        {"processor_source": 7},
        {"files": "lookup.csv"},
        {"split_arguments": ["--json", 7]},
        {"collect_arguments": "--json"},
        {"layout": {}},
        {"layout": {"limit": 1, "reservation": 1, "cpus": 1, "rooms": {}}},
        {"layout": {"limit": float("nan"), "reservation": 1, "cpus": 1, "rooms": {"a": 1}}},
        {"deadline": -1},
        {"speculate": 1},
    ],
)
def test_other_values_are_refused_with_their_name(changes: dict[str, Any]) -> None:
    with pytest.raises(RequestError, match=f"^the request's ({next(iter(changes))}|limit|rooms)"):
        request_of(**changes)


@pytest.mark.parametrize("value", [[], {}, {"format": 2}])
def test_another_format_is_refused(value: object) -> None:
    with pytest.raises(RequestError, match="another format"):
        parse_request(value)


@pytest.mark.parametrize("content", [None, b"", b"{", b"\xff"])
def test_unreadable_request_is_refused(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "request.json"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(RequestError, match="cannot read its request"):
        read_request(path)
