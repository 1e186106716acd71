"""The record of a job, job.json: what ran, its input, and its outcome (docs/job.schema.json)."""

from __future__ import annotations

import time
from typing import Any

from csvswarm.collect.attempt_history import attempt_history
from csvswarm.collect.column_sample import columns
from csvswarm.collect.result_files import ResultFiles
from csvswarm.job.checksums import checksum
from csvswarm.job.directory import JobDirectory
from csvswarm.job.durable_files import read_json
from csvswarm.job.manifest import Manifest
from csvswarm.job.output_directory import RECORD_FORMAT, Collected
from csvswarm.job.receipt import Receipt
from csvswarm.job.rejections import Reasons
from csvswarm.job.state import JobState, read_state
from csvswarm.native.library import kernel


def record_of_done(
    job: JobDirectory,
    manifest: Manifest,
    state: JobState,
    collected: Collected,
    entries: dict[str, dict[str, Any] | None],
    written: ResultFiles,
) -> dict[str, Any]:
    """Return the record of a job that is done. entries: `result` and `rejected_file`."""
    counts = {name: getattr(collected, name) for name in ("rows_in", "rows_out", "rejected")}
    found = {"result_files": written.files, "preview": written.preview}
    return _record(job, manifest, state, "done", collected) | counts | entries | found


def record_of_unfinished(job: JobDirectory, error: str) -> dict[str, Any]:
    """Return the record of a job that failed or was stopped: the finished work, and the error that ended it.

    Raises JobError when the job directory is damaged.
    """
    manifest = job.manifest()
    if manifest is None:
        return {"format": RECORD_FORMAT, "job_id": job.job_id, "status": "failed", "ended": time.time(), "error": error}
    state = read_state(job, manifest)
    done = state.done.values()
    return _record(job, manifest, state, "failed") | {
        "error": error,
        "rows_in": sum(receipt.rows_in for receipt in done),
        "rows_out": None,
        "rejected": sum(receipt.rejected for receipt in done),
        "result": None,
        "rejected_file": None,
        "result_files": [],
        "preview": None,
    }


def input_checksum(manifest: Manifest) -> str:
    """Return a checksum of the input: that of the checksums of its preambles and chunks, in order, one per line."""
    preambles = [file["preamble"] for file in manifest.sources] or [manifest.preamble]
    parts = [
        *(preamble.get("checksum", "") for preamble in preambles),
        *(chunk.checksum for chunk in manifest.chunks),
    ]
    return checksum("\n".join(parts).encode())


def _record(
    job: JobDirectory, manifest: Manifest, state: JobState, status: str, collected: Collected | None = None
) -> dict[str, Any]:
    collect = None if collected is None else collected.seconds
    request = manifest.request
    counting = [state.done[chunk.number] for chunk in manifest.chunks if chunk.number in state.done]
    history = attempt_history(job, manifest, counting)
    # Attempts of an incremental job may be of an earlier run.
    recent = [one for one in history if not request.get("incremental") or one["started"] >= manifest.created]
    ended = time.time()
    return {
        "format": RECORD_FORMAT,
        "job_id": manifest.job_id,
        "status": status,
        "error": None,
        "created": manifest.created,
        "ended": ended,
        "input": {**manifest.input, "checksum": input_checksum(manifest)},
        "preamble": manifest.preamble,
        "sources": manifest.sources,
        "processor": manifest.processor,
        "files": manifest.files,
        "packages": manifest.packages,
        "request": request,
        "versions": manifest.versions,
        "native": kernel() is not None,
        "dialect": manifest.dialect.to_json(),
        "bom": manifest.bom,
        "schema": state.schema.types,
        "generation": state.generation,
        "columns": columns(job, manifest, state.schema),
        "mode": manifest.mode,
        "decisions": manifest.decisions,
        "warnings": manifest.warnings if collected is None else collected.warnings,
        "chunks": len(manifest.chunks),
        "chunks_done": len(counting),
        "input_chunks": [
            {"bytes": chunk.length, "rows": chunk.rows, "checksum": chunk.checksum, "source": chunk.source}
            for chunk in manifest.chunks
        ],
        "seconds": {
            "split": manifest.split_seconds,
            "process": _process_seconds(job, manifest, recent),
            "collect": collect,
        },
        "stages": _stages(manifest, recent, ended, collect),
        "rejected_reasons": _reasons(counting).to_json(),
        "attempts": history,
    }


def _reasons(receipts: list[Receipt]) -> Reasons:
    """Return the reasons for rejected records, over all chunks that count."""
    reasons = Reasons()
    for receipt in receipts:
        reasons.merge(receipt.reasons)
    return reasons


def _process_seconds(job: JobDirectory, manifest: Manifest, history: list[dict[str, Any]]) -> float | None:
    """Return the seconds of processing: as the local engine measured them, else by the clocks of the boards."""
    measured = None if manifest.durable else (read_json(job.directory / "processed.json") or {}).get("seconds")
    if isinstance(measured, int | float):
        return measured
    if not history:
        return None
    return float(max(one["ended"] for one in history) - min(one["started"] for one in history))


def _stages(
    manifest: Manifest, history: list[dict[str, Any]], ended: float, collect: float | None
) -> list[dict[str, Any]]:
    """Return when each stage that ran began and ended, in seconds since 1970."""
    stages = [("split", manifest.created - manifest.split_seconds, manifest.created)]
    if history:
        stages.append(("process", min(one["started"] for one in history), max(one["ended"] for one in history)))
    if collect is not None:
        stages.append(("collect", ended - collect, ended))
    return [{"name": name, "started": start, "ended": max(start, end)} for name, start, end in stages]
