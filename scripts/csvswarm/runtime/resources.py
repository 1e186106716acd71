"""How much this machine can take: cores, memory, and the numbers of chunks and workers that follow."""

from __future__ import annotations

import ctypes
import os
from contextlib import suppress
from pathlib import Path

from csvswarm.errors import OptionError

#: What one worker may need: its imports, one block in several forms, and some to spare.
WORKER_BYTES = 300 << 20
MIN_CHUNK_BYTES, MAX_CHUNK_BYTES = 512 << 10, 256 << 20
#: Where outputs follow each other: few partials wait to be merged then, and so little memory is written to.
MAX_ROWS_CHUNK_BYTES = 24 << 20
CHUNKS_PER_WORKER = 3
#: From malloc.h, and more than is ever freed at once.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, KEPT_BYTES = -1, -3, 1 << 30


def keep_freed_memory() -> None:
    """Let this process keep what it frees for its next block, which is of the same size.

    The kernel clears every page it gives out, which takes as long as reading the block does. Memory is bounded by the
    peak as before.
    """
    with suppress(OSError, AttributeError):
        libc = ctypes.CDLL(None)
        libc.mallopt(M_MMAP_THRESHOLD, KEPT_BYTES)
        libc.mallopt(M_TRIM_THRESHOLD, KEPT_BYTES)


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0))


def free_memory() -> int:
    """Return the bytes of memory that can be used, by the kernel's estimate and the container's limit."""
    free = 1 << 62
    try:
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                free = int(line.split()[1]) * 1024
        limit = Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii").strip()
        if limit.isdigit():
            free = min(free, int(limit) - int(Path("/sys/fs/cgroup/memory.current").read_text(encoding="ascii")))
    except OSError:
        pass
    return free


def number(name: str, value: str) -> int | None:
    """Return the number an option gives, None for "auto". Raises OptionError."""
    if value == "auto":
        return None
    if not value.isdigit() or not 1 <= int(value) <= 100_000:
        raise OptionError(f"{name} is {value!r}, but must be auto or a whole number from 1 to 100000.")
    return int(value)


def limit(value: str) -> int | None:
    """Return how many records at most an option allows, None for "none". Raises OptionError."""
    if value == "none":
        return None
    if not value.isdigit() or not 1 <= int(value) < 10**15:
        raise OptionError(f"limit is {value!r}, but must be a whole number of records from 1 to {10**15 - 1}, or none.")
    return int(value)


def workers_for(wanted: int | None, chunks: int) -> int:
    """Return the number of worker processes: as wanted, or what cores and memory allow; never more than chunks."""
    if wanted is None:
        wanted = max(1, min(cores(), free_memory() // WORKER_BYTES))
    return max(1, min(wanted, chunks))


def chunk_bytes_for(size: int, workers: int | None, most: int = MAX_CHUNK_BYTES) -> int:
    """Return how large chunks should be for an input of `size` bytes: several per worker, of a size worth a start.

    most: how large they may be.
    """
    share = -(-size // (CHUNKS_PER_WORKER * (workers or cores())))
    return min(max(share, MIN_CHUNK_BYTES), most)
