"""Runs the pending chunks of a job, in a pool of local processes or one at a time."""

from __future__ import annotations

import importlib
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from csvswarm.errors import JobError
from csvswarm.job.directory import JobDirectory
from csvswarm.job.durable_files import new_token, read_json, write_json
from csvswarm.job.fingerprint import check_versions
from csvswarm.job.manifest import Manifest
from csvswarm.job.permissions import no_wider_than
from csvswarm.job.receipt import Receipt
from csvswarm.job.rejections import allowed, count_rejected
from csvswarm.job.state import JobState, current_receipt, reconcile
from csvswarm.partials.early_merge import EarlyMerger
from csvswarm.process.attempt import Attempt
from csvswarm.process.worker_pool import WorkerPool
from csvswarm.processor_api.context import Context
from csvswarm.processor_api.loader import load_job_processor
from csvswarm.processor_api.polars_frame import refuse_running_polars
from csvswarm.processor_api.processor import Processor
from csvswarm.runtime import progress, resources
from csvswarm.runtime.lazy_imports import import_arrow

#: File of local attempts that ended without a receipt, in the form of `tasks-0001.json`, and their maximum number.
LOCAL_TASKS, MAX_LOST = "tasks-0000.json", 1000


@dataclass
class Processed:
    """workers: processes used. chunks_run: chunks run by this call. chunks_per_worker: how many each worker ran."""

    chunks_done: int
    workers: int
    chunks_run: int = 0
    chunks_per_worker: list[int] = field(default_factory=list)
    seconds: float = 0.0

    def to_json(self) -> dict[str, Any]:
        return vars(self)


def process_all(job: JobDirectory, workers: int | None) -> Processed:
    """Run all chunks without a partial, and rerun those that a wider schema requires, until none is pending.

    Raises CsvswarmError with the error of the first failed chunk; other partials are kept for a resume.
    """
    job.require_manifest()
    with job.locked():
        manifest = job.require_manifest()
        if not job.done_path.exists():
            check_versions(job.job_id, manifest.versions)
        with no_wider_than(manifest.permissions):
            return _process_all(job, manifest, workers)


def _process_all(job: JobDirectory, manifest: Manifest, workers: int | None) -> Processed:
    started = time.monotonic()
    processor = load_job_processor(job, manifest)
    if not manifest.durable:
        job.discard_empty_receipts()
    job.discard_error_receipts()
    state = reconcile(job, manifest)
    count = resources.workers_for(workers, max(1, len(state.pending or manifest.chunks)))
    if state.pending and processor.needs_pandas(Context.for_job(manifest, state.schema, processor.files)):
        importlib.import_module(
            "csvswarm.processor_api.dataframe"
        )  # imports pandas: once here, before the fork, for all workers
    elif state.pending and processor.uses_arrow:
        import_arrow()
    if state.pending and processor.block == "polars":
        refuse_running_polars(processor.name)
    run = 0
    shares = [0] * count
    while state.pending:
        pool = _run_pending(job, manifest, processor, state, count)
        run += sum(pool.chunks_per_worker)
        shares = [share + more for share, more in zip(shares, pool.chunks_per_worker, strict=True)]
        earlier, state = state, reconcile(job, manifest)
        if state.pending == earlier.pending and state.generation == earlier.generation:
            raise JobError(
                f"job {job.job_id}: chunks {state.pending} ran but left no receipt in {job.receipts_directory}."
            )
    done = Processed(len(manifest.chunks), count, run, shares, round(time.monotonic() - started, 3))
    summary_path = job.directory / "processed.json"
    if not run and (previous := read_json(summary_path)) is not None:
        return Processed(**{**previous, "chunks_run": 0})
    write_json(summary_path, done.to_json())
    return done


def _run_pending(
    job: JobDirectory, manifest: Manifest, processor: Processor, state: JobState, count: int
) -> WorkerPool:
    """Run the chunks pending under one schema, and merge concatenated partials early."""
    sizes = [chunk.length for chunk in manifest.chunks]
    progress.begin("processing", sizes, [number - 1 for number in state.done], of_chunks=True)
    # An incremental job keeps each partial in a file of its own.
    stays = processor.combines or manifest.request.get("incremental")
    merger = None if stays else EarlyMerger(job, manifest, processor, state)
    pool = WorkerPool(count, lambda number: run_chunk(job, manifest, processor, number).status)
    rejected = sum(count_rejected(receipt, is_final=False) for receipt in state.done.values())

    def on_result(chunk: int, status: str) -> bool:
        nonlocal rejected
        if status == "done":
            if merger:
                merger.notify_committed(chunk)
            if not manifest.fails_on_bad_records:
                rejected += count_rejected(job.receipt(chunk, state.generation), is_final=False)
        return status == "error" or rejected > allowed(manifest)

    try:
        pool.map(state.pending, on_result)
    finally:
        pool.close()
        if pool.lost:
            _record_lost(job, pool.lost)
        if merger:
            merger.close()
        progress.finish()
    return pool


def _record_lost(job: JobDirectory, lost: list[dict[str, Any]]) -> None:
    """Save attempts without a receipt, with those of earlier runs, for the record of the job."""
    path = job.directory / LOCAL_TASKS
    earlier = (read_json(path) or {}).get("tasks", [])
    with suppress(OSError):  # a full disk may be the reason why they were lost
        write_json(path, {"tasks": [*earlier, *lost][-MAX_LOST:]})


def process_one(job: JobDirectory, number: int, attempt: str | None) -> Receipt:
    """Make one attempt at one chunk, as a container does. Raises CsvswarmError if the chunk failed permanently."""
    manifest = job.require_manifest()
    if not 1 <= number <= len(manifest.chunks):
        raise JobError(f"job {job.job_id} has chunks 1 to {len(manifest.chunks)}, no chunk {number}.")
    if (done := current_receipt(job, manifest, number)) is not None:
        return done
    check_versions(job.job_id, manifest.versions)
    try:
        with no_wider_than(manifest.permissions):
            return run_chunk(job, manifest, load_job_processor(job, manifest), number, attempt)
    except (OSError, JobError):
        # Another attempt may have finished the chunk and then the job, whose data is then removed; this is not an
        # error.
        if (done := current_receipt(job, manifest, number)) is not None:
            return done
        raise


def run_chunk(
    job: JobDirectory, manifest: Manifest, processor: Processor, number: int, attempt: str | None = None
) -> Receipt:
    """Make one attempt at one chunk under the newest schema."""
    resources.disable_malloc_trim()
    return Attempt(job, manifest, processor, number, attempt or new_token()).run()
