"""What is read of a round of a job while it runs: its plan, its receipts and its logs."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import Any

from ansible.module_utils.processing_job_files import Damaged, entries, folder, read_json, read_tail
from ansible.module_utils.processing_job_text import printable_line

#: A receipt names every column.
RECEIPT_BYTES = 4_000_000


def read_round(job: int, number: int) -> tuple[int, list[int]]:
    """Return the generation and the chunks of a round. Raises Damaged."""
    name = f"round-{number:04d}.json"
    planned = read_json(name, job)
    generation, chunks = planned.get("generation"), planned.get("chunks")
    if (
        not isinstance(generation, int)
        or not isinstance(chunks, list)
        or not all(isinstance(one, int) for one in chunks)
    ):
        raise Damaged(f"{name} is not what csvswarm writes")
    return generation, chunks


def read_receipts(job: int, generation: int, chunks: list[int], known: set[int]) -> list[dict[str, Any]]:
    """Return the receipts of chunks that are not known yet. Raises Damaged."""
    found = []
    with folder("receipts", job) as directory:
        # A change of our own makes an NFS client list the directory afresh.
        mark = f".look-{os.getpid()}"
        with suppress(OSError):
            os.close(os.open(mark, os.O_CREAT | os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK, 0o644, dir_fd=directory))
        with suppress(OSError):
            os.unlink(mark, dir_fd=directory)
        there = {entry.name for entry in entries(directory)}
        for chunk in chunks:
            name = f"{chunk:06d}-{generation:04d}.json"
            if chunk not in known and name in there:
                found.append(read_receipt(name, directory, chunk))
    return found


def read_receipt(name: str, at: int, chunk: int) -> dict[str, Any]:
    """Return what matters of a receipt. Raises Damaged."""
    receipt = read_json(name, at, RECEIPT_BYTES)
    kinds = {"chunk": int, "status": str, "board": str, "rows_in": int, "rejected": int}
    if receipt.get("chunk") != chunk or any(not isinstance(receipt.get(key), kind) for key, kind in kinds.items()):
        raise Damaged(f"{name} is not what csvswarm writes")
    return {key: receipt[key] for key in kinds} | {"board": printable_line(receipt["board"])}


def read_logs(job: Path, at: int, number: int, slots: dict[int, int]) -> list[dict[str, Any]]:
    """Return the newest log of each slot that says something: an attempt that failed has left one, unless it could not.

    job, at: the job directory, and opened. slots: slot -> its chunk.
    """
    found = []
    with suppress(FileNotFoundError), folder("logs", at) as logs:
        names = [entry.name for entry in entries(logs) if entry.name.endswith(".log")]
        for slot, chunk in slots.items():
            own = [name for name in names if name.startswith(f"{number:04d}-{slot:06d}-")]
            if own and (name := newest_file(own, logs)):
                text = read_tail(name, logs).strip()
                path = printable_line(str(job / "logs" / name))
                found.append({"chunk": chunk, "path": path, "last": printable_line(text.rpartition("\n")[2])})
    return found


def newest_file(names: list[str], at: int) -> str:
    """Return which of these regular files was written last, an empty text when none is one."""
    written = {"": 0.0}
    for name in names:
        with suppress(FileNotFoundError):
            status = os.stat(name, dir_fd=at, follow_symlinks=False)
            if stat.S_ISREG(status.st_mode):
                written[name] = status.st_mtime
    return max(written, key=lambda name: written[name])
