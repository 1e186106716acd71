"""Monitors a running round: whether it is over, can still succeed, and which chunks need another attempt."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from statistics import median

from csvswarm.driver.job_files import AttemptLog, ReceiptSummary
from csvswarm.driver.reasons import failed_boards, failure_message, pending_reason, retry_boards, running_boards
from csvswarm.driver.tasks import Slots, Task

#: A stopped slot gets its next task within the restart delay of 2 s; after this many seconds Swarm has abandoned it.
STOPPED_TIMEOUT = 20.0
#: Seconds in which nothing runs and nothing can be placed. A board that reboots needs about this long.
UNSCHEDULABLE_TIMEOUT = 120.0
#: A container starts within seconds. After this long, Docker hangs on a board that still reports to its manager; or
#: boards wait for the NFS server.
START_TIMEOUT = 600.0
#: Chunks that wait for a board for fewer seconds than this are not mentioned.
WAIT_TIMEOUT = 10.0
#: A chunk is a straggler when this part of the round is done, and it has run this many times the median.
DONE_PART, SLOW_FACTOR = 0.75, 1.5
#: Starting a second container is not worth it for a chunk that has run for fewer seconds than this.
MIN_SLOW_SECONDS = 15.0


@dataclass(frozen=True)
class Snapshot:
    """A round at one moment.

    receipts: those not seen before. total: chunks of the round. slots: of the chunks without a receipt. schedulable:
    names of the boards that take tasks.
    """

    receipts: Sequence[ReceiptSummary]
    total: int
    tasks: Sequence[Task]
    slots: Slots
    schedulable: Sequence[str] = ()
    logs: Sequence[AttemptLog] = ()


@dataclass
class RoundProgress:
    """What this driver knows about a round; a new driver starts from the receipts.

    Times are of the monotonic clock, in seconds. statuses: chunk -> status of its receipt. rows: records of those
    chunks. running_since: chunk -> when it was first seen to run. durations: of finished chunks. retried: chunks that
    have a second attempt elsewhere, which happens once.
    """

    started: float = field(default_factory=lambda: time.monotonic())  # noqa: PLW0108 - looked up when called
    statuses: dict[int, str] = field(default_factory=dict)
    rows: int = 0
    running_since: dict[int, float] = field(default_factory=dict)
    durations: list[float] = field(default_factory=list)
    retried: set[int] = field(default_factory=set)

    def update(self, snapshot: Snapshot) -> None:
        now = time.monotonic()
        for receipt in snapshot.receipts:
            self.statuses[receipt.chunk] = receipt.status
            self.rows += receipt.rows_in
            if receipt.chunk in self.running_since:
                self.durations.append(now - self.running_since[receipt.chunk])
        self.running_since = {chunk: self.running_since.get(chunk, now) for chunk in snapshot.slots.running}

    def stragglers(self, snapshot: Snapshot) -> list[int]:
        """Return the chunks that a second attempt may overtake, each once; none while others wait for a board."""
        if snapshot.slots.waiting or not self.durations or len(self.statuses) < DONE_PART * snapshot.total:
            return []
        now = time.monotonic()
        limit = max(SLOW_FACTOR * median(self.durations), MIN_SLOW_SECONDS)
        found = [
            chunk for chunk, since in self.running_since.items() if now - since > limit and chunk not in self.retried
        ]
        self.retried.update(found)
        return found


@dataclass(frozen=True)
class Verdict:
    """What to do about a round.

    over: its receipts decide what comes next. retry: chunks to start on other boards than `avoid`; reason: why.
    failure: why the round cannot succeed or, with `retry`, why it fails if the retry cannot start. Without any of
    these, continue to watch. remark: what the user should know meanwhile.
    """

    over: bool = False
    failure: str = ""
    retry: tuple[int, ...] = ()
    avoid: tuple[str, ...] = ()
    reason: str = ""
    remark: str = ""


class RoundMonitor:
    """Turns snapshots of one round into verdicts.

    deadline: seconds that processing may take, 0 for no limit; elapsed: seconds that earlier rounds and drivers took.
    """

    def __init__(
        self,
        deadline: float = 0,
        progress: RoundProgress | None = None,
        *,
        speculate: bool = False,
        elapsed: float = 0.0,
    ) -> None:
        self.progress = progress or RoundProgress()
        self._deadline = deadline
        self._elapsed = elapsed
        self._speculate = speculate
        self._stopped_since: dict[int, float] = {}
        self._waiting_since: float | None = None
        self._unschedulable_since: float | None = None
        self._starting_since: dict[str, float] = {}

    def verdict(self, snapshot: Snapshot) -> Verdict:
        """Return the verdict on a snapshot. Pass the snapshots of a round in order of time."""
        self.progress.update(snapshot)
        statuses = self.progress.statuses
        if "error" in statuses.values() or len(statuses) == snapshot.total:
            return Verdict(over=True)
        now = time.monotonic()
        hanging = self._hanging(snapshot, now)
        if (verdict := self._given_up(snapshot, now)) is not None:
            return verdict
        if failure := self._unschedulable(snapshot, now) or self._late(now):
            return Verdict(failure=failure)
        remark = _hanging_remark(snapshot, hanging) if hanging else self._waiting_remark(snapshot, now)
        retry = self._retryable(snapshot, hanging)
        if not retry and self._speculate:
            retry = self.progress.stragglers(snapshot)
        if retry:
            boards = running_boards(snapshot.tasks, retry)
            reason = f"{_chunks(retry)} also started elsewhere: {', '.join(boards) or 'a board'} is slow or hangs."
            return Verdict(retry=tuple(retry), avoid=tuple(boards), reason=reason, remark=remark)
        return Verdict(remark=remark)

    def _hanging(self, snapshot: Snapshot, now: float) -> list[int]:
        """Return the chunks all of whose tasks have been starting for too long."""
        placed = [task for task in snapshot.tasks if task.ended is None and task.board]
        starting = [task.attempt for task in placed if task.is_starting]
        self._starting_since = {attempt: self._starting_since.get(attempt, now) for attempt in starting}
        hang = {attempt for attempt, since in self._starting_since.items() if now - since >= START_TIMEOUT}
        if not hang:
            return []
        running = {*snapshot.slots.running}
        attempts: dict[int, set[str]] = {}
        for task in placed:
            if task.chunk in running:
                attempts.setdefault(task.chunk, set()).add(task.attempt)
        return sorted(chunk for chunk, own in attempts.items() if own <= hang)

    def _retryable(self, snapshot: Snapshot, hanging: list[int]) -> list[int]:
        """Return which hanging chunks other boards can start. Each is retried once."""
        if not {*snapshot.schedulable} - {*running_boards(snapshot.tasks, hanging)}:
            return []
        retry = [chunk for chunk in hanging if chunk not in self.progress.retried]
        self.progress.retried.update(retry)
        return retry

    def _given_up(self, snapshot: Snapshot, now: float) -> Verdict | None:
        """Return the verdict on abandoned chunks: boards on which they have not failed may retry them, once."""
        tasks, schedulable = snapshot.tasks, snapshot.schedulable
        self._stopped_since = {chunk: self._stopped_since.get(chunk, now) for chunk in snapshot.slots.stopped}
        lost = [chunk for chunk, since in self._stopped_since.items() if now - since >= STOPPED_TIMEOUT]
        for chunk in lost:
            if chunk in self.progress.retried or not retry_boards(tasks, schedulable, chunk):
                return Verdict(failure=failure_message(tasks, snapshot.logs, chunk))
        # Chunks that wait may fail on the same boards: one retry round for all of them.
        if not lost or snapshot.slots.waiting:
            return None
        avoid = failed_boards(tasks, lost[0])
        retry = tuple(chunk for chunk in lost if failed_boards(tasks, chunk) == avoid)
        self.progress.retried.update(retry)
        others = ", ".join(retry_boards(tasks, schedulable, lost[0]))
        failure = failure_message(tasks, snapshot.logs, lost[0])
        return Verdict(failure=failure, retry=retry, avoid=tuple(avoid), reason=f"{failure} Retrying on {others}.")

    def _unschedulable(self, snapshot: Snapshot, now: float) -> str:
        message = pending_reason(snapshot.tasks, snapshot.slots)
        # Full boards run chunks of another job, which will end.
        if "no suitable node" not in message or "insufficient resources" in message:
            self._unschedulable_since = None
            return ""
        self._unschedulable_since = self._unschedulable_since or now
        if now - self._unschedulable_since < UNSCHEDULABLE_TIMEOUT:
            return ""
        return f"no board has been available for {UNSCHEDULABLE_TIMEOUT / 60:.0f} minutes: Swarm reports {message}."

    def _waiting_remark(self, snapshot: Snapshot, now: float) -> str:
        """Return why nothing runs, if that has lasted for some time."""
        message = pending_reason(snapshot.tasks, snapshot.slots)
        self._waiting_since = (self._waiting_since or now) if message else None
        return message if self._waiting_since is not None and now - self._waiting_since >= WAIT_TIMEOUT else ""

    def _late(self, now: float) -> str:
        if not self._deadline or self._elapsed + now - self.progress.started < self._deadline:
            return ""
        return f"the deadline of {self._deadline:.0f} s has passed."


def _hanging_remark(snapshot: Snapshot, hanging: Collection[int]) -> str:
    boards = ", ".join(running_boards(snapshot.tasks, hanging))
    return (
        f"{boards}: no container has started for {START_TIMEOUT / 60:.0f} minutes. Does Docker hang there, "
        "or is the NFS server down?"
    )


def _chunks(numbers: Sequence[int]) -> str:
    shown = ", ".join(map(str, numbers[:10])) + (f" and {len(numbers) - 10} more" if len(numbers) > 10 else "")
    return f"chunk{'s' * (len(numbers) > 1)} {shown}"
