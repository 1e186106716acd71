"""Split: from an input file to a job directory with chunks, a schema and a manifest."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from .chunking import cut_input
from .collect import standing_result
from .errors import InputError, JobError, OptionError
from .head import Head, named, read_head
from .job import Job, Manifest, write_durably
from .machine import MAX_CHUNK_BYTES, MAX_ROWS_CHUNK_BYTES
from .processor import Context, Processor, find_processor, load_processor
from .request import Request
from .sample import Sampler, sample_blocks
from .schema import NULL_VALUES, Schema, check_types
from .source import Source, find_source

__all__ = ["Request", "split"]


def split(job: Job, request: Request, output: Path | None = None) -> Manifest:
    """Make the job's chunks, schema and manifest; a job that has them already is returned as it is.

    output: where the result is wanted. A job that is done, but has no result there (any more), is split again.

    Raises InputError, OptionError, ProcessorError, and JobError when the job was made for something else.
    """
    started = time.monotonic()
    processor_path = find_processor(request.processor)
    processor = load_processor(processor_path)
    source = find_source(request.input.expanduser().absolute(), request.encoding)
    options = processor.check(request.options)
    wish = _wish(request, options)
    if (manifest := job.manifest()) is not None:
        _check_same(job, manifest, source, processor, wish)
        if not job.done_path.exists() or output is None or standing_result(output, job) is not None:
            return manifest
        job.forget_all()  # it was done and its data removed, but the result is not where it is wanted
    try:
        head = read_head(source, delimiter=request.delimiter, quotechar=request.quotechar)
    except InputError as error:
        raise named(source, error) from error
    fixed = check_types(request.column_types, head.names)
    sampler = Sampler(head, fixed, wish["null_values"], str(source.path))
    _check_options(processor, options, head, sampler.schema_of_head(source), wish)
    job.create()
    write_durably(job.processor_path, processor_path.read_bytes())
    mode = _mode(request, source)
    most = MAX_CHUNK_BYTES if processor.combines else MAX_ROWS_CHUNK_BYTES
    chunks = cut_input(job, source, head, request, mode, most)
    schema = sampler.schema(sample_blocks(job, source, chunks))
    _check_options(processor, options, head, schema, wish)
    job.save_schema(1, schema.to_json())
    _check_unchanged(source)
    manifest = Manifest(
        job_id=job.job_id,
        input=source.to_json(),
        request=wish,
        processor={"name": processor.name, "sha256": processor.sha256, "source": str(processor_path)},
        dialect=head.dialect,
        bom=head.bom,
        header=head.header.decode("utf-8"),
        names=head.names,
        mode=mode,
        chunks=chunks,
        split_seconds=time.monotonic() - started,
        durable=request.durable,
        output=str(output or ""),
    )
    job.save_manifest(manifest)
    return manifest


def _wish(request: Request, options: dict[str, Any]) -> dict[str, Any]:
    """Return what of the request decides about the result, as the manifest keeps it."""
    if request.on_error not in ("fail", "quarantine"):
        raise OptionError(f"on_error is {request.on_error!r}, but must be fail or quarantine.")
    return {
        "options": options,
        "on_error": request.on_error,
        "delimiter": request.delimiter,
        "quotechar": request.quotechar,
        "column_types": request.column_types,
        "null_values": list(NULL_VALUES) if request.null_values is None else ["", *request.null_values],
    }


def _check_same(job: Job, manifest: Manifest, source: Source, processor: Processor, wish: dict[str, Any]) -> None:
    """Raise JobError when a job that is to be resumed was made for another input, processor or request."""
    same = source.to_json()
    if manifest.input["path"] != same["path"]:
        what = f"for another input ({manifest.input['path']})"
    elif manifest.input["encoding"] != same["encoding"]:
        what = f"with another encoding ({manifest.input['encoding']})"
    elif manifest.input != same:
        what = f"from {source.path} as it was before it changed"
    elif manifest.processor["sha256"] != processor.sha256:
        what = f"with another processor, or another version of it ({manifest.processor['source']})"
    elif changed := [name for name, value in wish.items() if manifest.request[name] != value and name != "on_error"]:
        what = f"with another value of {', '.join(changed)}"
    elif manifest.request["on_error"] != wish["on_error"]:
        # chunks that are done had no bad record, or set theirs aside: either way they stand
        manifest.request["on_error"] = wish["on_error"]
        job.save_manifest(manifest)
        return
    else:
        return
    raise JobError(f"job {job.job_id} was made {what}: leave out job_id to start a new job.")


def _mode(request: Request, source: Source) -> str:
    if request.mode == "ranges" and not source.is_plain:
        raise OptionError(f"{source.path} is compressed or not UTF-8: ranges of it cannot be read; use mode files.")
    return ("ranges" if source.is_plain else "files") if request.mode == "auto" else request.mode


def _check_options(
    processor: Processor, options: dict[str, Any], head: Head, schema: Schema, wish: dict[str, Any]
) -> None:
    """Let the processor look at the columns, so that a wrong option is told before the work and not after it."""
    context = Context(
        options=dict(options), names=head.names, schema=schema, dialect=head.dialect, null_values=wish["null_values"]
    )
    processor.columns(context)
    processor.overlap(context)


def _check_unchanged(source: Source) -> None:
    status = source.path.stat()
    if (status.st_size, status.st_mtime_ns) != (source.size, source.mtime_ns):
        raise InputError(f"{source.path} changed while it was split: run again when nothing writes to it.")
