"""Collect: verify every partial, bring them together in order, and commit the result."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import xxhash

from .attempt import REJECTED_COLUMNS, load_job_processor
from .dialect import BOM, CANONICAL
from .errors import JobError
from .job import SUCCESS, Job, Manifest, Receipt, read_json, sync_directory, write_json
from .keyed import FAN_IN, merge_runs, write_run
from .processor import Context, Processor
from .sinks import described, frame_table, read_table
from .state import State, settle
from .text import Data, canonical, header_of, kind_of, rows_of

COPY_BYTES = 4 << 20
RESULT, REJECTED, REPORT = "result.csv", "rejected.csv", "job.json"


@dataclass
class Collected:
    """result: path of the result. rejected_file: path of the records set aside, None when there are none."""

    chunks: int
    rows_in: int
    rows_out: int
    rejected: int
    result: str
    rejected_file: str | None
    seconds: float = 0.0

    def to_json(self) -> dict[str, Any]:
        return vars(self)


def collect(job: Job, output: Path) -> Collected:
    """Merge the partials into output/result.csv, beside it job.json and, last of all, the success marker.

    Raises JobError when chunks are missing, a partial is damaged or the output directory belongs to something else.
    """
    started = time.monotonic()
    manifest = job.require_manifest()
    output = output.expanduser().absolute()
    check_output(output, job.job_id)
    if (finished := _finished(output, job)) is not None:
        return finished
    state = settle(job, manifest)
    if missing := [chunk.number for chunk in manifest.chunks if chunk.number not in state.done]:
        raise JobError(
            f"job {job.job_id} cannot be collected: {len(missing)} of {len(manifest.chunks)} chunks have no partial "
            f"(first: chunk {missing[0]}). Run split_processing.py with this --job again."
        )
    receipts = [state.done[chunk.number] for chunk in manifest.chunks]
    _verify_rows(job, manifest, receipts)
    output.mkdir(parents=True, exist_ok=True)
    rows_out, result = _commit(output / RESULT, job, lambda file: _write_result(file, job, manifest, state, receipts))
    rejected = sum(receipt.rejected for receipt in receipts)
    if rejected:
        _commit(output / REJECTED, job, lambda file: _write_rejected(file, job, receipts))
    else:
        (output / REJECTED).unlink(missing_ok=True)
    collected = Collected(
        chunks=len(receipts),
        rows_in=manifest.rows,
        rows_out=rows_out,
        rejected=rejected,
        result=str(output / RESULT),
        rejected_file=str(output / REJECTED) if rejected else None,
        seconds=time.monotonic() - started,
    )
    write_json(output / REPORT, _report(manifest, state, receipts, collected, result))
    write_json(output / SUCCESS, {"job_id": job.job_id, "checksum": result["checksum"], **collected.to_json()})
    _clean(job)
    return collected


def check_output(output: Path, job_id: str) -> None:
    """Raise JobError when results cannot be written to `output`, or it holds something that is not this job's."""
    if output.exists() and not output.is_dir():
        raise JobError(f"output {output} is a file: name a directory.")
    report = read_json(output / REPORT) if output.is_dir() and (output / REPORT).is_file() else None
    if report is not None and report.get("job_id") != job_id:
        raise JobError(
            f"output {output} already holds the result of job {report.get('job_id')}: "
            "name another directory, or remove that one first."
        )
    if report is None and (output / RESULT).exists():
        raise JobError(f"output {output} already holds a {RESULT} of something else: name another directory.")
    existing = next(path for path in [output, *output.parents] if path.exists())
    if not os.access(existing, os.W_OK | os.X_OK):
        raise JobError(f"output {output} cannot be written: you lack the permission on {existing}.")


def _finished(output: Path, job: Job) -> Collected | None:
    """Return what an earlier call of this job committed, if it still stands whole."""
    marker = read_json(output / SUCCESS) if (output / SUCCESS).is_file() else None
    if marker is None or marker.pop("job_id") != job.job_id:
        return None
    checksum = marker.pop("checksum")
    if not (output / RESULT).is_file() or described(output / RESULT)["checksum"] != checksum:
        return None
    return Collected(**marker)


