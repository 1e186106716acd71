"""Merges committed partials in order while workers still process chunks.

For results of concatenated partials. The collector uses the merged file if it contains exactly the receipts that count;
otherwise it writes the result from the partials. On one machine, a merged partial's file is removed, so that the next
partial reuses its memory: obtaining new memory takes ten times as long as writing to it.
"""

from __future__ import annotations

import errno
import os
import signal
import stat
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing import get_context
from pathlib import Path
from typing import Any, BinaryIO

from csvswarm.errors import CsvswarmError
from csvswarm.job.checksums import HashingWriter
from csvswarm.job.directory import JobDirectory
from csvswarm.job.durable_files import new_token, sync_directory
from csvswarm.job.manifest import Manifest
from csvswarm.job.receipt import Receipt
from csvswarm.job.state import JobState
from csvswarm.partials.assemble import result_header, try_append
from csvswarm.partials.merged_file import (
    PRIMARY,
    SECONDARY,
    MergedFile,
    MergedPart,
    MergedTotal,
    append_entry,
    merged_files,
)
from csvswarm.processor_api.context import Context
from csvswarm.processor_api.processor import Processor
from csvswarm.runtime import progress
from csvswarm.types.schema import Schema

#: Bytes between background syncs, so that the final sync is short.
SYNC_BYTES = 32 << 20
#: Errors of a file system that cannot link the merged file to the result: another one, or one without links.
NO_LINK = (errno.EXDEV, errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)


class EarlyMerger:
    """A process that appends partials to the merged file in order of their chunks, as it is notified of commits.

    state: the state of the job; its committed partials are merged first.
    """

    def __init__(self, job: JobDirectory, manifest: Manifest, processor: Processor, state: JobState) -> None:
        context = get_context("fork")
        theirs, self._pipe = context.Pipe(duplex=False)
        self._process = context.Process(
            target=_merge, args=(theirs, self._pipe, job, manifest, processor, state), daemon=True
        )
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            self._process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        theirs.close()

    def notify_committed(self, chunk: int) -> None:
        """Report that a chunk was committed under the newest schema."""
        with suppress(OSError):  # without a merger, the collector does all the work
            self._pipe.send(chunk)

    def close(self) -> None:
        """Wait until all committed partials are merged, or cannot be."""
        self._pipe.close()
        self._process.join()


def _merge(
    pipe: Any, other_end: Any, job: JobDirectory, manifest: Manifest, processor: Processor, state: JobState
) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # after Ctrl-C the parent closes the pipe
    other_end.close()
    progress.stop()  # only the attempts count
    with suppress(OSError, CsvswarmError):
        _append_all(pipe, job, manifest, processor, state)
    os._exit(0)


def _append_all(pipe: Any, job: JobDirectory, manifest: Manifest, processor: Processor, state: JobState) -> None:
    """Write a merged file. The primary one may have the only copy of a partial; the secondary one is a copy."""
    merged, is_primary = MergedFile(job.directory, PRIMARY), True
    try:
        log = merged.log.open("xb", buffering=0)
    except FileExistsError:
        merged, is_primary = MergedFile(job.directory, SECONDARY), False
        merged.remove()
        log = merged.log.open("xb", buffering=0)
    with log:
        appender = _Appender(job, manifest, merged, log, reclaims_partials=is_primary and not manifest.durable)
        try:
            if appender.append_all(pipe, processor, state):
                return
        except (OSError, CsvswarmError):
            pass
        # An incomplete copy is useless, and takes space that the workers may need.
        appender.end_early()


