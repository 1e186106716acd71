"""Merge early: while workers still process, what is committed already is brought together in order.

For results whose partials follow each other. The collector takes the merged file when it is made of exactly the
receipts that count, and otherwise writes the result from wherever the partials are. On one machine a partial is removed
once the merged file holds it, so the next one is written to the same memory: to find new memory takes ten times as long
as to write to it.
"""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from .errors import CsvswarmError
from .held import FIRST, OTHER, Held, Part, Whole, all_held, note
from .job import Job, Manifest, Receipt, sync_directory
from .processor import Processor
from .result import Hashing, context_of, copy_part, header_bytes
from .schema import Schema
from .sinks import described
from .state import State

#: How much may be written before the disk is asked to keep up, so that little is left to wait for at the end.
SYNC_BYTES = 32 << 20
#: Why the merged file may not become the result by a link: another file system, or one without links.
NO_LINK = (errno.EXDEV, errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)


class Merger:
    """A process that appends partials to the merged file in order of their chunks; `tell` it what was committed.

    state: where the job stands; what is done already is merged first.
    """

    def __init__(self, job: Job, manifest: Manifest, processor: Processor, state: State) -> None:
        context = get_context("fork")
        theirs, self._pipe = context.Pipe(duplex=False)
        self._process = context.Process(
            target=_merge, args=(theirs, self._pipe, job, manifest, processor, state), daemon=True
        )
        self._process.start()
        theirs.close()

    def tell(self, chunk: int) -> None:
        """Say that a chunk was committed under the newest schema."""
        with suppress(OSError):  # without a merger the collector does all of the work
            self._pipe.send(chunk)

    def close(self) -> None:
        """Wait until everything that was committed is merged, or cannot be."""
        self._pipe.close()
        self._process.join()


def _merge(pipe: Any, other_end: Any, job: Job, manifest: Manifest, processor: Processor, state: State) -> None:
    other_end.close()
    with suppress(OSError, CsvswarmError):
        _append_all(pipe, job, manifest, processor, state)
    os._exit(0)


def _append_all(pipe: Any, job: Job, manifest: Manifest, processor: Processor, state: State) -> None:
    """Make a merged file. The job's first one may be all that holds a partial; any other is a head start only."""
    held, first = Held(job.directory, FIRST), True
    try:
        log = held.log.open("xb", buffering=0)
    except FileExistsError:
        held, first = Held(job.directory, OTHER), False
        held.remove()
        log = held.log.open("xb", buffering=0)
    with log:
        merging = _Merging(job, manifest, held, log, gives_back=first and not manifest.durable)
        try:
            if merging.append_all(pipe, processor, state):
                return
        except (OSError, CsvswarmError):
            pass
        # Half of a head start is none, and takes space that the workers may need.
        if merging.gives_back and merging.parts:
            os.truncate(held.data, merging.end)
        else:
            held.remove()


class _Merging:
    """Appends partials to a merged file and its log. gives_back: remove the files of those that it holds.

    parts: receipts of those that the log names, in order. end: in bytes, where the last one ends.
    """

    def __init__(self, job: Job, manifest: Manifest, held: Held, log: Any, *, gives_back: bool) -> None:
        self._job, self._manifest, self._held, self._log = job, manifest, held, log
        self.gives_back = gives_back
        self.parts: list[Receipt] = []
        self.end = 0

    def append_all(self, pipe: Any, processor: Processor, state: State) -> bool:
        """Append partials until all are there; return whether they are."""
        done = dict(state.done)
        with self._held.data.open("xb") as file, _keeping_up(file.fileno()) as keep_up:
            hashing = Hashing(file)
            while True:
                while (receipt := done.pop(len(self.parts) + 1, None)) is not None:
                    if not self.parts:
                        _begin(hashing, self._manifest, state.schema, processor, receipt)
                    self._append(file, hashing, receipt)
                    keep_up(self.end)
                if len(self.parts) == len(self._manifest.chunks):
                    break
                try:
                    chunk = pipe.recv()
                except EOFError:
                    return False
                done[chunk] = self._job.receipt(chunk, state.generation)
            file.flush()
            os.fsync(file.fileno())
        whole = hashing.described("")
        note(self._log, Whole(sum(receipt.rows_out for receipt in self.parts), whole["bytes"], whole["checksum"]))
        os.fsync(self._log.fileno())
        return True

    def _append(self, file: Any, hashing: Hashing, receipt: Receipt) -> None:
        offset = hashing.size
        copy_part(hashing, self._job, receipt, "partial")
        file.flush()
        named = receipt.files["partial"]
        place = offset, named["bytes"], named["checksum"]
        note(self._log, Part(receipt.chunk, receipt.generation, receipt.attempt, *place))
        self.parts.append(receipt)
        self.end = hashing.size
        if self.gives_back:
            with suppress(OSError):  # it may stay as well: the collector removes it
                (self._job.attempts_directory / named["name"]).unlink(missing_ok=True)


@contextmanager
def _keeping_up(descriptor: int) -> Iterator[Any]:
    """Give what asks the disk to keep up with a file, told how long this is by now, without waiting for it."""
    asked, ended = threading.Semaphore(0), threading.Event()
    synced = 0

    def sync() -> None:
        while asked.acquire() and not ended.is_set():
            with suppress(OSError):  # the sync at the end is the one that counts
                os.fdatasync(descriptor)

    def keep_up(size: int) -> None:
        nonlocal synced
        if size - synced >= SYNC_BYTES:
            synced = size
            asked.release()

    thread = threading.Thread(target=sync, daemon=True)
    thread.start()
    try:
        yield keep_up
    finally:
        ended.set()
        asked.release()
        thread.join()


def _begin(file: Hashing, manifest: Manifest, schema: Schema, processor: Processor, first: Receipt) -> None:
    if first.columns is None and not hasattr(processor.module, "header"):
        raise CsvswarmError("the first chunk has no columns: a later one may")
    file.write(header_bytes(manifest, processor, context_of(manifest, schema), first.columns))


def take_merged(job: Job, target: Path, receipts: Sequence[Receipt]) -> tuple[int, dict[str, Any]] | None:
    """Make a merged file the result `target`, if it is of just these receipts; return (rows, its description).

    It stays where it is, too: until the job is done it may be all that holds a partial. None when there is none, or it
    lies on another file system.
    """
    for held in all_held(job):
        parts, whole = held.read()
        if whole is None or len(parts) != len(receipts):
            continue
        if not all(part.is_of(receipt) for part, receipt in zip(parts, receipts, strict=True)):
            continue
        if not held.data.is_file() or described(held.data) != {
            "name": held.data.name,
            "bytes": whole.bytes,
            "checksum": whole.checksum,
        }:
            continue  # something has touched it since
        if _link(held.data, target, target.with_name(f".{target.name}.{job.job_id}")):
            return whole.rows, {"name": target.name, "bytes": whole.bytes, "checksum": whole.checksum}
    return None


def _link(data: Path, target: Path, temporary: Path) -> bool:
    """Give a file the name `target` as well; return whether that can be."""
    try:
        os.link(data, temporary)
        temporary.replace(target)
        temporary.unlink(missing_ok=True)  # to rename a file to another name of its own changes nothing
    except BaseException as error:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno in NO_LINK:
            return False
        raise
    sync_directory(target.parent)
    return True
