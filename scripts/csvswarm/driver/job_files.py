"""The files of a job directory that the driver reads while a round runs, and the few that it writes there."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from csvswarm.driver.tasks import Task
from csvswarm.job.durable_files import write_json
from csvswarm.job.receipt import STATUSES
from csvswarm.job.untrusted_files import Damaged, names_in, newest_files, open_directory, read_json, read_tail
from csvswarm.printable import printable_line

#: A receipt names every column.
RECEIPT_BYTES = 4_000_000
#: Number of logs in the record of a failure, and characters of the end of each.
LOGS, LOG_CHARS = 20, 1500
_ROUND = re.compile(r"round-([0-9]{4,8})\.json")
_FIELDS = {"chunk": int, "status": str, "rows_in": int, "rejected": int}


@dataclass(frozen=True)
class ReceiptSummary:
    """The fields of a receipt that the driver uses: chunk, status and the number of records read."""

    chunk: int
    status: str
    rows_in: int = 0


@dataclass(frozen=True)
class AttemptLog:
    """The newest log of a chunk whose attempts failed: its path on the share and its last line."""

    chunk: int
    path: str
    last_line: str


class JobFiles:
    """A job directory as the driver sees it. Everything it reads there is untrusted: see `untrusted`."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def new_receipts(self, generation: int, chunks: Collection[int]) -> list[ReceiptSummary]:
        """Return the receipts under a schema generation of those `chunks` that have one. Raises Damaged.

        The directory is listed once, whatever the number of chunks.
        """
        with open_directory(self._directory) as job, open_directory("receipts", job) as receipts:
            _refresh(receipts)
            names = {f"{chunk:06d}-{generation:04d}.json": chunk for chunk in chunks}
            found = sorted(names.keys() & names_in(receipts))
            return [_summary(name, receipts, names[name]) for name in found]

    def logs(self, number: int, slots: Mapping[int, int]) -> list[AttemptLog]:
        """Return the newest log of each of these slots of a round that has one. slots: slot -> its chunk."""
        found: list[AttemptLog] = []
        if not slots:
            return found
        with suppress(FileNotFoundError), open_directory(self._directory) as job, open_directory("logs", job) as logs:
            names = [name for name in names_in(logs) if name.endswith(".log")]
            for slot, chunk in slots.items():
                own = [name for name in names if name.startswith(f"{number:04d}-{slot:06d}-")]
                for name in newest_files(own, logs)[:1]:
                    last = read_tail(name, logs).strip().rpartition("\n")[2]
                    path = printable_line(str(self._directory / "logs" / name))
                    found.append(AttemptLog(chunk, path, printable_line(last)))
        return found

    def newest_logs(self) -> list[tuple[str, str]]:
        """Return (name, last lines) of the newest logs of failed attempts, the newest first."""
        with suppress(FileNotFoundError), open_directory(self._directory) as job, open_directory("logs", job) as logs:
            names = [name for name in names_in(logs) if name.endswith(".log")]
            return [(name, read_tail(name, logs).strip()[-LOG_CHARS:]) for name in newest_files(names, logs)[:LOGS]]
        return []

    def next_round(self, used: Collection[int]) -> int:
        """Return a number that no round of the job has. used: the rounds of Swarm's services."""
        with open_directory(self._directory) as job:
            written = [int(match[1]) for name in names_in(job) if (match := _ROUND.fullmatch(name))]
        return max([0, *written, *used]) + 1

    def write_round(self, number: int, generation: int, chunks: Sequence[int]) -> None:
        """Write the plan of a round, from which a container learns its chunk. Raises OSError."""
        path = self._directory / f"round-{number:04d}.json"
        write_json(path, {"number": number, "generation": generation, "chunks": list(chunks)})

    def write_tasks(self, number: int, tasks: Sequence[Task]) -> None:
        """Record how the containers of a round ended. A full share loses this record, but does not fail the job."""
        ended: list[dict[str, Any]] = [task.to_json() for task in tasks if task.ended is not None]
        with suppress(OSError):
            write_json(self._directory / f"tasks-{number:04d}.json", {"tasks": ended})


def _refresh(directory: int) -> None:
    """Change an open directory, so that an NFS client lists it afresh instead of from its cache."""
    mark = f".refresh-{os.getpid()}"
    with suppress(OSError):
        flags = os.O_CREAT | os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        os.close(os.open(mark, flags, 0o644, dir_fd=directory))
    with suppress(OSError):
        os.unlink(mark, dir_fd=directory)


def _summary(name: str, at: int, chunk: int) -> ReceiptSummary:
    try:
        receipt = read_json(name, at, RECEIPT_BYTES)
    except FileNotFoundError:
        raise Damaged(f"{name} was removed while the job runs") from None
    if (
        receipt.get("chunk") != chunk
        or any(type(receipt.get(field)) is not kind for field, kind in _FIELDS.items())
        or receipt["status"] not in STATUSES
        or not 0 <= receipt["rows_in"] < 1 << 62
    ):
        raise Damaged(f"{name} is not what csvswarm writes")
    return ReceiptSummary(chunk, receipt["status"], receipt["rows_in"])
