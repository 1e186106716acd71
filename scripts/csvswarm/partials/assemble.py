"""Assembles the result from partials: concatenates, combines or merges them by key, and verifies them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import xxhash

from csvswarm.csv_format.canonical_text import common_type, output_type
from csvswarm.csv_format.dialect import BOM, CANONICAL
from csvswarm.csv_format.row_writer import encode_header, text_rows
from csvswarm.csv_format.table_writer import encode_table
from csvswarm.errors import JobError, filename_in_errors
from csvswarm.groupby.group_totals import load_totals
from csvswarm.input.many_files import SOURCE_FILE
from csvswarm.job.checksums import HashingWriter, file_entry
from csvswarm.job.directory import JobDirectory
from csvswarm.job.durable_files import NotRegular, new_token, open_regular
from csvswarm.job.manifest import Manifest
from csvswarm.job.receipt import Receipt
from csvswarm.partials.merged_file import locate
from csvswarm.partials.outputs import frame_to_table, read_table, to_columns
from csvswarm.partials.sorted_runs import (
    FAN_IN,
    TOTALS_SUFFIX,
    load_totals_only,
    merge_sorted_runs,
    sort_tables,
    write_sorted_run,
)
from csvswarm.processor_api.context import Context
from csvswarm.processor_api.encoded_rows import EncodedRows
from csvswarm.processor_api.loader import load_job_processor
from csvswarm.processor_api.polars_frame import to_polars
from csvswarm.processor_api.processor import Processor
from csvswarm.runtime import progress
from csvswarm.runtime.lazy_imports import pa
from csvswarm.types.schema import Schema

#: Bytes per copy, so that they are read, hashed and written while in the CPU cache.
COPY_BYTES = 1 << 20
REJECTED_COLUMNS = ["record", "column", "reason", "text"]


@dataclass
class Written:
    """rows: number of rows written. names, kinds: those of the columns of a combined result, if `typed`."""

    rows: int = 0
    names: list[str] = field(default_factory=list)
    kinds: list[str | None] = field(default_factory=list)


def write_result(
    file: HashingWriter,
    job: JobDirectory,
    manifest: Manifest,
    schema: Schema,
    receipts: Sequence[Receipt],
    *,
    typed: bool = False,
) -> Written:
    """Write the result of a job as CSV. receipts: of all its chunks, in order. typed: find the types of its columns."""
    processor = load_job_processor(job, manifest, defer=True)
    context = Context.for_job(manifest, schema, processor.files, rows=sum(receipt.rows_in for receipt in receipts))
    if not processor.combines:
        return _concatenate(file, job, manifest, processor, context, receipts)
    for receipt in receipts:
        _verify(job, receipt, "partial")
        progress.advance(0, receipt.files["partial"]["bytes"])
    paths = [_partial(job, receipt) for receipt in receipts]
    if processor.is_keyed:
        return _merge_keyed(file, job, manifest, processor, context, paths, typed=typed)
    result = processor.call("combine", [_as_returned(read_table(path), processor) for path in paths], context)
    if processor.finishes:
        result = processor.call("finish", result, context)
    if not isinstance(result, pa.Table):
        names, arrays = to_columns(result, processor)
        result = pa.table(arrays, names=names)
    return _write_tables(file, iter([result]), lambda names: encode_header(names, CANONICAL))


def _as_returned(table: pa.Table, processor: Processor) -> Any:
    """Return a combined output in the form in which the processor returned it."""
    if table.schema.pandas_metadata:
        return table.to_pandas()
    return to_polars(table, processor.name) if processor.block == "polars" else table


def _concatenate(
    file: HashingWriter,
    job: JobDirectory,
    manifest: Manifest,
    processor: Processor,
    context: Context,
    receipts: Sequence[Receipt],
) -> Written:
    columns = next((receipt.columns for receipt in receipts if receipt.columns is not None), None)
    file.write(result_header(manifest, processor, context, columns))
    for index, receipt in enumerate(receipts):
        if not try_append(file, job, receipt, "partial"):
            # More may be lost: find all of them, so that one run reprocesses them.
            rest = receipts[index + 1 :]
            _revoke_lost(job, [receipt, *(other for other in rest if not try_append(None, job, other, "partial"))])
    return Written(sum(receipt.rows_out for receipt in receipts))


def result_header(manifest: Manifest, processor: Processor, context: Context, columns: list[str] | None) -> bytes:
    """Return the header of a result of concatenated partials. columns: their columns, None if there are none."""
    if hasattr(processor.module, "header"):
        raw = (BOM if manifest.bom else b"") + manifest.header.encode()
        return bytes(processor.call("header", context, raw))
    return encode_header(columns, CANONICAL) if columns else b""


def _merge_keyed(
    file: HashingWriter,
    job: JobDirectory,
    manifest: Manifest,
    processor: Processor,
    context: Context,
    paths: list[Path],
    *,
    typed: bool,
) -> Written:
    def combine(tables: list[pa.Table]) -> pa.Table:
        table: pa.Table = processor.call("combine", tables, context)
        return table

    if not typed and (groups := load_totals_only(paths)) is not None:
        names, rows = processor.call("finish_groups", groups, context)
        file.write(text_rows([names, *rows], CANONICAL))
        return Written(len(rows))
    keys = processor.keys(context)
    merged: list[Path] = []
    token = new_token()
    context.sorter = lambda tables, by: sort_tables(tables, by, lambda n: job.directory / f"merge-{token}-sort{n}")
    try:
        for index, path in enumerate(paths):
            if path.suffix == TOTALS_SUFFIX:
                paths[index] = job.directory / f"merge-{token}-{len(merged)}.arrow"
                merged.append(paths[index])
                write_sorted_run(
                    paths[index], iter([combine([processor.call("table_of", load_totals(path).arrays(), context)])])
                )
        while len(paths) > FAN_IN:
            path = job.directory / f"merge-{token}-{len(merged)}.arrow"
            write_sorted_run(path, merge_sorted_runs(paths[:FAN_IN], keys, combine))
            merged.append(path)
            paths = [*paths[FAN_IN:], path]
        pieces = merge_sorted_runs(paths, keys, combine)
        result = processor.call("finish", pieces, context) if processor.finishes else pieces
        if not isinstance(result, Iterator):
            result = iter([frame_to_table(result, processor)])
        return _write_tables(
            file,
            _with_processor_errors(result, processor),
            lambda names: result_header(manifest, processor, context, names),
        )
    finally:
        for path in merged:
            path.unlink(missing_ok=True)


def _with_processor_errors(results: Iterator[Any], processor: Processor) -> Iterator[Any]:
    """Yield what a processor yields, and report its errors as processor errors."""
    while (result := processor.call(next, results, None)) is not None:
        yield result


def _write_tables(file: HashingWriter, results: Iterator[Any], header: Callable[[list[str]], bytes]) -> Written:
    """Write tables or encoded rows. header: returns the header, given the columns."""
    written = Written()
    for result in results:
        is_encoded = isinstance(result, EncodedRows)
        names = result.columns if is_encoded else result.column_names
        kinds = result.kinds if is_encoded else [output_type(column) for column in result.columns]
        if not written.names:
            file.write(header(names))
            written.names, written.kinds = [str(name) for name in names], kinds
        if is_encoded:
            file.write(result.data)
            written.rows += result.rows
            continue
        arrays = [column.combine_chunks() for column in result.columns]
        file.write(encode_table(arrays, kinds, CANONICAL))
        known = [kind or _type_without_values(result.column(i).type) for i, kind in enumerate(kinds)]
        written.kinds = [common_type(*both) for both in zip(written.kinds, known, strict=True)]
        written.rows += result.num_rows
    return written


def _type_without_values(arrow_type: pa.DataType) -> str | None:
    """Return the output type of a column that has no values, None if its Arrow type does not decide it."""
    return output_type(pa.array([0], pa.int8()).cast(arrow_type)) if pa.types.is_floating(arrow_type) else None


def write_rejected(
    file: HashingWriter, job: JobDirectory, receipts: Sequence[Receipt], *, names_files: bool = False
) -> int:
    """Write the rejected records; return their number. names_files: whether the input is of many files."""
    file.write(encode_header([*REJECTED_COLUMNS, SOURCE_FILE] if names_files else REJECTED_COLUMNS, CANONICAL))
    for receipt in receipts:
        if "rejected" in receipt.files:
            append_verified(file, job, receipt, "rejected")
    return sum(receipt.rejected for receipt in receipts)


def _partial(job: JobDirectory, receipt: Receipt) -> Path:
    return job.attempts_directory / str(receipt.files["partial"]["name"])


def append_verified(file: HashingWriter, job: JobDirectory, receipt: Receipt, name: str) -> None:
    """Append a file named by a receipt, from its own file or a merged file, and verify it.

    Raises JobError, and revokes the receipt, if it is lost or damaged.
    """
    if not try_append(file, job, receipt, name):
        _revoke_lost(job, [receipt])


def try_append(file: HashingWriter | None, job: JobDirectory, receipt: Receipt, name: str) -> bool:
    """Append a file named by a receipt to `file`, if given; return whether it was complete."""
    entry = receipt.files[name]
    size: int = entry["bytes"]
    for path, offset in _locations(job, receipt, name):
        digest = xxhash.xxh3_128()
        buffer = memoryview(bytearray(min(COPY_BYTES, size)))
        try:
            with filename_in_errors(path), open_regular(path) as source:
                source.seek(offset)
                remaining = size
                while remaining and (count := source.readinto(buffer[: min(len(buffer), remaining)])):
                    remaining -= count
                    digest.update(buffer[:count])
                    if file:
                        file.write(buffer[:count])
                        progress.advance(0, count)
                is_longer = path.parent == job.attempts_directory and source.read(1)
        except (FileNotFoundError, NotRegular):
            continue
        return not remaining and not is_longer and digest.hexdigest() == entry["checksum"]
    return False


def _locations(job: JobDirectory, receipt: Receipt, name: str) -> Iterator[tuple[Path, int]]:
    """Yield the possible locations of a file named by a receipt: (path, offset). Merged files come last."""
    yield job.attempts_directory / receipt.files[name]["name"], 0
    if name == "partial":
        yield from locate(job, receipt)


def _verify(job: JobDirectory, receipt: Receipt, name: str) -> None:
    entry = receipt.files[name]
    path = job.attempts_directory / entry["name"]
    try:
        found = file_entry(path)
    except (FileNotFoundError, NotRegular):
        found = {}
    if found != entry:
        _revoke_lost(job, [receipt])


def _revoke_lost(job: JobDirectory, receipts: Sequence[Receipt]) -> NoReturn:
    """Revoke the receipts of lost or damaged partials, so that the next run reprocesses their chunks."""
    if job.done_path.exists():
        # Possible only if a lock was lost with the board or server that kept it.
        raise JobError(f"job {job.job_id} was collected by another run in the meantime: rerun with this job_id.")
    job.revoke(receipts)
    numbers = ", ".join(str(receipt.chunk) for receipt in receipts)
    if len(receipts) == 1:
        message = f"the partial of chunk {numbers} in {job.attempts_directory} is lost or damaged: its receipt was"
    else:
        message = (
            f"the partials of chunks {numbers} in {job.attempts_directory} are lost or damaged: their receipts were"
        )
    only = "this chunk is" if len(receipts) == 1 else "these chunks are"
    raise JobError(f"{message} revoked; rerun job {job.job_id}: only {only} reprocessed.")
