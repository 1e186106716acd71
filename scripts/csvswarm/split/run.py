"""Split: from an input file to a job directory with chunks, a schema and a manifest."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from csvswarm.errors import InputError, OptionError
from csvswarm.input.combined_files import Inputs, open_inputs
from csvswarm.input.header import InputHeader
from csvswarm.input.layout import Given
from csvswarm.input.many_files import FilesError, find_files
from csvswarm.input.source import Source, find_source
from csvswarm.job.directory import JobDirectory
from csvswarm.job.durable_files import new_token, replace_durably, temporary_file
from csvswarm.job.fingerprint import check_versions, versions
from csvswarm.job.manifest import Manifest
from csvswarm.job.output_directory import committed_result
from csvswarm.job.permissions import ANYONE, common_permissions, no_wider_than
from csvswarm.job.request import Request
from csvswarm.job.result_format import FORMAT_OPTIONS
from csvswarm.job.side_files import find_side_files
from csvswarm.packages.environment import find_packages
from csvswarm.processor_api.context import Context
from csvswarm.processor_api.loader import find_processor, load_processor
from csvswarm.processor_api.processor import Processor
from csvswarm.runtime.resources import MAX_CHUNK_BYTES, MAX_ROWS_CHUNK_BYTES
from csvswarm.split.canonical_request import canonical_request_of
from csvswarm.split.findings import Findings, refuse
from csvswarm.split.input_record import (
    check_unchanged,
    input_record,
    preamble_of,
    with_preambles,
)
from csvswarm.split.many_chunks import cut_inputs
from csvswarm.split.new_files import add_files, earlier_first, is_incremental, reopen, seen_files, was_corrected
from csvswarm.split.number_format import find_formats
from csvswarm.split.result_checks import check_result
from csvswarm.split.reuse import chunks_of
from csvswarm.split.same_job import MAY_CHANGE, require_same
from csvswarm.split.schema_sample import Sampler, sample_blocks, sampled_misfits
from csvswarm.types.formats import Formats
from csvswarm.types.schema import Schema, check_types

__all__ = ["Request", "SplitPlan", "plan_split", "require_same", "split"]


@dataclass
class SplitPlan:
    """The inputs of a split, validated against each other. finished: as in a manifest."""

    request: Request
    canonical_request: dict[str, Any]
    sources: Sequence[Source]
    processor_path: Path
    processor: Processor
    output: Path | None
    started: float
    finished: int = 0
    formats: Formats = field(default_factory=Formats)

    @property
    def permissions(self) -> int:
        """The permissions that the job's files may have: on boards, the fetching user is not the owner of the share."""
        if self.request.durable:
            return ANYONE
        return common_permissions(source.path for source in self.sources)

    def mode(self, inputs: Inputs) -> str:
        """How chunks are stored: all as `ranges` of the input, or some as `files`. Raises OptionError."""
        rewritten = next((source.path for source, _ in inputs.members if not source.is_plain), None)
        if self.request.mode == "ranges" and rewritten is not None:
            raise OptionError(
                f"{rewritten} is compressed, not UTF-8 or in a dialect that must be rewritten: ranges of it "
                "cannot be read; use mode files."
            )
        return ("files" if rewritten else "ranges") if self.request.mode == "auto" else self.request.mode

    @property
    def max_chunk_bytes(self) -> int:
        """About how many bytes a chunk may have, if the request does not set the number of chunks."""
        return MAX_CHUNK_BYTES if self.processor.combines else MAX_ROWS_CHUNK_BYTES

    @property
    def input_record(self) -> dict[str, Any]:
        """The input record of the manifest."""
        return input_record(self.request.inputs, self.sources)

    def new_manifest(self, job: JobDirectory) -> Manifest:
        """Split the input. Only the request and the input decide whether this fails, until the job is claimed."""
        inputs, sampler = self.inspect_input()
        job.claim()
        with job.locked(), no_wider_than(self.permissions):
            if job.manifest() is not None:  # another run was faster
                return _resume(job, self)
            return self._split(job, inputs, sampler)

    def continues(self, job: JobDirectory, manifest: Manifest) -> bool:
        """Take over the order of the files of an incremental job, and return whether this request continues one."""
        if not is_incremental(manifest, self.canonical_request):
            return False
        self.sources = earlier_first(self.sources, manifest)
        self.finished = len(seen_files(job, manifest))
        return True

    def resplit(self, job: JobDirectory) -> Manifest:
        """Resplit the input of a job whose lock the caller owns."""
        inputs, sampler = self.inspect_input()
        job.reset()
        with no_wider_than(self.permissions):
            return self._split(job, inputs, sampler)

    def inspect_input(self) -> tuple[Inputs, Sampler]:
        """Read the headers of the input, and check the options against it. Raises InputError and OptionError."""
        request = self.request
        given = Given(
            delimiter=request.delimiter,
            quotechar=request.quotechar,
            header=request.header,
            skip_lines=request.skip_lines,
            comment=request.comment,
            escape=request.escape,
            trailing_delimiter=request.trailing_delimiter,
        )
        null_values = self.canonical_request["null_values"]
        inputs = open_inputs(self.sources, given, null_values, union=request.union, source_file=request.source_file)
        header = inputs.header
        if request.strict:
            refuse(header.warnings)
        declared = check_types(request.column_types, header.names)
        self.formats, decisions = find_formats(inputs, request, declared)
        header.decisions.extend(decisions)
        declared |= dict.fromkeys(self.formats.dates, "timestamp")
        sampler = Sampler(header, declared, null_values, self.input_record["input"]["path"], self.formats)
        self._check_options(header, sampler.schema_of_first_records(inputs))
        return inputs, sampler

    def _split(self, job: JobDirectory, inputs: Inputs, sampler: Sampler) -> Manifest:
        request, header = self.request, inputs.header
        job.create()
        self._copy_code(job)
        mode = self.mode(inputs)
        of_input = {**with_preambles(self.input_record, inputs), "mode": mode}
        chunks = chunks_of(request.split_of, job, of_input, self.canonical_request) if request.split_of else None
        if chunks is None:
            chunks = cut_inputs(job, inputs, request, mode, self.max_chunk_bytes)
        schema = sampler.schema(sample_blocks(job, self.sources, chunks))
        context = self._check_options(header, schema, sum(chunk.rows for chunk in chunks))
        job.save_schema(1, schema.to_json())
        check_unchanged(self.sources)
        manifest = Manifest(
            job_id=job.job_id,
            split=new_token(),
            **of_input,
            request=self.canonical_request,
            processor={
                "name": self.processor.name,
                "sha256": self.processor.sha256,
                "source": str(self.processor_path),
            },
            versions=versions(),
            permissions=self.permissions,
            dialect=header.dialect,
            bom=header.bom,
            header=header.record.decode("utf-8"),
            names=header.names,
            chunks=chunks,
            split_seconds=time.monotonic() - self.started,
            durable=request.durable,
            output=str(self.output or ""),
            preamble=preamble_of(header.preamble),
            formats=self.formats.to_json(),
            decisions=header.decisions,
            warnings=header.warnings,
            numeric_columns=self.processor.numeric_columns(context),
            files=self.processor.files.to_json(),
            packages=self.processor.packages.to_json(),
            finished=self.finished,
        )
        if columns := Findings(job, manifest, schema).numeric_at_first():
            found = sampled_misfits(job, manifest, self.sources, columns)
            manifest.misfits.update(found)
        if request.strict:
            refuse([*manifest.warnings, *Findings(job, manifest, schema).of_columns()])
        job.save_manifest(manifest)
        return manifest

    def _copy_code(self, job: JobDirectory) -> None:
        """Copy the processor and the side files into the job."""
        with temporary_file(job.processor_path) as (temporary, file):
            file.write(self.processor_path.read_bytes())
        replace_durably(temporary, job.processor_path)
        self.processor.files.copy_to(job.files_directory)

    def _check_options(self, header: InputHeader, schema: Schema, rows: int = 0) -> Context:
        """Let the processor check the columns, so that a wrong option is reported before processing."""
        context = Context(
            options=dict(self.canonical_request["options"]),
            names=header.names,
            schema=schema,
            dialect=header.dialect,
            null_values=self.canonical_request["null_values"],
            files=self.processor.files,
        )
        self.processor.columns(context)
        self.processor.overlap(context)
        check_result(self.processor, context, self.canonical_request, rows)
        return context


