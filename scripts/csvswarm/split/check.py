"""Checks a job without running it: everything known before the split, without writing anything.

    python -m csvswarm.split.check < request.json

The request is a JSON object: job and output are directories, the rest are the arguments of split_dataframe.py by name,
with underscores.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

from csvswarm import cli
from csvswarm.errors import InputError
from csvswarm.input.combined_files import Inputs
from csvswarm.job.directory import JobDirectory
from csvswarm.job.output_directory import check_output
from csvswarm.job.request import Request
from csvswarm.job.result_format import result_name
from csvswarm.processor_api.processor import Processor
from csvswarm.runtime import resources
from csvswarm.split.layout_options import (
    count_option,
    date_format_option,
    header_option,
    partition_option,
    yes_or_no,
)
from csvswarm.split.run import plan_split, require_same


def check(job: JobDirectory, request: Request, output: Path) -> dict[str, Any]:
    """Check a request against its processor, the start of its input and the disk.

    Returns bytes (of the input), chunks (about how many there will be), needed and free (bytes of disk).
    Raises what `split` raises, and InputError if the disk has too little space.
    """
    check_output(output, job.job_id, result_name(vars(request)))
    plan = plan_split(request, output)
    if (manifest := job.manifest()) is not None:
        plan.continues(job, manifest)
        require_same(job, manifest, plan.input_record, plan.processor, plan.canonical_request)
    inputs, _ = plan.inspect_input()
    needed = _needed_bytes(plan.processor, inputs, plan.mode(inputs))
    return {
        "bytes": sum(source.size for source in plan.sources),
        "chunks": _expected_chunks(plan.processor, inputs, request),
        "needed": needed,
        "free": _check_free_space(output, job.directory, needed),
    }


def _expected_chunks(processor: Processor, inputs: Inputs, request: Request) -> int:
    """Return the approximate number of chunks, by the rules of `cut_inputs`."""
    if request.limit:
        return request.chunks or 1
    if request.chunks:
        return max(request.chunks, len(inputs.members))
    sizes = [
        source.likely_bytes if source.compression else source.size - header.data_offset
        for source, header in inputs.members
    ]
    max_bytes = resources.MAX_CHUNK_BYTES if processor.combines else resources.MAX_ROWS_CHUNK_BYTES
    chunk_bytes = resources.chunk_bytes_for(sum(sizes), request.workers, max_bytes)
    return sum(-(-size // chunk_bytes) or 1 for size in sizes)


def _needed_bytes(processor: Processor, inputs: Inputs, mode: str) -> int:
    """Return the bytes of disk the job may need: for chunk files, and for rows copied to the result."""
    copied = sum(source.likely_bytes for source, _ in inputs.members if mode == "files" and not source.is_plain)
    return copied + (not processor.combines) * sum(source.likely_bytes for source, _ in inputs.members)


def _check_free_space(output: Path, directory: Path, needed: int) -> int:
    """Return the free bytes of the fuller of the two disks. Raises InputError if they are too few."""
    disks = [next(path for path in [disk, *disk.parents] if path.is_dir()) for disk in (output, directory)]
    free, disk = min((shutil.disk_usage(disk).free, disk) for disk in disks)
    if free < needed:
        raise InputError(
            f"the disk of {disk} has {free / 1e6:,.0f} MB free, but the job may need about {needed / 1e6:,.0f} MB: "
            "free some, or name another output directory."
        )
    return free


def request_of(data: dict[str, Any]) -> tuple[JobDirectory, Request, Path]:
    """Return (job, request, output directory) of a request in JSON. Raises OptionError."""
    job, output = JobDirectory(Path(data.pop("job"))), Path(data.pop("output"))
    for name in ("chunks", "workers"):
        data[name] = resources.parse_count(name, str(data[name]))
    data["limit"] = resources.parse_limit(str(data["limit"]))
    data["header"] = header_option(data.get("header"))
    data["date_format"] = date_format_option(data.get("date_format"))
    data["skip_lines"] = count_option("skip_lines", data.get("skip_lines"))
    data["trailing_delimiter"] = yes_or_no("trailing_delimiter", data.get("trailing_delimiter"))
    data["partition_by"] = partition_option(data.get("partition_by"))
    for name in ("strict", "union", "source_file", "incremental"):
        data[name] = bool(yes_or_no(name, data.get(name)))
    data["requirements"] = Path(data["requirements"]) if data.get("requirements") else None
    data["files"] = [Path(path) for path in data.get("files", [])]
    given = [data["input"]] if isinstance(data["input"], str) else data["input"]
    return job, Request(**{**data, "input": [Path(path) for path in given]}), output


def main() -> int:
    """Read the request, check it, return the exit code."""

    def work() -> tuple[dict[str, Any], str]:
        done = check(*request_of(json.load(sys.stdin)))
        return done, f"ok: {done['bytes']} bytes, about {done['chunks']} chunks"

    return cli.run(work, as_json=True)


if __name__ == "__main__":
    cli.exit_immediately(main())
