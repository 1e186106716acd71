"""Cores and memory of this machine, and the numbers of chunks and workers they allow."""

from __future__ import annotations

import ctypes
import os
from contextlib import suppress
from pathlib import Path

from csvswarm.errors import OptionError

#: Memory of one worker: its imports, one block in several forms, and a reserve.
WORKER_BYTES = 300 << 20
MIN_CHUNK_BYTES, MAX_CHUNK_BYTES = 512 << 10, 256 << 20
#: For concatenated outputs: few partials wait for the merge, so little memory is touched.
MAX_ROWS_CHUNK_BYTES = 24 << 20
CHUNKS_PER_WORKER = 3
#: From malloc.h; the threshold is larger than any single free.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, NEVER_TRIM_BYTES = -1, -3, 1 << 30


def disable_malloc_trim() -> None:
    """Keep freed memory in this process for its next block, which has the same size.

    The kernel clears every page it hands out, which takes as long as reading the block. The peak is unchanged.
    """
    with suppress(OSError, AttributeError):
        libc = ctypes.CDLL(None)
        libc.mallopt(M_MMAP_THRESHOLD, NEVER_TRIM_BYTES)
        libc.mallopt(M_TRIM_THRESHOLD, NEVER_TRIM_BYTES)


def cores() -> int:
    """Return the number of cores this process may use."""
    return len(os.sched_getaffinity(0))


def free_memory() -> int:
    """Return the bytes of memory available, by the kernel's estimate and the container's limit."""
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


def memory_limit() -> int:
    """Return the memory limit of this process's control group in bytes, 0 if there is none or it is unknown."""
    try:
        limit = Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii").strip()
    except OSError:
        return 0
    return int(limit) if limit.isdigit() else 0


def parse_count(name: str, value: str) -> int | None:
    """Return the number given by an option, None for "auto". Raises OptionError."""
    if value == "auto":
        return None
    if not value.isdigit() or not 1 <= int(value) <= 100_000:
        raise OptionError(f"{name} is {value!r}, but must be auto or a whole number from 1 to 100000.")
    return int(value)


def parse_limit(value: str) -> int | None:
    """Return how many records at most an option allows, None for "none". Raises OptionError."""
    if value == "none":
        return None
    if not value.isdigit() or not 1 <= int(value) < 10**15:
        raise OptionError(f"limit is {value!r}, but must be a whole number of records from 1 to {10**15 - 1}, or none.")
    return int(value)


def workers_for(requested: int | None, chunks: int) -> int:
    """Return the number of workers: as requested, or what cores and memory allow; at most one per chunk."""
    if requested is None:
        requested = max(1, min(cores(), free_memory() // WORKER_BYTES))
    return max(1, min(requested, chunks))


def chunk_bytes_for(size: int, workers: int | None, max_bytes: int = MAX_CHUNK_BYTES) -> int:
    """Return the size of chunks for an input of `size` bytes: several per worker, none too small to be worth its start.

    max_bytes: upper limit of the size.
    """
    share = -(-size // (CHUNKS_PER_WORKER * (workers or cores())))
    return min(max(share, MIN_CHUNK_BYTES), max_bytes)
