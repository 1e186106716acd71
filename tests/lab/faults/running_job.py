"""A job that runs on the boards while faults are injected."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.lab.kit.board import Board
from tests.lab.kit.control_node import ControlNode
from tests.lab.kit.job_run import Run
from tests.lab.kit.lab import SHARE, Lab
from tests.lab.kit.playbook_process import Playbook
from tests.lab.kit.polling import T, wait_until


@dataclass(frozen=True)
class BlockedAttempt:
    """An attempt that blocks."""

    chunk: int
    board: Board
    attempt: str


@dataclass
class RunningJob:
    """A job by its name: starts, watches, kills and reruns it."""

    lab: Lab
    control_node: ControlNode
    name: str
    variables: dict[str, Any]
    environment: dict[str, str] = field(default_factory=dict)
    playbook: Playbook | None = None

    @property
    def directory(self) -> str:
        return f"{SHARE}/jobs/{self.name}"

    @property
    def results(self) -> str:
        return f"{SHARE}/results/{self.name}"

    # -- the run ---------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start run_job.yml."""
        self.playbook = self.control_node.start(self.name, self.variables, **self.environment)

    def end(self) -> Run:
        """Wait until run_job.yml has ended."""
        assert self.playbook
        return self.control_node.end(self.name, self.playbook)

    def rerun(self) -> Run:
        """Rerun the same job to its end."""
        self.start()
        return self.end()

    def kill(self) -> None:
        """Kill ansible-playbook and all its descendants."""
        assert self.playbook
        self.playbook.kill()

    @property
    def output(self) -> str:
        return self.playbook.output if self.playbook else ""

    # -- observations ----------------------------------------------------------------------------------------------

    def wait_until(self, what: str, condition: Callable[[], T], limit: float = 480) -> T:
        """Return the first true answer of a condition of this job. Raises AssertionError when the run ends before."""

        def still() -> T:
            ended = self.playbook is not None and self.playbook.has_ended
            answer = condition()
            assert answer or not ended, f"{self.name} ended before: {what}\n{self.output}"
            return answer

        try:
            return wait_until(what, still, limit)
        except AssertionError as error:
            raise AssertionError(f"{error}\nin {self.files()}\n{self.output[-3000:]}") from None

    def wait_for_task(self, task: str) -> None:
        """Wait until a task of the playbook begins."""
        self.wait_until(f"the task {task!r}", lambda: f"TASK [processing_job : {task}" in self.output, 420)

    def files(self, folder: str = "") -> list[str]:
        """Return the names in the job's directory on the server's disk, none while the server is off."""
        try:
            # A directory that does not exist yet has no files.
            return self.lab.server.sh(f"ls -A {self.directory}/{folder} 2>/dev/null || true", 30).split()
        except (AssertionError, subprocess.TimeoutExpired):
            return []

    def blocked_attempts(self) -> list[BlockedAttempt]:
        """Return all attempts that have ever blocked, by chunk."""
        found = [name.split("-", 3)[1:] for name in self.files() if name.startswith("blocked-")]
        return sorted(
            (BlockedAttempt(int(chunk), self.lab.boards[board], attempt) for chunk, board, attempt in found),
            key=lambda one: one.chunk,
        )

    def wait_for(
        self, chunk: int | None = None, *, on: list[Board] | None = None, besides: list[BlockedAttempt] | None = None
    ) -> BlockedAttempt:
        """Wait until an attempt blocks: at this chunk, on one of these boards, and not a known one."""

        def find() -> BlockedAttempt | None:
            return next(
                (
                    one
                    for one in self.blocked_attempts()
                    if chunk in (None, one.chunk) and (on is None or one.board in on) and one not in (besides or [])
                ),
                None,
            )

        where = "" if on is None else f" on {', '.join(board.name for board in on)}"
        found = self.wait_until(f"an attempt at chunk {chunk or 'any'}{where} blocks", find)
        assert found
        return found

    def wait_for_all(self, count: int = 3) -> list[BlockedAttempt]:
        """Wait until attempts at this many chunks block."""
        self.wait_until(f"{count} attempts block", lambda: len({one.chunk for one in self.blocked_attempts()}) >= count)
        return self.blocked_attempts()

    def release(self, *names: object) -> None:
        """Release chunks, attempts or "all", as soon as the job has its directory."""
        wait_until(f"{self.name} has its directory", lambda: self.lab.server.succeeds(f"test -d {self.directory}"))
        self.lab.server.sh("touch " + " ".join(f"{self.directory}/go-{name}" for name in names))

    def release_at_once(self) -> None:
        """Release all attempts from the start, as soon as the directory exists."""
        self.wait_until("the job is split", lambda: "manifest.json" in self.files())
        self.release("all")

    @property
    def status(self) -> dict[str, Any]:
        """Return the driver's status, empty before the first one or while the server is off."""
        try:
            found: dict[str, Any] = json.loads(self.lab.server.sh(f"cat {self.results}/.status.json", 30))
        except (AssertionError, ValueError, subprocess.TimeoutExpired):
            return {}
        return found

    def wait_for_stage(self, *stages: str, limit: float = 480) -> dict[str, Any]:
        """Wait until the driver is in one of these stages, whether or not the job is watched."""
        wait_until(f"{self.name} is {' or '.join(stages)}", lambda: self.status.get("stage") in stages, limit)
        return self.status

    @property
    def driver(self) -> Board:
        """The board that the driver runs on."""
        return self.lab.boards[str(self.status["board"])]

    @property
    def committed(self) -> set[int]:
        """The chunks that have a receipt."""
        return {int(name[:6]) for name in self.files("receipts") if name.endswith(".json") and name[0] != "."}

    def wait_until_committed(self, *chunks: int) -> None:
        self.wait_until(f"receipts of the chunks {chunks}", lambda: set(chunks) <= self.committed)
