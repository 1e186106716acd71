"""Warnings about what the user may not have intended, such as columns of numbers that were read as text.

Only text columns that the processor would have used as numbers are examined, and only their first records and the
values that attempts reported, so warnings do not need another pass over the data.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from functools import cached_property

from csvswarm.csv_format.dialect import records_of
from csvswarm.errors import JobError, format_names, shown
from csvswarm.job.chunk import Chunk
from csvswarm.job.chunk_reader import read_range
from csvswarm.job.directory import JobDirectory
from csvswarm.job.manifest import Manifest
from csvswarm.job.receipt import Receipt
from csvswarm.processor_api.context import Context
from csvswarm.processor_api.loader import load_job_processor
from csvswarm.types.formats import Formats
from csvswarm.types.number_text import Survey, survey
from csvswarm.types.schema import Schema

#: Maximum bytes and columns of a file to examine.
MAX_BYTES, MAX_COLUMNS = 1 << 16, 200
#: Times the length of an ordinary record, and share of the input, from which rejected records are too long.
LONG, LARGE = 20, 0.01
#: Bytes of rejected.csv beside the text of a record, at most for short values.
REASON_BYTES = 200
#: Share of numbers above which a column looks numeric; number of values that a warning names.
SHARE, NAMED = 0.8, 3
MAX_WARNINGS = 20
#: By column: (record number, value) of the first values that do not fit.
Misfits = dict[str, list[tuple[int, str]]]

_REMEDIES = {
    "decimal_comma": "-e decimal=,",
    "thousands_comma": "-e thousands=,",
    "thousands_dot": "-e decimal=, -e thousands=.",
    "thousands_blank": """-e '{"thousands": " "}'""",
    "thousands_apostrophe": """-e '{"thousands": "\\u0027"}'""",
}
_TYPES = {"percent": "percent", "currency": "currency", "parentheses": "currency"}


class Findings:
    """Finds the warnings of a job under its newest schema."""

    def __init__(self, job: JobDirectory, manifest: Manifest, schema: Schema) -> None:
        self._job, self._manifest, self._schema = job, manifest, schema

    @cached_property
    def _rows(self) -> list[list[str]]:
        return _first_rows(self._job, self._manifest)

    @cached_property
    def _surveys(self) -> dict[str, Survey]:
        """Surveys of the columns that are text, but would be used as numbers."""
        schema, names = self._schema, self._manifest.numeric_columns
        text = [name for name in names if schema.type_of(name) == "text" and name not in schema.declared_types]
        return self._survey(text[:MAX_COLUMNS])

    def numeric_at_first(self) -> list[str]:
        """Return the columns that are text, although their first values are all numbers."""
        return [name for name, seen in self._surveys.items() if seen.present and seen.plain == seen.present]

    def of_columns(self) -> list[str]:
        """Return a warning for every text column that looks numeric."""
        if not self._surveys:
            return []
        misfits = _misfits(self._manifest, self._job.receipts())
        found = [_warning(self._manifest, name, seen, misfits.get(name, [])) for name, seen in self._surveys.items()]
        warnings = [warning for warning in found if warning]
        if len(warnings) > MAX_WARNINGS:
            more = len(warnings) - MAX_WARNINGS
            warnings[MAX_WARNINGS:] = [f"{more} more columns look like numbers, but are text."]
        return warnings

    def of_empty_result(self, rows_in: int, rows_out: int) -> list[str]:
        """Return a warning if a result has no rows although the input has records."""
        if rows_out or not rows_in:
            return []
        processor = load_job_processor(self._job, self._manifest, defer=True)
        context = Context.for_job(self._manifest, self._schema, processor.files)
        columns = processor.columns(context) or context.names
        return [f"{processor.why_empty(context, rows_in)} {self._described(columns)}"]

    def of_rejected(self, receipts: Iterable[Receipt]) -> list[str]:
        """Return a warning if rejected records are much longer than others, as after a quote that closes too late."""
        rejecting = [receipt for receipt in receipts if receipt.rejected]
        records = sum(receipt.rejected for receipt in rejecting)
        size = sum(receipt.files["rejected"]["bytes"] for receipt in rejecting) - REASON_BYTES * records
        total = sum(chunk.length for chunk in self._manifest.chunks)
        ordinary = max(total - size, 0) / max(self._manifest.rows - records, 1)
        if size <= LARGE * total or size <= LONG * records * ordinary:
            return []
        first = min(kind["record"] for receipt in rejecting for kind in receipt.reasons)
        warning = (
            f"rejected records, {records:,} of {self._manifest.rows:,}, contain {min(size / total, 1):.0%} of the "
            f"input (first: {self._manifest.place(first)}). A quote may close too late, which makes many lines one "
            "record. Fix the input, or pass its quotechar or escape."
        )
        return [warning]

    def _described(self, names: Sequence[str]) -> str:
        """Return columns for a message, with types and first values."""
        found = self._survey(names[:NAMED], most=1, any_text=True)
        texts = []
        for name in names[:NAMED]:
            like = f", like {shown(found[name].examples[0][1])!r}" if found[name].examples else ""
            texts.append(f"{shown(name)!r} is {self._schema.type_of(name)}{like}")
        more = f", and {len(names) - NAMED} more" if len(names) > NAMED else ""
        return f"Columns: {'; '.join(texts)}{more}."

    def _survey(self, names: Sequence[str], *, most: int = NAMED, any_text: bool = False) -> dict[str, Survey]:
        wanted = set(names)
        columns = {name: index for index, name in enumerate(self._manifest.names) if name in wanted}
        if not columns:
            return {}
        null_values, numbers = self._manifest.request["null_values"], Formats(**self._manifest.formats).numbers
        return survey(self._rows, columns, null_values, most, any_text=any_text, numbers=numbers)


def _warning(manifest: Manifest, name: str, found: Survey, misfits: list[tuple[int, str]]) -> str | None:
    if not found.present:
        return None
    numbers, style = found.plain, found.style
    if style and numbers + found.styled[style] >= SHARE * found.present:
        record, value = found.like[style]
        return (
            f"column {shown(name)!r} is text: {found.styled[style]} of its first {found.present} values are written "
            f"like {shown(value)!r} ({manifest.place(record)}). To read them as numbers, pass {_remedy(name, found)}."
        )
    others = found.examples + [found_late for found_late in misfits if found_late not in found.examples]
    if found.codes or numbers < SHARE * found.present or not others:
        return None
    named = format_names([f"{shown(value)!r} in {manifest.place(record)}" for record, value in sorted(others)[:NAMED]])
    as_text = json.dumps({"column_types": {name: "text"}}, ensure_ascii=False)
    return (
        f"column {shown(name)!r} is text: {numbers} of its first {found.present} values are numbers, but there is "
        f"{named}. Fix such values or name them in null_values, or pass -e '{as_text}' if it is a column of text."
    )


def _remedy(name: str, found: Survey) -> str:
    """Return the option that reads values in the style of a survey as numbers."""
    style = found.style
    if style in _TYPES:
        types = json.dumps({"column_types": {name: _TYPES[style]}}, ensure_ascii=False)
        return f"-e '{types}'"
    if style == "decimal_comma" and found.styled[style] == found.styled.get("thousands_comma"):
        return "-e thousands=, or -e decimal=, (every comma may be either)"
    return _REMEDIES[style]


def _first_rows(job: JobDirectory, manifest: Manifest) -> list[list[str]]:
    """Return the first records of a job's data."""
    data, complete = _first_bytes(job, manifest)
    return records_of(data, manifest.dialect, complete=complete)


