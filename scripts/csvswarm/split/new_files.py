"""Incremental jobs: add files that earlier runs have not seen.

The job keeps its partials, and the chunks of new files are appended to those it has. What follows is a resume: the
result is that of one job over all files, the earlier ones first, whatever the processor does with them.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from csvswarm.errors import JobError, format_names, shown
from csvswarm.input.combined_files import Inputs
from csvswarm.input.source import Source
from csvswarm.job.directory import JobDirectory
from csvswarm.job.manifest import Manifest
from csvswarm.split.input_record import MAX_NAMED, check_unchanged, with_preambles
from csvswarm.split.many_chunks import cut_inputs

if TYPE_CHECKING:
    from csvswarm.split.run import SplitPlan


def is_incremental(manifest: Manifest, canonical_request: dict[str, Any]) -> bool:
    """Return whether files may be added to a job by a request."""
    return bool(manifest.request.get("incremental") and canonical_request["incremental"])


def earlier_first(sources: Sequence[Source], manifest: Manifest) -> list[Source]:
    """Return the files of an input in the order of the job: those that it has seen before the new ones."""
    place = {file["path"]: number for number, file in enumerate(manifest.sources)}
    return sorted(sources, key=lambda source: place.get(str(source.path), len(place)))


def seen_files(job: JobDirectory, manifest: Manifest) -> list[dict[str, Any]]:
    """Return the files that a result contains: these must stay as they are. Others may be corrected."""
    return manifest.sources if job.done_path.exists() else manifest.sources[: manifest.finished]


def was_corrected(manifest: Manifest, record: dict[str, Any]) -> bool:
    """Return whether a file of a job is gone or changed in an input record."""
    now = {file["path"]: file for file in record["sources"]}
    names = "path", "size", "mtime_ns"
    return any(
        [now.get(file["path"], {}).get(name) for name in names] != [file[name] for name in names]
        for file in manifest.sources
    )


def reopen(job: JobDirectory, manifest: Manifest) -> Manifest:
    """Let a finished job continue, and return its manifest. The data of an incremental job is still there.

    A job without the mark that it is done has no result yet, even if the output directory has one.
    """
    if job.done_path.exists():
        manifest = replace(manifest, finished=len(manifest.sources))
        job.save_manifest(manifest)
        job.done_path.unlink()
    job.remove_report()
    return manifest


def add_files(job: JobDirectory, manifest: Manifest, plan: SplitPlan) -> Manifest:
    """Cut the files that a job has not seen, and return its new manifest. The caller owns the lock.

    plan: of a request whose input has the job's files unchanged, and before the new ones. Raises InputError and
    JobError when the result would not be the one of a job over all files.
    """
    inputs, _ = plan.inspect_input()
    record = with_preambles(plan.input_record, inputs)
    _require_same_form(job, manifest, plan, inputs, record["sources"])
    chunks = cut_inputs(job, inputs, plan.request, plan.mode(inputs), plan.max_chunk_bytes, manifest)
    check_unchanged(plan.sources)
    extended = replace(
        reopen(job, manifest),
        **record,
        mode=plan.mode(inputs),
        chunks=chunks,
        permissions=plan.permissions & manifest.permissions,
        created=time.time(),
        split_seconds=time.monotonic() - plan.started,
        output=str(plan.output or ""),
        decisions=inputs.header.decisions,
        warnings=inputs.header.warnings,
    )
    job.save_manifest(extended)
    return extended


def _require_same_form(
    job: JobDirectory, manifest: Manifest, plan: SplitPlan, inputs: Inputs, sources: Sequence[dict[str, Any]]
) -> None:
    """Raise JobError when the new files would change how the files of the job are read."""
    known = len(manifest.sources)
    header, new = inputs.header, format_names([file["path"] for file in sources[known:]], MAX_NAMED)
    shortened = [file["name"] for file in sources[:known]] != [file["name"] for file in manifest.sources]
    if added := [name for name in header.names if name not in manifest.names]:
        what = f"the input has the new columns {format_names([repr(shown(name)) for name in added], MAX_NAMED)}"
    elif plan.formats.to_json() != manifest.formats:
        what = "numbers would be parsed differently (pass decimal and thousands)"
    elif shortened and (plan.request.source_file or not manifest.fails_on_bad_records):
        what = "files of the same name need longer names in source_file and rejected.csv"
    elif (
        (header.names, header.dialect, header.bom) != (manifest.names, manifest.dialect, manifest.bom)
        or header.record.decode() != manifest.header
        or [file["preamble"] for file in sources[:known]] != [file["preamble"] for file in manifest.sources]
    ):
        what = "the earlier files would be rewritten differently"
    else:
        return
    raise JobError(
        f"job {job.job_id} cannot add {new}: with them, {what}. Leave them out, or pass another job_id to start a new "
        "job over all files."
    )
