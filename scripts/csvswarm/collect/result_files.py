"""Writes the result of a job in its format: as one file, or as one file per value of some columns."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from csvswarm.job.checksums import HashingWriter, checksum
from csvswarm.job.directory import JobDirectory
from csvswarm.job.manifest import Manifest
from csvswarm.job.output_directory import commit_file, is_intact
from csvswarm.job.receipt import Receipt
from csvswarm.job.result_format import check_columns, format_of, result_name
from csvswarm.partials.assemble import Written, write_result
from csvswarm.partials.early_merge import adopt_merged_file
from csvswarm.processor_api.loader import load_job_processor
from csvswarm.types.schema import Schema

#: Bytes of the result's text that its record keeps, for the report.
PREVIEW_BYTES = 64 << 10


@dataclass(frozen=True)
class ResultFiles:
    """rows: without headers. entry: name, bytes and checksum of the file, or of the directory of all parts.

    files: name, bytes and checksum of each file. preview: the first rows as CSV, for a file in another format.
    """

    rows: int
    entry: dict[str, Any]
    files: list[dict[str, Any]] = field(default_factory=list)
    preview: str | None = None


def write_files(
    job: JobDirectory, manifest: Manifest, schema: Schema, receipts: Sequence[Receipt], output: Path
) -> ResultFiles:
    """Write the result to an output directory, atomically, and read it back. The caller must own the locks.

    Raises OptionError if the format cannot contain it.
    """
    output_format, partition_by = format_of(manifest.request)
    if output_format == "csv" and not partition_by:
        rows, entry = _write_csv(job, manifest, schema, receipts, output / result_name(manifest.request), typed=False)
        return ResultFiles(rows.rows, entry, [entry])
    # Lazy: copying a result does not need numpy.
    from csvswarm.collect.conversion import Conversion
    from csvswarm.collect.result_layout import layout_of

    with _scratch(job) as scratch:
        text = scratch / "result.csv"
        written, entry = _write_csv(job, manifest, schema, receipts, text, typed=True)
        layout = layout_of(manifest, schema, load_job_processor(job, manifest, defer=True), receipts, written)
        check_columns(manifest.request, layout.names)
        target = output / result_name(manifest.request)
        conversion = Conversion(job.job_id, output_format, partition_by, scratch, target)
        files = conversion.run(text, layout, written.rows)
        return ResultFiles(written.rows, _entry_of(target, files), files, _preview(text))


def _write_csv(
    job: JobDirectory, manifest: Manifest, schema: Schema, receipts: Sequence[Receipt], path: Path, *, typed: bool
) -> tuple[Written, dict[str, Any]]:
    merged = adopt_merged_file(job, path, receipts, lambda named: is_intact(path.parent, named))
    if merged is not None:
        return Written(merged[0]), merged[1]
    written = Written()

    def write(file: HashingWriter) -> int:
        nonlocal written
        written = write_result(file, job, manifest, schema, receipts, typed=typed)
        return written.rows

    _, entry = commit_file(path, job.job_id, write)
    return written, entry


@contextmanager
def _scratch(job: JobDirectory) -> Iterator[Path]:
    """Yield an empty temporary directory in the job directory. After a kill, the next run removes it."""
    scratch = job.directory / "collect"
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir()
    try:
        yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _entry_of(target: Path, files: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the entry of a file, or of a directory, whose checksum is that of its files' checksums, one per line."""
    if target.is_file():
        return files[0]
    size = sum(file["bytes"] for file in files)
    return {"name": target.name, "bytes": size, "checksum": checksum("\n".join(f["checksum"] for f in files).encode())}


def _preview(text: Path) -> str:
    with text.open("rb") as file:
        data = file.read(PREVIEW_BYTES + 1)
    if len(data) > PREVIEW_BYTES:
        data = data[: data.rfind(b"\n") + 1]
    return data.decode("utf-8-sig", errors="replace")
