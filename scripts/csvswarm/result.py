"""Bring the partials of a job together: follow each other, combine, or merge by key; verified as they are read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import xxhash

from .dialect import BOM, CANONICAL
from .errors import JobError
from .group_sums import load
from .job import Job, Manifest, Receipt
from .keyed import FAN_IN, SMALL, merge_runs, small_groups, write_run
from .lean import pa
from .processor import Context, Processor, load_job_processor
from .schema import Schema
from .sinks import described, frame_table, read_table
from .text import Data, canonical, header_of, kind_of, rows_of, text_rows

COPY_BYTES = 4 << 20
REJECTED_COLUMNS = ["record", "column", "reason", "text"]


class Hashing:
    """A file that knows the checksum of what was written to it."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._digest = xxhash.xxh3_128()
        self.size = 0

    def write(self, data: Data) -> None:
        self._file.write(data)
        self._digest.update(data)
        self.size += len(data)

    def described(self, name: str) -> dict[str, Any]:
        return {"name": name, "bytes": self.size, "checksum": self._digest.hexdigest()}


def write_result(file: Hashing, job: Job, manifest: Manifest, schema: Schema, receipts: Sequence[Receipt]) -> int:
    """Write the result of a job; return its number of rows. receipts: of all its chunks, in order."""
    processor = load_job_processor(job, manifest)
    context = context_of(manifest, schema, rows=sum(receipt.rows_in for receipt in receipts))
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
    file: Hashing, job: Job, manifest: Manifest, processor: Processor, context: Context, receipts: Sequence[Receipt]
) -> int:
    columns = next((receipt.columns for receipt in receipts if receipt.columns is not None), None)
    file.write(header_bytes(manifest, processor, context, columns))
    for receipt in receipts:
        copy_part(file, job, receipt, "partial")
    return sum(receipt.rows_out for receipt in receipts)


def header_bytes(manifest: Manifest, processor: Processor, context: Context, columns: list[str] | None) -> bytes:
    """Return the header of a result whose partials follow each other. columns: what they hold, None for nothing."""
    if hasattr(processor.module, "header"):
        raw = (BOM if manifest.bom else b"") + manifest.header.encode()
        return bytes(processor.call("header", context, raw))
    return header_of(columns, CANONICAL) if columns else b""


def _merge_keyed(file: Hashing, job: Job, processor: Processor, context: Context, paths: list[Path]) -> int:
    def combine(tables: list[pa.Table]) -> pa.Table:
        table: pa.Table = processor.call("combine", tables, context)
        return table

    if (groups := small_groups(paths)) is not None:
        names, rows = processor.call("finish_groups", groups, context)
        file.write(text_rows([names, *rows], CANONICAL))
        return len(rows)
    keys = processor.keys(context)
    merged: list[Path] = []
    try:
        for place, path in enumerate(paths):
            if path.suffix == SMALL:
                paths[place] = job.directory / f"merge-{len(merged)}.arrow"
                merged.append(paths[place])
                write_run(paths[place], iter([combine([processor.call("table_of", load(path), context)])]))
        while len(paths) > FAN_IN:
            path = job.directory / f"merge-{len(merged)}.arrow"
            write_run(path, merge_runs(paths[:FAN_IN], keys, combine))
            merged.append(path)
            paths = [*paths[FAN_IN:], path]
        pieces = merge_runs(paths, keys, combine)
        result = processor.call("finish", pieces, context) if processor.finishes else pieces
        if not isinstance(result, Iterator):
            result = iter([frame_table(result, processor)])
        return _write_tables(file, _guarded(result, processor))
    finally:
        for path in merged:
            path.unlink(missing_ok=True)


def _guarded(tables: Iterator[pa.Table], processor: Processor) -> Iterator[pa.Table]:
    """Yield what a processor yields, its errors told as its own."""
    while (table := processor.call(next, tables, None)) is not None:
        yield table


def context_of(manifest: Manifest, schema: Schema, rows: int = 0) -> Context:
    """Return what a processor is told when no block is at hand."""
    return Context(
        options=dict(manifest.request["options"]),
        names=manifest.names,
        schema=schema,
        dialect=manifest.dialect,
        null_values=manifest.request["null_values"],
        rows=rows,
    )


def _write_tables(file: Hashing, tables: Iterator[pa.Table]) -> int:
    rows, header = 0, False
    for table in tables:
        if not header:
            file.write(header_of(table.column_names, CANONICAL))
            header = True
        arrays = [column.combine_chunks() for column in table.columns]
        file.write(rows_of([canonical(array, kind_of(array)) for array in arrays], CANONICAL))
        rows += table.num_rows
    return rows


def write_rejected(file: Hashing, job: Job, receipts: Sequence[Receipt]) -> int:
    """Write the records set aside; return their number."""
    file.write(header_of(REJECTED_COLUMNS, CANONICAL))
    for receipt in receipts:
        if "rejected" in receipt.files:
            copy_part(file, job, receipt, "rejected")
    return sum(receipt.rejected for receipt in receipts)


def _partial(job: Job, receipt: Receipt) -> Path:
    return job.attempts_directory / str(receipt.files["partial"]["name"])


def copy_part(file: Hashing, job: Job, receipt: Receipt, name: str) -> None:
    """Append a file that a receipt names, verifying it on the way.

    Raises JobError when it is lost or damaged; its receipt is taken back then.
    """
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
