"""The workers of the local engine: long-lived processes that run one chunk after another."""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import connection, get_context
from multiprocessing.context import ForkProcess
from typing import Any

from csvswarm.errors import CsvswarmError
from csvswarm.runtime import progress

MAX_ATTEMPTS = 3

#: Runs one chunk; returns the status of its receipt. Called in a worker process.
ChunkRunner = Callable[[int], str]


@dataclass
class _Worker:
    process: ForkProcess
    pipe: Any
    chunk: int | None = None
    since: float = 0.0
    done: int = 0


class WorkerPool:
    """Runs chunks in `count` processes, forked with everything already imported.

    A chunk whose process dies or raises is retried, up to MAX_ATTEMPTS attempts in total.
    """

    def __init__(self, count: int, run: ChunkRunner) -> None:
        self._count, self._run = count, run
        self._workers: list[_Worker] = []
        self._attempts: dict[int, int] = {}
        self.chunks_per_worker = [0] * count
        #: attempts that ended without a receipt, in the form of job.json
        self.lost: list[dict[str, Any]] = []

    def map(self, chunks: Sequence[int], on_result: Callable[[int, str], bool]) -> None:
        """Run the chunks and call `on_result(chunk, status)` after each; assign no new ones once it returns true.

        Raises CsvswarmError if a chunk failed MAX_ATTEMPTS times.
        """
        waiting = deque(chunks)
        is_stopped = False
        try:
            while len(self._workers) < min(self._count, len(waiting)):
                self._start()
            for worker in self._workers:
                self._assign(worker, waiting)
            while any(worker.chunk is not None for worker in self._workers):
                for worker in self._ready():
                    status, message = self._receive(worker)
                    chunk, worker.chunk = worker.chunk, None
                    if chunk is None:
                        continue
                    progress.end(chunk - 1, failed=status in ("failed", "error"))
                    if status == "failed":
                        self.lost.append(_lost_attempt(worker, chunk, message))
                        self._record_failure(chunk, message)
                        waiting.appendleft(chunk)
                    else:
                        self.chunks_per_worker[self._workers.index(worker)] += 1
                        is_stopped |= on_result(chunk, status)
                    if not worker.process.is_alive():
                        self._replace(worker)
                    if not is_stopped:
                        self._assign(worker, waiting)
        except BaseException:
            self.close(kill=True)
            raise

    def close(self, *, kill: bool = False) -> None:
        """Stop the worker processes. Those that still work are killed: an interrupt may have come before that."""
        # On a terminal, Ctrl-C may reach this process twice. Without the mask, a worker could outlive it.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            for worker in self._workers:
                worker.pipe.close()
                if kill or worker.chunk is not None:
                    worker.process.kill()
            for worker in self._workers:
                worker.process.join()
            self._workers = []
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def _start(self) -> None:
        context = get_context("fork")
        ours, theirs = context.Pipe()
        others = [worker.pipe for worker in self._workers] + [ours]
        process = context.Process(target=_serve, args=(theirs, others, self._run), daemon=True)
        # Blocked until the worker ignores it: a Ctrl-C in between would end the worker with a traceback.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        theirs.close()
        self._workers.append(_Worker(process, ours))

    def _replace(self, worker: _Worker) -> None:
        worker.pipe.close()
        index = self._workers.index(worker)
        rest = self._workers[:index] + self._workers[index + 1 :]
        self._workers = rest
        self._start()
        fresh = self._workers.pop()
        worker.process, worker.pipe = fresh.process, fresh.pipe
        self._workers = [*rest[:index], worker, *rest[index:]]

    def _assign(self, worker: _Worker, waiting: deque[int]) -> None:
        if waiting:
            worker.chunk, worker.since = waiting.popleft(), time.time()
            with suppress(BrokenPipeError, ConnectionResetError):  # it died in between, which the next receive reports
                worker.pipe.send(worker.chunk)

    def _ready(self) -> list[_Worker]:
        busy = [worker for worker in self._workers if worker.chunk is not None]
        events = connection.wait([worker.pipe for worker in busy])
        return [worker for worker in busy if worker.pipe in events]

    def _receive(self, worker: _Worker) -> tuple[str, str]:
        try:
            status, message = worker.pipe.recv()
            return str(status), str(message)
        except (EOFError, ConnectionResetError):
            worker.process.join()
            code = worker.process.exitcode or 0
            reason = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"exited with {code}"
            hint = "; is there too little memory for so many workers?" if code == -signal.SIGKILL else ""
            return "failed", f"its worker process {reason}{hint}"

    def _record_failure(self, chunk: int, message: str) -> None:
        self._attempts[chunk] = self._attempts.get(chunk, 0) + 1
        if self._attempts[chunk] >= MAX_ATTEMPTS or "No space left" in message:
            raise CsvswarmError(
                f"chunk {chunk} failed {self._attempts[chunk]} time{'s' * (self._attempts[chunk] > 1)}, "
                f"the last time because {message}. "
                "Finished chunks are kept: rerun with the same job_id when the cause is fixed."
            )


def _lost_attempt(worker: _Worker, chunk: int, message: str) -> dict[str, Any]:
    """Return the entry of an attempt whose process died or raised."""
    now = time.time()
    return {
        "chunk": chunk,
        "attempt": f"local-{worker.process.pid}-{now:.3f}",
        "board": socket.gethostname(),
        "started": worker.since,
        "ended": now,
        "exit": worker.process.exitcode,
        "message": message,
    }


def _serve(pipe: Any, others: list[Any], run: ChunkRunner) -> None:
    """Main loop of a worker: receive chunks, send statuses, until the pipe closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what Ctrl-C means
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    for other in others:
        other.close()  # otherwise other workers keep the pipe open, and this one outlives its parent
    while True:
        try:
            chunk = pipe.recv()
        except (EOFError, OSError):
            break
        try:
            reply = (run(chunk), "")
        except MemoryError:
            reply = ("failed", "its worker process ran out of memory")
        except OSError as error:
            reply = ("failed", f"of {error.strerror or error}" + (f" ({error.filename})" if error.filename else ""))
        except Exception as error:  # noqa: BLE001  # the parent reports any error and decides
            reply = ("failed", f"of {type(error).__name__}: {error}")
        try:
            pipe.send(reply)
        except OSError:
            break
    sys.stdout.flush()
    os._exit(0)