def _first_bytes(job: JobDirectory, manifest: Manifest) -> tuple[bytes, bool]:
    parts: list[bytes] = []
    left = MAX_BYTES
    for chunk in manifest.chunks:
        data = _read(job, manifest, chunk, left)
        parts.append(data)
        left -= len(data)
        if len(data) < chunk.length:
            return b"".join(parts), False
    return b"".join(parts), True


def _read(job: JobDirectory, manifest: Manifest, chunk: Chunk, most: int) -> bytes:
    if not chunk.length:
        return b""
    with manifest.data_path(chunk, job.chunks_directory).open("rb", buffering=0) as file:
        return read_range(file, chunk.offset, min(chunk.length, most))


def _misfits(manifest: Manifest, receipts: Iterable[Receipt]) -> Misfits:
    """Return the values in numeric columns that samples and attempts reported as not numeric."""
    found: dict[str, set[tuple[int, str]]] = {}
    for reported in [manifest.misfits, *(receipt.misfits for receipt in receipts)]:
        for name, examples in reported.items():
            found.setdefault(name, set()).update((int(record), str(value)) for record, value in examples)
    return {name: sorted(examples) for name, examples in found.items()}


def refuse(warnings: Sequence[str]) -> None:
    """Raise JobError with the warnings of a strict job, if there are any."""
    if warnings:
        raise JobError("\n".join([*warnings, "Warnings are errors because of strict=true."]))