def plan_split(request: Request, output: Path | None = None) -> SplitPlan:
    """Load the processor, find the input, and check the options. Raises InputError, OptionError and ProcessorError."""
    started = time.monotonic()
    processor_path = _plain(find_processor(request.processor))
    request = replace(request, input=[_plain(path) for path in request.inputs])
    side_files = find_side_files([_plain(path) for path in request.files])
    packages = find_packages(request.requirements and _plain(request.requirements))
    processor = load_processor(processor_path, side_files, packages, defer=True)
    try:
        paths = find_files(request.inputs)
    except FilesError as error:
        raise InputError(str(error)) from error
    sources = [find_source(path, request.encoding) for path in paths]
    canonical_request = canonical_request_of(request, processor.check(request.options))
    return SplitPlan(request, canonical_request, sources, processor_path, processor, output, started)


def _plain(path: Path) -> Path:
    """Return the absolute path of the same file without . and .. parts. Symbolic links keep their names."""
    path = path.expanduser()
    return path.resolve() if ".." in path.parts else Path(os.path.normpath(path.absolute()))


def split(job: JobDirectory, request: Request, output: Path | None = None) -> Manifest:
    """Create the job's chunks, schema and manifest, unless the job already has them.

    output: where the result is wanted. A finished job without a result there is resplit.

    Raises InputError, OptionError, ProcessorError, and JobError when the job was made for something else, another run
    of it is active, or its directory contains other files.
    """
    plan = plan_split(request, output)
    if job.manifest() is None:
        return plan.new_manifest(job)
    with job.locked():
        return _resume(job, plan)


