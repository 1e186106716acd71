"""The record of the input in a manifest: the file, or each of many files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from csvswarm.errors import InputError, format_names
from csvswarm.input.combined_files import Inputs
from csvswarm.input.many_files import label, names_many, short_names
from csvswarm.input.source import Source
from csvswarm.job.checksums import checksum

#: Number of files that a message names.
MAX_NAMED = 5


def input_record(given: Sequence[Path], sources: Sequence[Source]) -> dict[str, Any]:
    """Return {input, sources} of a manifest. sources: the files of an input of many files, else empty."""
    first, *_ = sources
    if not names_many(given):
        return {"input": first.to_json(), "sources": []}
    names = short_names([source.path for source in sources])
    whole = {
        "path": label(given),
        "size": sum(source.size for source in sources),
        "mtime_ns": max(source.mtime_ns for source in sources),
        "compression": "",
        "encoding": first.encoding,
        "given": [str(path) for path in given],
    }
    files = [{"name": name, **source.to_json()} for name, source in zip(names, sources, strict=True)]
    return {"input": whole, "sources": files}


def with_preambles(record: dict[str, Any], inputs: Inputs) -> dict[str, Any]:
    """Return an input record with the preamble of each of many files."""
    pairs = zip(record["sources"], inputs.members, strict=False)
    files = [{**file, "preamble": preamble_of(header.preamble)} for file, (_, header) in pairs]
    return {**record, "sources": files}


def preamble_of(data: bytes) -> dict[str, Any]:
    """Return the entry of the bytes before the records."""
    return {"bytes": len(data), "checksum": checksum(data)}


def input_differences(
    made: dict[str, Any], made_files: Sequence[dict[str, Any]], now: dict[str, Any], *, may_grow: bool = False
) -> str:
    """Return how an input differs from that of a job, "" when it does not.

    now: an input record. may_grow: whether it may have more files than that of the job.
    """
    same, files = now["input"], {file["path"]: file for file in now["sources"]}
    if not may_grow and (made["path"] != same["path"] or made.get("given") != same.get("given")):
        return f"for another input ({made['path']})"
    if made["encoding"] != same["encoding"]:
        return f"with another encoding ({made['encoding']})"
    before = {file["path"]: {**file} for file in made_files}
    for file in before.values():
        file.pop("preamble", None)
        if may_grow:  # a short name depends on the other files
            file["name"] = files.get(file["path"], file)["name"]
    if (added := [path for path in files if path not in before]) and not may_grow:
        return f"before {format_names(added, MAX_NAMED)} {'was' if len(added) == 1 else 'were'} added to the input"
    if gone := [path for path in before if path not in files]:
        return f"with {format_names(gone, MAX_NAMED)}, which {'is' if len(gone) == 1 else 'are'} gone"
    changed = [path for path in before if files[path] != before[path]]
    changed = changed or [same["path"]] * (made != same and not may_grow)
    if changed:
        before_that = "it was before it" if len(changed) == 1 else "they were before they"
        return f"from {format_names(changed, MAX_NAMED)} as {before_that} changed"
    return ""


def check_unchanged(sources: Sequence[Source]) -> None:
    """Raise InputError if a file has changed since the split began."""
    for source in sources:
        status = source.path.stat()
        if (status.st_size, status.st_mtime_ns) != (source.size, source.mtime_ns):
            raise InputError(f"{source.path} changed while it was split: rerun when nothing writes to it.")
