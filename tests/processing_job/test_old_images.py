"""Images of earlier jobs are removed from a board when `prune` asks for it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.processing_job.plugin_loader import run_module
from tests.support.engine_socket import engine_socket

#: As engines report it, also in nanoseconds and in the zone of the board.
LOADED = {
    "csvswarm-job:old": "1970-01-02T00:00:00.123456789Z",
    "csvswarm-job:used": "1970-01-03T02:00:00+02:00",
    "csvswarm-job:unknown": "0001-01-01T00:00:00Z",
    "csvswarm-job:new": "2999-01-01T00:00:00Z",
}


@dataclass
class Board:
    """An engine with images; a container uses one of them. stopped: ids of containers that do not run."""

    path: str = ""
    images: dict[str, str] = field(default_factory=lambda: dict(LOADED))
    stopped: list[str] = field(default_factory=lambda: ["f00", "ba4"])

    def answer(self, method: str, path: str, _body: bytes) -> tuple[int, Any]:
        name = path.removeprefix("/images/").removesuffix("/json")
        if path.startswith("/images/json?"):
            return 200, [{"Id": "sha256:1", "RepoTags": [*self.images]}, {"Id": "sha256:2", "RepoTags": None}]
        if path.startswith("/containers/json?"):
            assert json.loads(parse_qs(urlsplit(path).query)["filters"][0]) == {
                "ancestor": sorted(self.images),
                "status": ["created", "exited", "dead"],
            }
            return 200, [{"Id": id_} for id_ in self.stopped]
        if path.startswith("/containers/"):
            self.stopped.remove(path.removeprefix("/containers/"))
            return 204, None
        if method == "GET":
            return 200, {"Metadata": {"LastTagTime": self.images[name]}}
        if name == "csvswarm-job:used":
            return 409, {"message": "conflict: unable to remove: a container is using it"}
        del self.images[name]
        return 200, None


@pytest.fixture
def board() -> Iterator[Board]:
    board = Board()
    with engine_socket(board.answer) as board.path:
        yield board


def remove(board: Board, *, check: bool = False) -> dict[str, Any]:
    return run_module("processing_job_old_images", {"socket": board.path, "days": 7}, check=check)


def test_old_images_are_removed_but_those_in_use(board: Board) -> None:
    assert remove(board, check=True)["removed"] == ["csvswarm-job:old", "csvswarm-job:used"]
    assert (board.images, board.stopped) == (LOADED, ["f00", "ba4"])

    answer = remove(board)

    assert (answer["changed"], answer["removed"]) == (True, ["csvswarm-job:old"])
    assert board.stopped == []
    assert sorted(board.images) == ["csvswarm-job:new", "csvswarm-job:unknown", "csvswarm-job:used"]
    assert not remove(board)["changed"]


def test_the_newest_image_stays_however_old(board: Board) -> None:
    board.images = {"csvswarm-job:older": LOADED["csvswarm-job:old"], "csvswarm-job:old": "1970-01-05T00:00:00Z"}

    assert remove(board)["removed"] == ["csvswarm-job:older"]
    assert remove(board)["removed"] == []


def test_stopped_containers_count_as_a_change(board: Board) -> None:
    board.images = {"csvswarm-job:new": LOADED["csvswarm-job:new"]}

    for check in (True, False):
        answer = remove(board, check=check)
        assert (answer["changed"], answer["removed"], answer["containers"]) == (True, [], ["f00", "ba4"])

    assert board.stopped == []
    assert not remove(board)["changed"]


def test_containers_of_a_board_without_images_of_jobs_stay(board: Board) -> None:
    board.images = {}

    assert not remove(board)["changed"]
    assert board.stopped == ["f00", "ba4"]


def test_a_board_without_an_engine(board: Board) -> None:
    board.path += "-off"

    answer = remove(board)

    assert answer["failed"]
    assert "could not remove old images" in answer["msg"]