def _resume(job: JobDirectory, plan: SplitPlan) -> Manifest:
    """Return the manifest of an already split job, updated to this request. The caller owns the lock."""
    manifest = job.require_manifest()
    canonical_request = plan.canonical_request
    is_continued = plan.continues(job, manifest)
    require_same(job, manifest, plan.input_record, plan.processor, plan.canonical_request)
    rejects = canonical_request["on_error"] != "fail"
    stale, grows = False, is_continued and len(plan.sources) > len(manifest.sources)
    if job.done_path.exists():
        # Its data was removed: a result that is missing or no longer wanted as it is requires a new split. That of an
        # incremental job is still there; after an update of csvswarm, all of it is reprocessed.
        gone = plan.output is not None and committed_result(plan.output, job.job_id, rejects=rejects) is None
        unwanted = not rejects and any(receipt.rejected for receipt in job.receipts())
        stale = gone or unwanted
    elif is_continued:
        stale = manifest.versions != versions()
    else:
        check_versions(job.job_id, manifest.versions)
    corrected = is_continued and was_corrected(manifest, plan.input_record)  # else refused, or of no result
    is_kept = is_continued and not corrected and manifest.rows and manifest.versions == versions()
    if (stale or grows or corrected) and not is_kept:
        return plan.resplit(job)
    if stale:
        manifest = reopen(job, manifest)
    if grows:
        with no_wider_than(plan.permissions & manifest.permissions):
            manifest = add_files(job, manifest, plan)
    names = (*MAY_CHANGE, *FORMAT_OPTIONS)
    if any(manifest.request.get(name) != canonical_request[name] for name in names):
        # A chunk that rejected records is no longer done if these fail the job (state.py); others stay done.
        manifest.request.update({name: canonical_request[name] for name in names})
        job.save_manifest(manifest)
    return manifest
