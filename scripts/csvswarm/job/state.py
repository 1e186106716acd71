"""Where a job stands: which chunks are done, which schema holds, what has to run next. Read from its receipts alone."""

from __future__ import annotations

from dataclasses import dataclass, replace

from csvswarm.csv_format.canonical_text import join_kinds
from csvswarm.errors import CsvswarmError, ProcessorError
from csvswarm.job.directory import Job
from csvswarm.job.manifest import Manifest
from csvswarm.job.receipt import Receipt
from csvswarm.job.rejections import check_rejected
from csvswarm.types.schema import Schema


@dataclass(frozen=True)
class State:
    """done: chunk -> the receipt that counts. pending: chunks that have to run under the newest schema.

    misfits: receipts of chunks that tell how the schema must widen. errors: of chunks that failed in a way that would
    repeat. suspects: of chunks that failed as well, but may not under a wider schema. void: receipts that must not
    count and keep others from doing so. generation: of the newest schema.
    """

    generation: int
    schema: Schema
    done: dict[int, Receipt]
    pending: list[int]
    misfits: list[Receipt]
    errors: list[Receipt]
    suspects: list[Receipt]
    void: list[Receipt]


def read_state(job: Job, manifest: Manifest) -> State:
    """Return where the job stands under its newest schema."""
    generation, data = job.schema()
    schema = Schema.from_json(data)
    done: dict[int, Receipt] = {}
    told: dict[str, list[Receipt]] = {"misfit": [], "error": [], "suspect": []}
    void: list[Receipt] = []
    for receipt in job.receipts():
        if _is_void(receipt, manifest):
            void.append(receipt)
        elif receipt.status == "done":
            if _stands(receipt, schema):
                done[receipt.chunk] = receipt
        elif receipt.generation == generation:
            told[receipt.status].append(receipt)
    seen = set(done) | {receipt.chunk for receipts in told.values() for receipt in receipts}
    pending = [chunk.number for chunk in manifest.chunks if chunk.number not in seen]
    return State(generation, schema, done, pending, told["misfit"], told["error"], told["suspect"], void)


def standing_receipt(job: Job, manifest: Manifest, chunk: int) -> Receipt | None:
    """Return the receipt of a chunk that is done under the newest schema. Reads the receipts of that chunk alone."""
    _, data = job.schema()
    schema = Schema.from_json(data)
    receipts = [receipt for receipt in job.receipts(chunk) if not _is_void(receipt, manifest)]
    done = [receipt for receipt in receipts if receipt.status == "done" and _stands(receipt, schema)]
    return done[-1] if done else None


def _is_void(receipt: Receipt, manifest: Manifest) -> bool:
    """Whether a receipt must not count, whatever the schema is.

    An attempt that ends late may speak of a chunk of an earlier split. And where a bad record fails the job, no chunk
    stands that set one aside, as chunks did before a resume with on_error=fail.
    """
    if receipt.split != manifest.split:
        return True
    return receipt.status == "done" and receipt.rejected > 0 and manifest.fails_on_bad_records


def _stands(receipt: Receipt, schema: Schema) -> bool:
    """Whether a partial of an earlier schema is what the newest one would give as well."""
    if receipt.types != schema.read_as(receipt.types):
        return False
    if not schema.output or receipt.output is None:
        return True
    return receipt.uniform and all(
        kind is None or kind == wanted for kind, wanted in zip(receipt.output, schema.output, strict=False)
    )


def settle(job: Job, manifest: Manifest) -> State:
    """Return the state after every decision that can be made from the receipts, and make those decisions.

    Once all chunks have receipts, a schema that did not fit is widened by what was observed, and columns that came out
    as different kinds in different chunks are given one kind; both start a new generation, whose pending chunks run.
    Receipts that must not count are taken back, so that their chunks run. The caller holds the job's lock. Raises
    ProcessorError when chunks returned different columns, and CsvswarmError: the error of the first chunk that failed,
    or that more records are rejected than the job allows.
    """
    while True:
        state = read_state(job, manifest)
        if state.void:
            job.revoke(state.void)
            continue
        raise_first(state.errors)
        check_rejected(manifest, state.done.values())
        if state.pending:
            return state
        if state.misfits or state.suspects:
            schema = _widened(state)
        else:
            kinds = _joined_output(state)
            if all(_fits(receipt, kinds) for receipt in state.done.values()):
                return state
            schema = replace(state.schema, output=kinds)
        if schema == state.schema:
            raise CsvswarmError(f"job {job.job_id}: its schema does not settle; please report this.")
        job.save_schema(state.generation + 1, schema.to_json())


def _widened(state: State) -> Schema:
    """Return the schema that fits what was observed. Raises the first suspect error if no type changes by it."""
    told = [*state.misfits, *state.suspects]
    schema = state.schema.widened((receipt.observed, receipt.missing) for receipt in told)
    columns = {column for receipt in told for column in receipt.types}
    if schema.read_as(columns) == state.schema.read_as(columns):
        raise_first(sorted(state.suspects, key=lambda receipt: receipt.chunk))
    return schema


def raise_first(errors: list[Receipt]) -> None:
    """Raise the error of the first chunk that failed, if one did."""
    if errors:
        raise CsvswarmError(errors[0].message)


def _fits(receipt: Receipt, kinds: tuple[str | None, ...]) -> bool:
    if receipt.output is None or not receipt.columns:
        return True
    return receipt.uniform and all(k in (None, w) for k, w in zip(receipt.output, kinds, strict=True))


def _joined_output(state: State) -> tuple[str | None, ...]:
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
            joined = [join_kinds(first, second) for first, second in zip(joined, receipt.output, strict=True)]
    return tuple(joined)
