"""Run one round of chunks: create its service, watch it, start second attempts, record how its containers ended."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

from csvswarm.driver.engine import Engine, EngineRefused, EngineUnavailable, ServiceRemoved
from csvswarm.driver.errors import JobFailed
from csvswarm.driver.job_files import AttemptLog, JobFiles, ReceiptSummary
from csvswarm.driver.monitor import RoundMonitor, RoundProgress, Snapshot, Verdict
from csvswarm.driver.request import Request
from csvswarm.driver.services import Round, chunk_service, service_name
from csvswarm.driver.status import Status
from csvswarm.driver.tasks import Slots, Task, slots_of
from csvswarm.driver.time_left import TimeLeft
from csvswarm.job.untrusted_files import Damaged

#: Seconds between checks of the receipts, and between requests for the tasks. The latter cost the engine and the driver
#: time for every chunk of the round, so their number shrinks as the round grows.
_POLL = (0.2, 1.0)
_TASKS = (1.0, 15.0)
_TASKS_WHILE_STOPPED = 2.0
#: Maximum share of the driver's core for checks of the receipts, and for requests for the tasks.
_POLL_SHARE, _TASKS_SHARE = 1 / 400, 1 / 400


class RoundRunner:
    """Runs one round to its end.

    sizes: (bytes, records) of each chunk of the job, chunk 1 first. done: chunks that were done before the round.
    """

    def __init__(
        self,
        request: Request,
        engine: Engine,
        files: JobFiles,
        status: Status,
        round_: Round,
        retries: Sequence[Round],
        *,
        sizes: Sequence[Sequence[int]],
        done: Sequence[int],
    ) -> None:
        self._request, self._engine, self._files, self._status = request, engine, files, status
        self._rounds = [round_, *retries]
        self._sizes = sizes
        self._done_before = done
        progress = RoundProgress(retried={chunk for retry in retries for chunk in retry.chunks})
        elapsed = status.seconds_of("process")
        self._monitor = RoundMonitor(request.deadline, progress, speculate=request.speculate, elapsed=elapsed)
        self._time_left = TimeLeft([size for size, _ in sizes])
        self._open = {*round_.chunks}
        self._tasks: list[Task] = []
        self._slots = Slots([], sorted(self._open), [])
        self._schedulable: list[str] = []
        self._logs: list[AttemptLog] = []
        self._tasks_due = 0.0
        self._busy = 0
        self._placed: dict[str, float] = {}

    def run(self) -> None:
        """Run until the receipts decide what comes next.

        Raises JobFailed, Damaged, ServiceRemoved and EngineUnavailable.
        """
        try:
            while not self._watch():
                pass
        except (JobFailed, Damaged):
            self.record()
            raise
        self.record()

    def remove(self) -> None:
        """Remove the round's services."""
        for round_ in self._rounds:
            self._engine.remove(service_name(self._request, round_))

    def _watch(self) -> bool:
        """Check the round once, act, and sleep. Return whether the round is over."""
        began = time.process_time()
        snapshot = self._poll()
        verdict = self._monitor.verdict(snapshot)
        self._report(snapshot, verdict)
        if verdict.over:
            return True
        if verdict.retry:
            self._retry(verdict)
        elif verdict.failure:
            raise JobFailed(verdict.failure, "resume")
        time.sleep(_bounded((time.process_time() - began) / _POLL_SHARE, _POLL))
        return False

    def _poll(self) -> Snapshot:
        # Tasks are read first: a slot that has stopped has already written its receipt.
        if reads_tasks := time.monotonic() >= self._tasks_due:
            began = time.process_time()
            self._read_tasks()
            pause = _bounded((time.process_time() - began) / _TASKS_SHARE, _TASKS)
            self._tasks_due = time.monotonic() + (min(pause, _TASKS_WHILE_STOPPED) if self._slots.stopped else pause)
        receipts = self._files.new_receipts(self._rounds[0].generation, self._open)
        if receipts:
            found = {receipt.chunk for receipt in receipts}
            self._open -= found
            self._slots = self._slots.without(found)
        if reads_tasks:
            self._read_logs()
        return self._snapshot(receipts)

    def _snapshot(self, receipts: Sequence[ReceiptSummary]) -> Snapshot:
        return Snapshot(
            receipts=receipts,
            total=len(self._rounds[0].chunks),
            tasks=self._tasks,
            slots=self._slots,
            schedulable=self._schedulable,
            logs=self._logs,
        )

    def _read_tasks(self) -> None:
        nodes = self._engine.nodes()
        boards = {node.id: node.board for node in nodes}
        self._schedulable = sorted(node.board for node in nodes if node.schedulable)
        self._tasks = [
            Task.from_json(task, boards, round_.number, round_.chunks)
            for round_ in self._rounds
            for task in self._engine.tasks(service_name(self._request, round_))
        ]
        for task in self._tasks:
            if task.placed is not None:  # its state may have changed since: the earliest counts
                self._placed[task.attempt] = min(task.placed, self._placed.get(task.attempt, task.placed))
        self._slots = slots_of(self._tasks, self._open)
        self._busy = len(self._slots.running)

    def _read_logs(self) -> None:
        """Read the logs of slots that stopped without a receipt; a finished chunk may have left anything there."""
        self._logs = [
            log
            for round_ in self._rounds
            for log in self._files.logs(round_.number, self._slots_of(round_, self._slots.stopped))
        ]

    @staticmethod
    def _slots_of(round_: Round, chunks: Sequence[int]) -> Mapping[int, int]:
        wanted = {*chunks}
        return {slot: chunk for slot, chunk in enumerate(round_.chunks, 1) if chunk in wanted} if wanted else {}

    def _retry(self, verdict: Verdict) -> None:
        """Start second attempts beside the round. Whichever attempt commits first counts."""
        main = self._rounds[0]
        try:
            number = self._files.next_round([round_.number for round_ in self._rounds])
            retry = Round(number, main.generation, verdict.retry, retries=main.number)
            self._files.write_round(number, main.generation, verdict.retry)
        except OSError as error:  # the share may be full: then report why the chunks failed
            if verdict.failure:
                why = error.strerror or str(error)
                failure = f"{verdict.failure} Other boards cannot retry it, because the share is not writable: {why}."
                raise JobFailed(failure, "resume") from error
            return
        self._engine.create(chunk_service(self._request, retry, verdict.avoid))
        self._rounds.append(retry)
        self._tasks_due = 0.0
        self._status.note(verdict.reason)

    def _report(self, snapshot: Snapshot, verdict: Verdict) -> None:
        if verdict.remark:
            self._status.note(verdict.remark)
        progress, left, stopped = self._monitor.progress, len(self._open), len(snapshot.slots.stopped)
        # Swarm gives the slot of a finished chunk to the next one immediately, but its tasks show that later.
        running = min(self._busy, left - stopped)
        self._time_left.update(time.monotonic(), [receipt.chunk for receipt in snapshot.receipts], running)
        if not (verdict.over or self._status.is_due):
            return
        passed = max(time.monotonic() - progress.started, 0.001)
        done = [chunk for chunk, status in progress.statuses.items() if status == "done"]
        every = [*self._done_before, *done]
        self._status.values |= {
            "chunks": {
                "total": len(self._sizes),
                "done": len(every),
                "running": running,
                "waiting": left - stopped - running,
                "failed_attempts": sum(task.has_failed for task in snapshot.tasks),
            },
            "bytes": {
                "total": sum(size for size, _ in self._sizes),
                "done": sum(self._sizes[chunk - 1][0] for chunk in every),
            },
            "rows_done": sum(self._sizes[chunk - 1][1] for chunk in every),
            "rows_per_second": round(progress.rows / passed),
            "seconds_left": self._time_left.seconds(progress.running_since, snapshot.slots.waiting) if left else None,
        }
        self._status.write()

    def record(self) -> None:
        """Record how the containers ended, for job.json, if the engine answers."""
        with suppress(ServiceRemoved, EngineRefused, EngineUnavailable):
            self._read_tasks()
        tasks = [replace(task, placed=self._placed.get(task.attempt)) for task in self._tasks]
        self._files.write_tasks(self._rounds[0].number, tasks)


def _bounded(value: float, bounds: tuple[float, float]) -> float:
    return min(max(value, bounds[0]), bounds[1])
