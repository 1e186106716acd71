"""Swarm's tasks and nodes, as typed records."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from csvswarm.printable import printable_line

#: States of a task that is on its way to a container; with "running", those of a task that has a board.
STARTING = ("assigned", "accepted", "preparing", "ready", "starting")
WAITING = ("new", "allocated", "pending")


@dataclass(frozen=True)
class Node:
    """A board of the swarm. schedulable: whether Swarm may place tasks on it."""

    id: str
    board: str
    schedulable: bool

    @classmethod
    def from_json(cls, node: dict[str, Any]) -> Node:
        # An interrupted join leaves a node without a description.
        board = printable_line(str(node.get("Description", {}).get("Hostname", "")))
        schedulable = node["Status"]["State"] == "ready" and node["Spec"]["Availability"] == "active"
        return cls(node["ID"], board, bool(schedulable and board))


@dataclass(frozen=True)
class Task:
    """One attempt at a chunk, as Swarm reports it.

    exit: exit code of its container, None without one. started, ended: seconds since 1970, by the clock of the
    machine that wrote them; ended is None while it waits or runs. placed: when it was first seen to have a board, else
    None.
    """

    round: int
    chunk: int
    attempt: str
    board: str
    state: str
    message: str
    exit: int | None
    started: float
    ended: float | None
    placed: float | None = None

    @classmethod
    def from_json(cls, task: dict[str, Any], boards: dict[str, str], number: int, chunks: Sequence[int]) -> Task:
        """Read what the engine returns. boards: node id -> name. chunks: those of round `number`, in slot order."""
        status = task["Status"]
        container = status.get("ContainerStatus") or {}
        has_board = status["State"] in (*STARTING, "running")
        ended = not has_board and status["State"] not in WAITING
        return cls(
            round=number,
            chunk=chunks[task["Slot"] - 1],
            attempt=task["ID"],
            board=boards.get(task.get("NodeID", ""), ""),
            state=status["State"],
            message=printable_line(status.get("Err") or status.get("Message", "")),
            exit=container.get("ExitCode") if ended and container.get("ContainerID") else None,
            started=seconds_of(task["CreatedAt"]),
            ended=seconds_of(status["Timestamp"]) if ended else None,
            placed=seconds_of(status["Timestamp"]) if has_board else None,
        )

    @property
    def is_starting(self) -> bool:
        return self.state in STARTING

    @property
    def has_failed(self) -> bool:
        return self.state in ("failed", "rejected")

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def seconds_of(timestamp: str) -> float:
    """Return a time of the engine, such as 2026-01-31T10:15:00.123456789Z, in seconds since 1970."""
    whole, _, fraction = timestamp.removesuffix("Z").partition(".")
    return datetime.fromisoformat(f"{whole}+00:00").timestamp() + float(f"0.{fraction or 0}")


@dataclass
class Slots:
    """Chunks without a receipt, by the state of their tasks. Each list is sorted."""

    running: list[int]
    waiting: list[int]
    stopped: list[int]

    def without(self, chunks: Collection[int]) -> Slots:
        """Return these slots without those chunks."""
        return Slots(
            *([chunk for chunk in part if chunk not in chunks] for part in (self.running, self.waiting, self.stopped))
        )


def slots_of(tasks: Iterable[Task], open_chunks: Iterable[int]) -> Slots:
    """Sort the chunks without a receipt by the state of their tasks.

    The newest task of each service decides, and for a chunk of two services the more promising one. A stopped slot may
    get its next task in a moment, and its receipt may be on its way: wait for both.
    """
    newest: dict[tuple[int, int], Task] = {}
    for task in sorted(tasks, key=lambda task: task.started):
        newest[task.chunk, task.round] = task
    states: dict[int, set[str]] = {}
    for (chunk, _), task in newest.items():
        running = task.is_starting or task.state == "running"
        state = "running" if running else "waiting" if task.state in WAITING else "stopped"
        states.setdefault(chunk, set()).add(state)
    slots = Slots([], [], [])
    for chunk in sorted(open_chunks):
        of_chunk = states.get(chunk, {"waiting"})
        if "running" in of_chunk:
            slots.running.append(chunk)
        else:
            (slots.waiting if "waiting" in of_chunk else slots.stopped).append(chunk)
    return slots