class _Hashing:
    """A file that knows the checksum of what was written to it."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._digest = xxhash.xxh3_128()
        self._bytes = 0

    def write(self, data: Data) -> None:
        self._file.write(data)
        self._digest.update(data)
        self._bytes += len(data)

    def described(self, name: str) -> dict[str, Any]:
        return {"name": name, "bytes": self._bytes, "checksum": self._digest.hexdigest()}


def _commit(path: Path, job: Job, write: Callable[[_Hashing], int]) -> tuple[int, dict[str, Any]]:
    """Write a file beside its name, make it durable, and rename it: it is there whole or not at all.

    Returns (rows, name with bytes and checksum).
    """
    temporary = path.with_name(f".{path.name}.{job.job_id}")
    try:
        with temporary.open("wb") as file:
            hashing = _Hashing(file)
            rows = write(hashing)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_directory(path.parent)
    return rows, hashing.described(path.name)


def _verify_rows(job: Job, manifest: Manifest, receipts: list[Receipt]) -> None:
    for chunk, receipt in zip(manifest.chunks, receipts, strict=True):
        if receipt.rows_in + receipt.rejected != chunk.rows:
            raise JobError(
                f"job {job.job_id}: chunk {chunk.number} has {chunk.rows} records, but its receipt speaks of "
                f"{receipt.rows_in} read and {receipt.rejected} rejected; please report this."
            )


# -- bringing partials together ----------------------------------------------------------------------------------------


def _write_result(file: _Hashing, job: Job, manifest: Manifest, state: State, receipts: list[Receipt]) -> int:
    processor = load_job_processor(job, manifest)
    context = Context(
        options=dict(manifest.request["options"]),
        names=manifest.names,
        schema=state.schema,
        dialect=manifest.dialect,
        null_values=manifest.request["null_values"],
        rows=sum(receipt.rows_in for receipt in receipts),
    )
    if not processor.combines:
        return _concatenate(file, job, manifest, processor, context, receipts)
    for receipt in receipts:
        _verify(job, receipt, "partial")
    paths = [_partial(job, receipt) for receipt in receipts]
    if processor.is_keyed:
        return _merge_keyed(file, job, processor, context, paths)
    import pandas as pd  # only here: most jobs end without it

    frames = [read_table(path) for path in paths]
    partials = [table.to_pandas() if table.schema.pandas_metadata else table for table in frames]
    result = processor.call("combine", partials, context)
    if processor.finishes:
        result = processor.call("finish", result, context)
    if isinstance(result, pd.DataFrame) or not isinstance(result, pa.Table):
        from .frame import to_columns

        names, arrays = to_columns(result, processor.name)
        result = pa.table(arrays, names=names)
    return _write_tables(file, iter([result]))


def _concatenate(
    file: _Hashing, job: Job, manifest: Manifest, processor: Processor, context: Context, receipts: list[Receipt]
) -> int:
    columns = next((receipt.columns for receipt in receipts if receipt.columns is not None), None)
    if hasattr(processor.module, "header"):
        header = processor.call("header", context, (BOM if manifest.bom else b"") + manifest.header.encode())
        file.write(header)
    elif columns:
        file.write(header_of(columns, CANONICAL))
    for receipt in receipts:
        _copy(file, job, receipt, "partial")
    return sum(receipt.rows_out for receipt in receipts)


def _merge_keyed(file: _Hashing, job: Job, processor: Processor, context: Context, paths: list[Path]) -> int:
    def combine(tables: list[pa.Table]) -> pa.Table:
        table: pa.Table = processor.call("combine", tables, context)
        return table

    keys = processor.keys(context)
    merged: list[Path] = []
    try:
        while len(paths) > FAN_IN:
            path = job.directory / f"merge-{len(merged)}.arrow"
            write_run(path, merge_runs(paths[:FAN_IN], keys, combine))
            merged.append(path)
            paths = [*paths[FAN_IN:], path]
        pieces = merge_runs(paths, keys, combine)
        result = processor.call("finish", pieces, context) if processor.finishes else pieces
        if isinstance(result, pa.Table):
            result = iter([result])
        elif not isinstance(result, Iterator):
            result = iter([frame_table(result, processor)])
        return _write_tables(file, result)
    finally:
        for path in merged:
            path.unlink(missing_ok=True)


def _write_tables(file: _Hashing, tables: Iterator[pa.Table]) -> int:
    rows, header = 0, False
    for table in tables:
        if not header:
            file.write(header_of(table.column_names, CANONICAL))
            header = True
        arrays = [column.combine_chunks() for column in table.columns]
        file.write(rows_of([canonical(array, kind_of(array)) for array in arrays], CANONICAL))
        rows += table.num_rows
    return rows


def _write_rejected(file: _Hashing, job: Job, receipts: list[Receipt]) -> int:
    file.write(header_of(REJECTED_COLUMNS, CANONICAL))
    for receipt in receipts:
        if "rejected" in receipt.files:
            _copy(file, job, receipt, "rejected")
    return sum(receipt.rejected for receipt in receipts)


def _partial(job: Job, receipt: Receipt) -> Path:
    return job.attempts_directory / str(receipt.files["partial"]["name"])


def _copy(file: _Hashing, job: Job, receipt: Receipt, name: str) -> None:
    """Append a file that a receipt names, verifying it on the way."""
    named = receipt.files[name]
    digest = xxhash.xxh3_128()
    try:
        with (job.attempts_directory / named["name"]).open("rb", buffering=0) as source:
            while data := source.read(COPY_BYTES):
                digest.update(data)
                file.write(data)
    except FileNotFoundError:
        _lost(job, receipt)
    if digest.hexdigest() != named["checksum"]:
        _lost(job, receipt)


def _verify(job: Job, receipt: Receipt, name: str) -> None:
    named = receipt.files[name]
    path = job.attempts_directory / named["name"]
    if not path.is_file() or described(path) != named:
        _lost(job, receipt)


def _lost(job: Job, receipt: Receipt) -> None:
    """Take the receipt of a lost or damaged partial back, so that the next run makes it again."""
    (job.receipts_directory / f"{receipt.chunk:06d}-{receipt.generation:04d}.json").unlink(missing_ok=True)
    raise JobError(
        f"the partial of chunk {receipt.chunk} in {job.attempts_directory} is lost or damaged: "
        f"its receipt was taken back; run job {job.job_id} again and only this chunk is processed again."
    )


# -- the end -----------------------------------------------------------------------------------------------------------


def _report(
    manifest: Manifest, state: State, receipts: list[Receipt], collected: Collected, result: dict[str, Any]
) -> dict[str, Any]:
    return {
        "format": manifest.format,
        "job_id": manifest.job_id,
        "status": "done",
        "created": manifest.created,
        "ended": time.time(),
        "input": manifest.input,
        "processor": manifest.processor,
        "request": manifest.request,
        "schema": state.schema.types,
        "generation": state.generation,
        "mode": manifest.mode,
        "chunks": collected.chunks,
        "rows_in": collected.rows_in,
        "rows_out": collected.rows_out,
        "rejected": collected.rejected,
        "result": result,
        "seconds": {"split": manifest.split_seconds, "collect": collected.seconds},
        "attempts": [_told(receipt) for receipt in receipts],
    }


def _told(receipt: Receipt) -> dict[str, Any]:
    names = "chunk", "attempt", "board", "started", "ended", "rows_in", "rows_out", "rejected", "peak_bytes"
    return {name: getattr(receipt, name) for name in names}


def _clean(job: Job) -> None:
    """Remove the data that the result now holds; receipts and manifest stay, to tell what happened."""
    for path in job.attempts_directory.iterdir():
        if path.suffix != ".json":
            path.unlink(missing_ok=True)
    for path in job.chunks_directory.iterdir():
        path.unlink(missing_ok=True)
