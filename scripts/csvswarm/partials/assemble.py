"""Bring the partials of a job together: follow each other, combine, or merge by key; verified as they are read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NoReturn

import xxhash

from csvswarm.csv_format.canonical_text import kind_of
from csvswarm.csv_format.dialect import BOM, CANONICAL
from csvswarm.csv_format.row_writer import header_of, text_rows
from csvswarm.csv_format.table_writer import written
from csvswarm.errors import JobError, naming
from csvswarm.groupby.group_totals import load
from csvswarm.job.checksums import Hashing, described
from csvswarm.job.directory import Job
from csvswarm.job.durable_files import NotRegular, new_token, open_regular
from csvswarm.job.manifest import Manifest
from csvswarm.job.receipt import Receipt
from csvswarm.partials.merged_file import places
from csvswarm.partials.outputs import frame_table, read_table
from csvswarm.partials.sorted_runs import FAN_IN, SMALL, merge_runs, small_groups, write_run
from csvswarm.processor_api.context import Context, context_of
from csvswarm.processor_api.loader import load_job_processor
from csvswarm.processor_api.processor import Processor
from csvswarm.runtime import progress
from csvswarm.runtime.lazy_imports import pa
from csvswarm.types.schema import Schema

#: What is copied in one go: it is read, summed up and written while it stays in the processor's cache.
COPY_BYTES = 1 << 20
REJECTED_COLUMNS = ["record", "column", "reason", "text"]


def write_result(file: Hashing, job: Job, manifest: Manifest, schema: Schema, receipts: Sequence[Receipt]) -> int:
    """Write the result of a job; return its number of rows. receipts: of all its chunks, in order."""
    processor = load_job_processor(job, manifest)
    context = context_of(manifest, schema, rows=sum(receipt.rows_in for receipt in receipts))
    if not processor.combines:
        return _concatenate(file, job, manifest, processor, context, receipts)
    for receipt in receipts:
        _verify(job, receipt, "partial")
        progress.advance(0, receipt.files["partial"]["bytes"])
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
        from csvswarm.processor_api.dataframe import to_columns

        names, arrays = to_columns(result, processor.name)
        result = pa.table(arrays, names=names)
    return _write_tables(file, iter([result]))


def _concatenate(
    file: Hashing, job: Job, manifest: Manifest, processor: Processor, context: Context, receipts: Sequence[Receipt]
) -> int:
    columns = next((receipt.columns for receipt in receipts if receipt.columns is not None), None)
    file.write(header_bytes(manifest, processor, context, columns))
    for place, receipt in enumerate(receipts):
        if not copied(file, job, receipt, "partial"):
            # Where one is lost there may be more: all of them at once, for one run to mend.
            rest = receipts[place + 1 :]
            _lost(job, [receipt, *(other for other in rest if not copied(None, job, other, "partial"))])
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
    token = new_token()
    try:
        for place, path in enumerate(paths):
            if path.suffix == SMALL:
                paths[place] = job.directory / f"merge-{token}-{len(merged)}.arrow"
                merged.append(paths[place])
                write_run(paths[place], iter([combine([processor.call("table_of", load(path), context)])]))
        while len(paths) > FAN_IN:
            path = job.directory / f"merge-{token}-{len(merged)}.arrow"
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


def _write_tables(file: Hashing, tables: Iterator[pa.Table]) -> int:
    rows, header = 0, False
    for table in tables:
        if not header:
            file.write(header_of(table.column_names, CANONICAL))
            header = True
        arrays = [column.combine_chunks() for column in table.columns]
        file.write(written(arrays, [kind_of(array) for array in arrays], CANONICAL))
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
    """Append a file that a receipt names, or what a merged file holds of it, verifying it on the way.

    Raises JobError when it is lost or damaged; its receipt is taken back then.
    """
    if not copied(file, job, receipt, name):
        _lost(job, [receipt])


def copied(file: Hashing | None, job: Job, receipt: Receipt, name: str) -> bool:
    """Append what a receipt names to a file, if one is given; return whether it was there and whole."""
    named = receipt.files[name]
    size: int = named["bytes"]
    for path, offset in _places(job, receipt, name):
        digest = xxhash.xxh3_128()
        buffer = memoryview(bytearray(min(COPY_BYTES, size)))
        try:
            with naming(path), open_regular(path) as source:
                source.seek(offset)
                left = size
                while left and (count := source.readinto(buffer[: min(len(buffer), left)])):
                    left -= count
                    digest.update(buffer[:count])
                    if file:
                        file.write(buffer[:count])
                        progress.advance(0, count)
                is_longer = path.parent == job.attempts_directory and source.read(1)
        except (FileNotFoundError, NotRegular):
            continue
        return not left and not is_longer and digest.hexdigest() == named["checksum"]
    return False


def _places(job: Job, receipt: Receipt, name: str) -> Iterator[tuple[Path, int]]:
    """Yield where a file that a receipt names may be: (path, offset). Merged files are looked at last, and afresh."""
    yield job.attempts_directory / receipt.files[name]["name"], 0
    if name == "partial":
        yield from places(job, receipt)


def _verify(job: Job, receipt: Receipt, name: str) -> None:
    named = receipt.files[name]
    path = job.attempts_directory / named["name"]
    try:
        found = described(path)
    except (FileNotFoundError, NotRegular):
        found = {}
    if found != named:
        _lost(job, [receipt])


def _lost(job: Job, receipts: Sequence[Receipt]) -> NoReturn:
    """Take the receipts of lost or damaged partials back, so that the next run makes these again."""
    if job.done_path.exists():
        # Only where a lock was lost with the board or the server that knew of it.
        raise JobError(f"job {job.job_id} was collected by another run in the meantime: run again with this job_id.")
    job.revoke(receipts)
    numbers = ", ".join(str(receipt.chunk) for receipt in receipts)
    if len(receipts) == 1:
        told = f"the partial of chunk {numbers} in {job.attempts_directory} is lost or damaged: its receipt was"
    else:
        told = f"the partials of chunks {numbers} in {job.attempts_directory} are lost or damaged: their receipts were"
    only = "this chunk is" if len(receipts) == 1 else "these chunks are"
    raise JobError(f"{told} taken back; run job {job.job_id} again and only {only} processed again.")
