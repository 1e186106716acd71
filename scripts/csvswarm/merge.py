"""Merge early: while workers still process, what is committed already is brought together in order.

For results whose partials follow each other. What comes of it is a head start and nothing more: the collector takes the
merged file when it names exactly the receipts that count, and otherwise writes the result from the partials.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from contextlib import suppress
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from .errors import CsvswarmError
from .job import Job, Manifest, Receipt, read_json, sync_directory, write_json
from .processor import Processor
from .result import Hashing, context_of, copy_part, header_bytes
from .schema import Schema
from .sinks import described
from .state import State

DATA, RECORD = MERGED = "merged.csv", "merged.json"
#: How much may be written before the disk is asked to keep up, so that little is left to wait for at the end.
SYNC_BYTES = 64 << 20


class Merger:
    """A process that appends partials to the merged file in order of their chunks; `tell` it what was committed.

    state: where the job stands; what is done already is merged first.
    """

    def __init__(self, job: Job, manifest: Manifest, processor: Processor, state: State) -> None:
        for name in reversed(MERGED):
            (job.directory / name).unlink(missing_ok=True)
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
    data = job.directory / DATA
    with suppress(OSError, CsvswarmError):
        record = _append(data, pipe, job, manifest, processor, state)
        if record is not None:
            write_json(job.directory / RECORD, record)
            os._exit(0)
    with suppress(OSError):
        data.unlink(missing_ok=True)  # half of a head start is none, and takes space that the workers may need
    os._exit(0)


def _append(
    path: Path, pipe: Any, job: Job, manifest: Manifest, processor: Processor, state: State
) -> dict[str, Any] | None:
    """Append partials until all are there; return the record of what the file is made of, None when one is missing."""
    done = dict(state.done)
    parts: list[Receipt] = []
    synced = 0
    with path.open("wb") as file:
        hashing = Hashing(file)
        while True:
            while (receipt := done.pop(len(parts) + 1, None)) is not None:
                if not parts:
                    _begin(hashing, manifest, state.schema, processor, receipt)
                copy_part(hashing, job, receipt, "partial")
                parts.append(receipt)
                if hashing.size - synced >= SYNC_BYTES:
                    file.flush()
                    os.fdatasync(file.fileno())
                    synced = hashing.size
            if len(parts) == len(manifest.chunks):
                break
            try:
                chunk = pipe.recv()
            except EOFError:
                return None
            done[chunk] = job.receipt(chunk, state.generation)
        file.flush()
        os.fsync(file.fileno())
    rows = sum(receipt.rows_out for receipt in parts)
    return {"parts": [_name(receipt) for receipt in parts], "rows": rows, **hashing.described(DATA)}


def _begin(file: Hashing, manifest: Manifest, schema: Schema, processor: Processor, first: Receipt) -> None:
    if first.columns is None and not hasattr(processor.module, "header"):
        raise CsvswarmError("the first chunk has no columns: a later one may")
    file.write(header_bytes(manifest, processor, context_of(manifest, schema), first.columns))


def _name(receipt: Receipt) -> list[Any]:
    return [receipt.chunk, receipt.generation, receipt.attempt, receipt.files["partial"]["checksum"]]


def take_merged(job: Job, target: Path, receipts: Sequence[Receipt]) -> tuple[int, dict[str, Any]] | None:
    """Make the merged file the result `target`, if it is of just these receipts; return (rows, its description).

    None when there is none, or it lies on another file system.
    """
    record = read_json(job.directory / RECORD)
    data = job.directory / DATA
    if record is None or record["parts"] != [_name(receipt) for receipt in receipts if "partial" in receipt.files]:
        return None
    if not data.is_file() or described(data) != {name: record[name] for name in ("name", "bytes", "checksum")}:
        return None  # something has touched it since
    try:
        data.replace(target)
    except OSError as error:
        if error.errno == errno.EXDEV:
            return None
        raise
    sync_directory(target.parent)
    return record["rows"], {"name": target.name, "bytes": record["bytes"], "checksum": record["checksum"]}
