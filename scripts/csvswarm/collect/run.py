"""Collects a job: verifies all partials, assembles them in order, and commits the result."""

from __future__ import annotations

import time
from pathlib import Path

from csvswarm.collect.record import input_checksum, record_of_done
from csvswarm.collect.result_files import write_files
from csvswarm.errors import JobError
from csvswarm.job.checksums import file_entry
from csvswarm.job.directory import SUCCESS, JobDirectory
from csvswarm.job.durable_files import read_json, write_json
from csvswarm.job.fingerprint import check_versions
from csvswarm.job.manifest import Manifest
from csvswarm.job.output_directory import (
    MAX_REPORT_BYTES,
    REJECTED,
    REPORT,
    Collected,
    check_output,
    claim_output,
    commit_file,
    committed_result,
    locked_output,
    remove_leftovers,
    remove_tree,
)
from csvswarm.job.permissions import no_wider_than
from csvswarm.job.receipt import Receipt
from csvswarm.job.result_format import result_name
from csvswarm.job.state import JobState, read_state, reconcile
from csvswarm.partials.assemble import write_rejected
from csvswarm.partials.merged_file import merged_files
from csvswarm.runtime import progress
from csvswarm.split.findings import Findings, refuse


def collect(job: JobDirectory, output: Path) -> Collected:
    """Merge the partials into the result in `output`, then write job.json and, last, the success marker.

    The job's data is removed after the result was read back under its final name.

    Raises JobError if chunks are missing, a partial is damaged, another run of this job or another job writes to the
    output directory, or that belongs to something else.
    """
    started = time.monotonic()
    job.require_manifest()
    output = output.expanduser().absolute()
    with job.locked():
        manifest = job.require_manifest()
        check_output(output, job.job_id, result_name(manifest.request))
        if output.is_dir():
            with locked_output(output):
                finished = committed_result(output, job.job_id, rejects=not manifest.fails_on_bad_records)
                if finished is not None and _is_of_input(manifest, output):
                    if manifest.request["strict"]:
                        refuse(finished.warnings)
                    remove_leftovers(output, job.job_id)
                    _finish_job(job, manifest, output)  # repeated in case of a kill in between
                    return finished
        state = _complete(job, manifest)
        output.mkdir(parents=True, exist_ok=True)
        with locked_output(output), no_wider_than(manifest.permissions):
            check_output(output, job.job_id, result_name(manifest.request))
            collected = _write(job, manifest, state, output, started)
            _finish_job(job, manifest, output)
        return collected


def _is_of_input(manifest: Manifest, output: Path) -> bool:
    """Return whether a committed result is that of the input: in an incremental job it may lack new files."""
    if not manifest.request.get("incremental"):
        return True
    record = read_json(output / REPORT, max_bytes=MAX_REPORT_BYTES) or {}
    return bool(record.get("input", {}).get("checksum") == input_checksum(manifest))


def _complete(job: JobDirectory, manifest: Manifest) -> JobState:
    """Return the state of a job if all its chunks are done. Raises JobError otherwise."""
    if (done := read_json(job.done_path)) is not None:
        raise JobError(
            f"job {job.job_id} is done: its result is in {done.get('output', 'another directory')} and its data was "
            "removed. To reprocess it, rerun the job from the split."
        )
    check_versions(job.job_id, manifest.versions)
    state = reconcile(job, manifest)
    if missing := [chunk.number for chunk in manifest.chunks if chunk.number not in state.done]:
        raise JobError(
            f"job {job.job_id} cannot be collected: {len(missing)} of {len(manifest.chunks)} chunks have no partial "
            f"(first: chunk {missing[0]}). Rerun split_processing.py with this --job."
        )
    _verify_rows(job, manifest, [state.done[chunk.number] for chunk in manifest.chunks])
    return state


def _write(job: JobDirectory, manifest: Manifest, state: JobState, output: Path, started: float) -> Collected:
    """Write the files of the result, the success marker last. The caller must own the locks."""
    receipts = [state.done[chunk.number] for chunk in manifest.chunks]
    findings = Findings(job, manifest, state.schema)
    warnings = [*manifest.warnings, *findings.of_columns(), *findings.of_rejected(receipts)]
    (output / SUCCESS).unlink(missing_ok=True)  # the result it marked is no longer valid
    progress.begin("collecting", [sum(file["bytes"] for one in receipts for file in one.files.values())])
    claim_output(output, job.job_id, result_name(manifest.request))
    remove_leftovers(output, job.job_id)
    written = write_files(job, manifest, state.schema, receipts, output)
    path = output / written.entry["name"]
    warnings += findings.of_empty_result(sum(receipt.rows_in for receipt in receipts), written.rows)
    if manifest.request["strict"] and warnings:
        remove_tree(path)
        refuse(warnings)
    rejected = sum(receipt.rejected for receipt in receipts)
    rejects = None
    if rejected:
        _, rejects = commit_file(
            output / REJECTED,
            job.job_id,
            lambda file: write_rejected(file, job, receipts, names_files=bool(manifest.sources)),
        )
    else:
        (output / REJECTED).unlink(missing_ok=True)
    collected = Collected(
        chunks=len(receipts),
        rows_in=manifest.rows,
        rows_out=written.rows,
        rejected=rejected,
        result=str(path),
        rejected_file=str(output / REJECTED) if rejected else None,
        seconds=time.monotonic() - started,
        warnings=warnings,
    )
    entries = {"result": written.entry, "rejected_file": rejects}
    record = record_of_done(job, manifest, state, collected, entries, written)
    write_json(output / REPORT, record, owner=job.job_id)
    files = [*written.files, *([rejects] if rejects else []), file_entry(output / REPORT)]
    write_json(output / SUCCESS, {"job_id": job.job_id, "files": files, **collected.to_json()}, owner=job.job_id)
    progress.finish()
    return collected


def _verify_rows(job: JobDirectory, manifest: Manifest, receipts: list[Receipt]) -> None:
    for chunk, receipt in zip(manifest.chunks, receipts, strict=True):
        if receipt.rows_in + receipt.rejected != chunk.rows:
            raise JobError(
                f"job {job.job_id}: chunk {chunk.number} has {chunk.rows} records, but its receipt records "
                f"{receipt.rows_in} read and {receipt.rejected} rejected; please report this."
            )


# -- finish ------------------------------------------------------------------------------------------------------------


def _finish_job(job: JobDirectory, manifest: Manifest, output: Path) -> None:
    """Remove the data that the result now contains; receipts and manifest stay as the record of the job.

    An incremental job keeps what a later run needs: its partials, and the chunks that a wider schema may reprocess.
    """
    if not job.done_path.exists():
        write_json(job.done_path, {"output": str(output)})
    for merged in merged_files(job):
        merged.remove()
    if manifest.request.get("incremental"):
        job.remove_data(read_state(job, manifest).done.values(), manifest.chunks)
    else:
        job.remove_data()
    job.remove_report()
