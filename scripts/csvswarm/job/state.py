"""Derives a job's state from its receipts: which chunks are done, which schema is valid, what is pending."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from csvswarm.csv_format.canonical_text import common_type
from csvswarm.errors import CsvswarmError, ProcessorError
from csvswarm.job.directory import JobDirectory
from csvswarm.job.manifest import Manifest
from csvswarm.job.receipt import Receipt
from csvswarm.job.rejections import check_rejected
from csvswarm.types.schema import Schema


class JobState(NamedTuple):
    """done: chunk -> the receipt that counts. pending: chunks to run under the newest schema.

    mismatches: receipts of chunks that require a wider schema. errors: of chunks that failed in a way that
    would repeat. provisional_errors: of chunks that failed as well, but may not under a wider schema. void: receipts
    that must not count and keep others from doing so. generation: of the newest schema.
    """

    generation: int
    schema: Schema
    done: dict[int, Receipt]
    pending: list[int]
    mismatches: list[Receipt]
    errors: list[Receipt]
    provisional_errors: list[Receipt]
    void: list[Receipt]


def read_state(job: JobDirectory, manifest: Manifest) -> JobState:
    """Return the state of the job under its newest schema."""
    generation, data = job.schema()
    schema = Schema.from_json(data)
    done: dict[int, Receipt] = {}
    by_status: dict[str, list[Receipt]] = {"misfit": [], "error": [], "suspect": []}
    void: list[Receipt] = []
    for receipt in job.receipts():
        if _is_void(receipt, manifest):
            void.append(receipt)
        elif receipt.status == "done":
            if _is_current(receipt, schema):
                done[receipt.chunk] = receipt
        elif receipt.generation == generation:
            by_status[receipt.status].append(receipt)
    decided = set(done) | {receipt.chunk for receipts in by_status.values() for receipt in receipts}
    pending = [chunk.number for chunk in manifest.chunks if chunk.number not in decided]
    return JobState(
        generation, schema, done, pending, by_status["misfit"], by_status["error"], by_status["suspect"], void
    )


def current_receipt(job: JobDirectory, manifest: Manifest, chunk: int) -> Receipt | None:
    """Return the receipt of a chunk if it is done under the newest schema. Reads only receipts of that chunk."""
    _, data = job.schema()
    schema = Schema.from_json(data)
    receipts = [receipt for receipt in job.receipts(chunk) if not _is_void(receipt, manifest)]
    done = [receipt for receipt in receipts if receipt.status == "done" and _is_current(receipt, schema)]
    return done[-1] if done else None


def _is_void(receipt: Receipt, manifest: Manifest) -> bool:
    """Whether a receipt must not count, whatever the schema.

    A late attempt may belong to an earlier split. And if bad records fail the job, a chunk with rejected records is not
    valid, as after a resume with on_error=fail.
    """
    if receipt.split != manifest.split:
        return True
    return receipt.status == "done" and receipt.rejected > 0 and manifest.fails_on_bad_records


def _is_current(receipt: Receipt, schema: Schema) -> bool:
    """Whether a partial of an earlier schema equals what the newest schema would give."""
    if receipt.types != schema.read_as(receipt.types):
        return False
    if not schema.output or receipt.output is None:
        return True
    return receipt.uniform and all(
        kind is None or kind == wanted for kind, wanted in zip(receipt.output, schema.output, strict=False)
    )


def reconcile(job: JobDirectory, manifest: Manifest) -> JobState:
    """Make all decisions that follow from the receipts, and return the resulting state.

    Once all chunks have receipts, a schema that did not fit is widened by the observed kinds, and output columns with
    different types in different chunks get a common type; both start a new generation, whose pending chunks run.
    Receipts that must not count are revoked. The caller must own the lock. Raises ProcessorError if chunks returned
    different columns, and CsvswarmError with the error of the first failed chunk, or if too many records are rejected.
    """
    while True:
        state = read_state(job, manifest)
        if state.void:
            job.revoke(state.void)
            continue
        raise_first(state.errors)
        is_final = not (state.pending or state.mismatches or state.provisional_errors)
        check_rejected(manifest, state.done.values(), is_final=is_final)
        if state.pending:
            return state
        if state.mismatches or state.provisional_errors:
            schema = _widen_schema(state)
        else:
            kinds = _common_output(state)
            if all(_fits(receipt, kinds) for receipt in state.done.values()):
                return state
            schema = replace(state.schema, output=kinds)
        if schema == state.schema:
            raise CsvswarmError(f"job {job.job_id}: its schema does not converge; please report this.")
        job.save_schema(state.generation + 1, schema.to_json())


def _widen_schema(state: JobState) -> Schema:
    """Return the schema that fits the observed kinds. Raises the first provisional error if no type changes."""
    receipts = [*state.mismatches, *state.provisional_errors]
    schema = state.schema.widen((receipt.observed, receipt.missing) for receipt in receipts)
    columns = {column for receipt in receipts for column in receipt.types}
    if schema.read_as(columns) == state.schema.read_as(columns):
        raise_first(sorted(state.provisional_errors, key=lambda receipt: receipt.chunk))
    return schema


def raise_first(errors: list[Receipt]) -> None:
    """Raise the error of the first failed chunk, if any."""
    if errors:
        raise CsvswarmError(errors[0].message)


def _fits(receipt: Receipt, kinds: tuple[str | None, ...]) -> bool:
    if receipt.output is None or not receipt.columns:
        return True
    return receipt.uniform and all(k in (None, w) for k, w in zip(receipt.output, kinds, strict=True))


def _common_output(state: JobState) -> tuple[str | None, ...]:
    columns: list[str] | None = None
    joined: list[str | None] = []
    for number in sorted(state.done):
        receipt = state.done[number]
        if receipt.columns is None or receipt.output is None:
            continue
        if columns is None:
            columns, joined = receipt.columns, list(receipt.output)
        elif receipt.columns != columns:
            raise ProcessorError(
                f"the processor returned the columns {receipt.columns} for chunk {number} and {columns} for an earlier "
                "one: it must return the same columns for every block."
            )
        else:
            joined = [common_type(first, second) for first, second in zip(joined, receipt.output, strict=True)]
    return tuple(joined)
