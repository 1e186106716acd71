"""Collect: verify every partial, bring them together in order, and commit the result."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import JobError, naming
from .held import all_held
from .history import attempts
from .job import SUCCESS, Job, Manifest, Receipt, read_json, sync_directory, write_json
from .merge import take_merged
from .result import Hashing, write_rejected, write_result
from .sinks import described
from .state import State, settle

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
    if (finished := standing_result(output, job)) is not None:
        _clean(job, output)  # again, for a kill may have come in between
        return finished
    if (done := read_json(job.done_path)) is not None:
        raise JobError(
            f"job {job.job_id} is done: its result went to {done.get('output', 'another place')} and its data was "
            "removed. To have it once more, run the job from its split on again."
        )
    state = settle(job, manifest)
    if missing := [chunk.number for chunk in manifest.chunks if chunk.number not in state.done]:
        raise JobError(
            f"job {job.job_id} cannot be collected: {len(missing)} of {len(manifest.chunks)} chunks have no partial "
            f"(first: chunk {missing[0]}). Run split_processing.py with this --job again."
        )
    receipts = [state.done[chunk.number] for chunk in manifest.chunks]
    _verify_rows(job, manifest, receipts)
    output.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(output)
    (output / SUCCESS).unlink(missing_ok=True)  # it spoke of a result that does not stand any more
    write_json(output / REPORT, {"format": manifest.format, "job_id": job.job_id, "status": "collecting"})
    if (merged := take_merged(job, output / RESULT, receipts)) is not None:
        rows_out, result = merged
    else:
        rows_out, result = _commit(
            output / RESULT, job, lambda file: write_result(file, job, manifest, state.schema, receipts)
        )
    rejected = sum(receipt.rejected for receipt in receipts)
    if rejected:
        _commit(output / REJECTED, job, lambda file: write_rejected(file, job, receipts))
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
    history = attempts(job, manifest, receipts)
    write_json(output / REPORT, _report(manifest, state, history, collected, result))
    write_json(output / SUCCESS, {"job_id": job.job_id, "checksum": result["checksum"], **collected.to_json()})
    _clean(job, output)
    return collected


def check_output(output: Path, job_id: str) -> None:
    """Raise JobError when results cannot be written to `output`, or it holds something that is not this job's."""
    if output.exists() and not output.is_dir():
        raise JobError(f"output {output} is a file: name a directory.")
    remedy = "name another output directory, or remove that one first."
    report = read_json(output / REPORT, remedy) if output.is_dir() and (output / REPORT).is_file() else None
    if report is not None and report.get("job_id") != job_id:
        raise JobError(
            f"output {output} already holds the result of job {report.get('job_id')}: "
            "name another directory, or remove that one first."
        )
    if report is None and (output / RESULT).exists():
        raise JobError(f"output {output} already holds a {RESULT} of something else: name another directory.")
    existing = next(path for path in [output, *output.parents] if path.exists())
    if not existing.is_dir():
        raise JobError(f"output {output} cannot be made: {existing} is a file.")
    if not os.access(existing, os.W_OK | os.X_OK):
        raise JobError(f"output {output} cannot be written: you lack the permission on {existing}.")


def standing_result(output: Path, job: Job) -> Collected | None:
    """Return what an earlier call of this job committed to `output`, if it still stands whole."""
    try:
        marker = read_json(output / SUCCESS) if (output / SUCCESS).is_file() else None
        if marker is None or marker.pop("job_id") != job.job_id:
            return None
        checksum = marker.pop("checksum")
        collected = Collected(**marker)
    except (JobError, KeyError, TypeError):
        return None  # a marker that is damaged marks nothing
    if not (output / RESULT).is_file() or described(output / RESULT)["checksum"] != checksum:
        return None
    return collected


def _commit(path: Path, job: Job, write: Callable[[Hashing], int]) -> tuple[int, dict[str, Any]]:
    """Write a file beside its name, make it durable, and rename it: it is there whole or not at all.

    Returns (rows, name with bytes and checksum).
    """
    temporary = path.with_name(f".{path.name}.{job.job_id}")
    try:
        with naming(temporary), temporary.open("wb") as file:
            hashing = Hashing(file)
            rows = write(hashing)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    sync_directory(path.parent)
    return rows, hashing.described(path.name)


def _remove_leftovers(output: Path) -> None:
    """Remove files that a collection was writing beside their names when it was killed."""
    for name in (RESULT, REJECTED, REPORT, SUCCESS):
        for path in output.glob(f".{name}.*"):
            path.unlink(missing_ok=True)


def _verify_rows(job: Job, manifest: Manifest, receipts: list[Receipt]) -> None:
    for chunk, receipt in zip(manifest.chunks, receipts, strict=True):
        if receipt.rows_in + receipt.rejected != chunk.rows:
            raise JobError(
                f"job {job.job_id}: chunk {chunk.number} has {chunk.rows} records, but its receipt speaks of "
                f"{receipt.rows_in} read and {receipt.rejected} rejected; please report this."
            )


# -- the end -----------------------------------------------------------------------------------------------------------


def _report(
    manifest: Manifest, state: State, attempts: list[dict[str, Any]], collected: Collected, result: dict[str, Any]
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
        "attempts": attempts,
    }


def _clean(job: Job, output: Path) -> None:
    """Remove the data that the result now holds; receipts and manifest stay, to tell what happened."""
    if not job.done_path.exists():
        write_json(job.done_path, {"output": str(output)})
    for held in all_held(job):
        held.remove()
    for path in job.attempts_directory.iterdir():
        if path.suffix != ".json":
            path.unlink(missing_ok=True)
    for path in job.chunks_directory.iterdir():
        path.unlink(missing_ok=True)
