"""Merge early: while workers still process, what is committed already is brought together in order.

For results whose partials follow each other. The collector takes the merged file when it is made of exactly the
receipts that count, and otherwise writes the result from wherever the partials are. On one machine a partial is removed
once the merged file holds it, so the next one is written to the same memory: to find new memory takes ten times as long
as to write to it.
"""

from __future__ import annotations

import errno
import os
import stat
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing import get_context
from pathlib import Path
from typing import Any, BinaryIO

from csvswarm.errors import CsvswarmError
from csvswarm.job.checksums import Hashing
from csvswarm.job.directory import Job
from csvswarm.job.durable_files import new_token, sync_directory
from csvswarm.job.manifest import Manifest
from csvswarm.job.receipt import Receipt
from csvswarm.job.state import State
from csvswarm.partials.assemble import copied, header_bytes
from csvswarm.partials.merged_file import FIRST, OTHER, Held, Part, Whole, all_held, note
from csvswarm.processor_api.context import context_of
from csvswarm.processor_api.processor import Processor
from csvswarm.runtime import progress
from csvswarm.types.schema import Schema

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
    progress.stop()  # the attempts are what counts
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
        merging.end_early()


class _Merging:
    """Appends partials to a merged file and its log. gives_back: remove the files of those that it holds.

    parts: receipts of those that the log names, in order. end: in bytes, where the last one ends.
    """

    def __init__(self, job: Job, manifest: Manifest, held: Held, log: Any, *, gives_back: bool) -> None:
        self._job, self._manifest, self._held, self._log = job, manifest, held, log
        self.gives_back = gives_back
        self.parts: list[Receipt] = []
        self.end = 0
        self._data: BinaryIO | None = None

    def end_early(self) -> None:
        """Keep no more than the parts that are nowhere else; remove the rest.

        The files are this process's own, whatever has their names by now: a run that took over may have made others.
        """
        if self.gives_back and self.parts:
            if self._data is not None:
                os.ftruncate(self._data.fileno(), self.end)
        elif _is_named(self._log, self._held.log):
            self._held.remove()

    def append_all(self, pipe: Any, processor: Processor, state: State) -> bool:
        """Append partials until all are there; return whether they are."""
        done = dict(state.done)
        self._data = file = self._held.data.open("xb")
        with _keeping_up(file.fileno()) as keep_up:
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
        if not copied(hashing, self._job, receipt, "partial"):
            # The collector decides what becomes of its receipt: this process may outlive the run that started it.
            raise CsvswarmError(f"the partial of chunk {receipt.chunk} is lost or damaged")
        file.flush()
        named = receipt.files["partial"]
        place = offset, named["bytes"], named["checksum"]
        note(self._log, Part(receipt.chunk, receipt.generation, receipt.attempt, *place))
        self.parts.append(receipt)
        self.end = hashing.size
        # A run that took over may have begun with all of it once more, and have removed the log.
        if self.gives_back and _is_named(self._log, self._held.log):
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


def _is_named(file: BinaryIO, path: Path) -> bool:
    """Whether an open file still has its name."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.lstat())
    except FileNotFoundError:
        return False


def take_merged(
    job: Job, target: Path, receipts: Sequence[Receipt], is_whole: Callable[[dict[str, Any]], bool]
) -> tuple[int, dict[str, Any]] | None:
    """Make a merged file the result `target`, if it is of just these receipts; return (rows, its description).

    is_whole: reads a file of the output back and says whether it is as described; one that is not is removed again.
    The merged file stays where it is, too: until the job is done it may be all that holds a partial. None when there is
    none that is whole, or it is on another file system.
    """
    for held in all_held(job):
        parts, whole = held.read()
        if whole is None or len(parts) != len(receipts):
            continue
        if not all(part.is_of(receipt) for part, receipt in zip(parts, receipts, strict=True)):
            continue
        described = {"name": target.name, "bytes": whole.bytes, "checksum": whole.checksum}
        if not _is_file_of(held.data, whole.bytes) or not _link(held.data, target, job.job_id):
            continue
        if is_whole(described):
            return whole.rows, described
        target.unlink(missing_ok=True)  # something has touched it since
    return None


def _is_file_of(path: Path, size: int) -> bool:
    try:
        found = path.lstat()
    except FileNotFoundError:
        return False
    return stat.S_ISREG(found.st_mode) and found.st_size == size


def _link(data: Path, target: Path, job_id: str) -> bool:
    """Give a file the name `target` as well; return whether that can be."""
    aside = target.with_name(f".{target.name}.{job_id}.{new_token()}")
    try:
        os.link(data, aside)
        aside.replace(target)
        aside.unlink(missing_ok=True)  # to rename a file to another name of its own changes nothing
    except BaseException as error:
        with suppress(OSError):
            aside.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno in NO_LINK:
            return False
        raise
    sync_directory(target.parent)
    return True
