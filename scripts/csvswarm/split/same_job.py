"""Compares the request of a resume with that of its job."""

from __future__ import annotations

from typing import Any

from csvswarm.errors import JobError
from csvswarm.job.directory import JobDirectory
from csvswarm.job.manifest import Manifest
from csvswarm.job.result_format import FORMAT_OPTIONS, reads_values
from csvswarm.processor_api.processor import Processor
from csvswarm.split.input_record import input_differences
from csvswarm.split.new_files import is_incremental, seen_files

#: The parts of a request that a resume may change.
MAY_CHANGE = ("on_error", "max_rejected", "strict")


def require_same(
    job: JobDirectory,
    manifest: Manifest,
    record: dict[str, Any],
    processor: Processor,
    canonical_request: dict[str, Any],
) -> None:
    """Raise JobError if the job to resume was created for another input, processor or request.

    record: the result of `input_record`.
    """
    # A copied column whose values no chunk has read has no type yet.
    typed_anew = reads_values(canonical_request) and not reads_values(manifest.request)
    is_open = not job.done_path.exists() and not (typed_anew and hasattr(processor.module, "copied_columns"))
    may_change = (*MAY_CHANGE, *FORMAT_OPTIONS) if is_open else MAY_CHANGE
    may_grow = is_incremental(manifest, canonical_request)
    files = seen_files(job, manifest) if may_grow else manifest.sources
    if what := input_differences(manifest.input, files, record, may_grow=may_grow):
        pass
    elif manifest.processor["sha256"] != processor.sha256:
        what = f"with another processor, or another version of it ({manifest.processor['source']})"
    elif difference := (
        processor.files.difference_to(manifest.files) or processor.packages.difference_to(manifest.packages)
    ):
        what = difference
    elif changed := [
        name
        for name, value in canonical_request.items()
        if manifest.request.get(name, value) != value and name not in may_change
    ]:
        what = f"with another value of {', '.join(changed)}"
    else:
        return
    remedy = "pass another job_id" if manifest.request.get("incremental") else "leave out job_id"
    raise JobError(f"job {job.job_id} was made {what}: {remedy} to start a new job.")
