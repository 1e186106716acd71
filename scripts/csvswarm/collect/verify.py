"""Verify a finished job: reread its input and its result, and compare them with its record.

python -m csvswarm.collect.verify --output results/demo
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any, BinaryIO

import xxhash

from csvswarm import cli
from csvswarm.errors import CsvswarmError, JobError
from csvswarm.input.combined_files import open_inputs
from csvswarm.input.layout import Given
from csvswarm.input.source import find_source
from csvswarm.job.directory import SUCCESS
from csvswarm.job.durable_files import checked_fields, read_json
from csvswarm.job.output_directory import MAX_REPORT_BYTES, RECORD_FORMAT, REPORT, is_intact, read_marker

READ_BYTES = 1 << 20


def verify(output: Path) -> dict[str, Any]:
    """Return what was verified: files, bytes of the input (uncompressed), and whether the input was readable.

    Raises JobError with every difference when the files differ from the record.
    """
    path = output / REPORT
    record = read_json(path, "rerun the job.", MAX_REPORT_BYTES)
    if record is None or record.get("status") != "done":
        raise JobError(f"{output} has no record of a finished job: name the output directory of a finished job.")
    if record.get("format") != RECORD_FORMAT:
        raise JobError(
            f"{path} has format {record.get('format')}, which lacks the checksum of the input: rerun the job with "
            f"this version of csvswarm, which writes format {RECORD_FORMAT}."
        )
    with checked_fields(path, "rerun the job."):
        problems = [*_files(output, record)]
        read = all(path.is_file() for path in _paths(record))
        preambles = [file["preamble"] for file in record.get("sources", ())] or [record["preamble"]]
        size = sum(piece["bytes"] for piece in (*preambles, *record["input_chunks"]))
        if read:
            problems += _input(record)
    if problems:
        raise JobError("\n".join([f"job {record['job_id']} differs from its record:", *problems]))
    files = [file["name"] for file in (record["result"], record["rejected_file"]) if file]
    return {"job_id": record["job_id"], "files": files, "input": record["input"]["path"], "read": read, "bytes": size}


def _files(output: Path, record: dict[str, Any]) -> Iterator[str]:
    """Yield the problems of the result's files."""
    marker = read_marker(output, record["job_id"])
    if marker is None:
        yield f"{output / SUCCESS} is missing or damaged."
    elif not all(is_intact(output, file) for file in marker[0] if file["name"] == REPORT):
        yield f"{output / REPORT} was changed after the job had written it."
    for file in _result_files(record):
        if not is_intact(output, file):
            yield f"{output / file['name']} is missing, or differs from what the job wrote."


def _result_files(record: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the entries of all files of the result."""
    rejected = record["rejected_file"]
    # A record of an earlier version has the entry of its only file.
    return [*record.get("result_files", [record["result"]]), *([rejected] if rejected else [])]


def _paths(record: dict[str, Any]) -> list[Path]:
    return [Path(file["path"]) for file in record.get("sources") or [record["input"]]]


def _input(record: dict[str, Any]) -> Iterator[str]:
    """Yield the problem of the input: the first difference."""
    try:
        sources = [find_source(path, record["input"]["encoding"]) for path in _paths(record)]
        request = record["request"]
        given = Given(**{name.name: request[name.name] for name in fields(Given)})
        options = {name: request.get(name, False) for name in ("union", "source_file")}
        inputs = open_inputs(sources, given, request["null_values"], **options)  # some may need rewriting
        for number, (source, _) in enumerate(inputs.members):
            chunks = [chunk for chunk in record["input_chunks"] if chunk.get("source", 0) == number]
            preamble = record["sources"][number]["preamble"] if record.get("sources") else record["preamble"]
            with source.open() as file:
                if problems := [*_compare(file, record, preamble, chunks, str(source.path))]:
                    yield from problems
                    return
    except CsvswarmError as error:
        yield str(error)


def _compare(
    file: BinaryIO, record: dict[str, Any], preamble: dict[str, Any], chunks: list[dict[str, Any]], name: str
) -> Iterator[str]:
    """Yield how a file of the input differs. preamble, chunks: those of this file in the record."""
    first, offset = 1, 0
    pieces = [("its header", preamble, 0), *((None, chunk, chunk["rows"]) for chunk in chunks)]
    for what, piece, rows in pieces:
        if _checksum(file, piece["bytes"]) != piece["checksum"]:
            where = what or f"records {first:,} to {first + rows - 1:,}"
            end = offset + piece["bytes"]
            yield f"{name} has changed: {where} (bytes {offset:,} to {end:,}) are not those that ran."
            return
        first, offset = first + rows, offset + piece["bytes"]
    # A job with a limit does not read the rest, so it is not verified.
    if record["request"]["limit"] is None and file.read(1):
        yield f"{name} has grown: the job read {offset:,} bytes."


def _checksum(file: BinaryIO, size: int) -> str:
    digest = xxhash.xxh3_128()
    while size and (data := file.read(min(size, READ_BYTES))):
        digest.update(data)
        size -= len(data)
    return digest.hexdigest()


def main() -> int:
    """Read the arguments, verify, return the exit code."""
    parser = argparse.ArgumentParser(description="Verify the input and the result of a finished job.")
    parser.add_argument("--output", type=Path, required=True, metavar="DIR", help="directory with its result")
    parser.add_argument("--json", action="store_true", help="print what was verified as one JSON object")
    arguments = parser.parse_args()

    def work() -> tuple[dict[str, Any], str]:
        done = verify(arguments.output.expanduser().absolute())
        files = " and ".join(done["files"])
        read = f"{done['input']} is the input that ran" if done["read"] else f"{done['input']} is not on this machine"
        return done, f"{files}: as the job wrote them. {read}."

    return cli.run(work, as_json=arguments.json)


if __name__ == "__main__":
    cli.exit_immediately(main())