class _Appender:
    """Appends partials to a merged file and its log. reclaims_partials: remove the files of merged partials.

    parts: receipts of the logged partials, in order. end: end of the last one, in bytes.
    """

    def __init__(
        self, job: JobDirectory, manifest: Manifest, merged: MergedFile, log: Any, *, reclaims_partials: bool
    ) -> None:
        self._job, self._manifest, self._merged, self._log = job, manifest, merged, log
        self.reclaims_partials = reclaims_partials
        self.parts: list[Receipt] = []
        self.end = 0
        self._data: BinaryIO | None = None

    def end_early(self) -> None:
        """Keep only the parts of which no other copy exists; remove the rest.

        Only this process's own files are changed: a run that took over may have created others of the same name.
        """
        if self.reclaims_partials and self.parts:
            if self._data is not None:
                os.ftruncate(self._data.fileno(), self.end)
        elif _is_named(self._log, self._merged.log):
            self._merged.remove()

    def append_all(self, pipe: Any, processor: Processor, state: JobState) -> bool:
        """Append partials until all are merged; return whether that succeeded."""
        done = dict(state.done)
        self._data = file = self._merged.data.open("xb")
        with _background_sync(file.fileno()) as keep_up:
            hashing = HashingWriter(file)
            while True:
                while (receipt := done.pop(len(self.parts) + 1, None)) is not None:
                    if not self.parts:
                        _write_header(hashing, self._manifest, state.schema, processor, receipt)
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
        entry = hashing.file_entry("")
        append_entry(
            self._log, MergedTotal(sum(receipt.rows_out for receipt in self.parts), entry["bytes"], entry["checksum"])
        )
        os.fsync(self._log.fileno())
        return True

    def _append(self, file: Any, hashing: HashingWriter, receipt: Receipt) -> None:
        offset = hashing.size
        if not try_append(hashing, self._job, receipt, "partial"):
            # The collector decides about the receipt: this process may outlive the run that started it.
            raise CsvswarmError(f"the partial of chunk {receipt.chunk} is lost or damaged")
        file.flush()
        entry = receipt.files["partial"]
        location = offset, entry["bytes"], entry["checksum"]
        append_entry(self._log, MergedPart(receipt.chunk, receipt.generation, receipt.attempt, *location))
        self.parts.append(receipt)
        self.end = hashing.size
        # A run that took over may have restarted the job and removed the log.
        if self.reclaims_partials and _is_named(self._log, self._merged.log):
            with suppress(OSError):  # harmless: the collector removes it
                (self._job.attempts_directory / entry["name"]).unlink(missing_ok=True)


@contextmanager
def _background_sync(descriptor: int) -> Iterator[Any]:
    """Yield a function that takes the size of a file and syncs it in the background from time to time."""
    requested, ended = threading.Semaphore(0), threading.Event()
    synced = 0

    def sync() -> None:
        while requested.acquire() and not ended.is_set():
            with suppress(OSError):  # only the final sync matters
                os.fdatasync(descriptor)

    def keep_up(size: int) -> None:
        nonlocal synced
        if size - synced >= SYNC_BYTES:
            synced = size
            requested.release()

    thread = threading.Thread(target=sync, daemon=True)
    thread.start()
    try:
        yield keep_up
    finally:
        ended.set()
        requested.release()
        thread.join()


def _write_header(
    file: HashingWriter, manifest: Manifest, schema: Schema, processor: Processor, first: Receipt
) -> None:
    if first.columns is None and not hasattr(processor.module, "header"):
        raise CsvswarmError("the first chunk has no columns: a later one may")
    file.write(result_header(manifest, processor, Context.for_job(manifest, schema, processor.files), first.columns))


def _is_named(file: BinaryIO, path: Path) -> bool:
    """Whether an open file still has its name."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.lstat())
    except FileNotFoundError:
        return False


def adopt_merged_file(
    job: JobDirectory, target: Path, receipts: Sequence[Receipt], is_intact: Callable[[dict[str, Any]], bool]
) -> tuple[int, dict[str, Any]] | None:
    """Link a merged file to `target` if it contains exactly these receipts; return (rows, its file entry).

    is_intact: verifies a file of the output by reading it; a damaged one is removed. The merged file is kept until the
    job is done, because it may have the only copy of a partial. None if no merged file is complete, or links fail.
    """
    for merged in merged_files(job):
        parts, total = merged.read()
        if total is None or len(parts) != len(receipts):
            continue
        if not all(part.is_of(receipt) for part, receipt in zip(parts, receipts, strict=True)):
            continue
        entry = {"name": target.name, "bytes": total.bytes, "checksum": total.checksum}
        if not _is_file_of(merged.data, total.bytes) or not _link(merged.data, target, job.job_id):
            continue
        if is_intact(entry):
            return total.rows, entry
        target.unlink(missing_ok=True)  # it was damaged since
    return None


def _is_file_of(path: Path, size: int) -> bool:
    try:
        found = path.lstat()
    except FileNotFoundError:
        return False
    return stat.S_ISREG(found.st_mode) and found.st_size == size


def _link(data: Path, target: Path, job_id: str) -> bool:
    """Link a file to `target` as well; return whether the file system can."""
    temporary = target.with_name(f".{target.name}.{job_id}.{new_token()}")
    try:
        os.link(data, temporary)
        temporary.replace(target)
        temporary.unlink(missing_ok=True)  # renaming a file to another link of itself does nothing
    except BaseException as error:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno in NO_LINK:
            return False
        raise
    sync_directory(target.parent)
    return True
