"""Reuses the chunks of an earlier job over the same input, for a job with a fixed processor."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

from csvswarm.errors import CsvswarmError
from csvswarm.job.chunk import Chunk
from csvswarm.job.directory import JobDirectory
from csvswarm.job.fingerprint import versions

#: The parts of a request that decide the bytes of the chunks. Missing values matter if an input is rewritten.
DECIDES = (
    "delimiter", "quotechar", "header", "skip_lines", "comment", "escape", "trailing_delimiter", "null_values", "limit",
    "union", "source_file",
)  # fmt: skip


def chunks_of(
    previous: Path, job: JobDirectory, of_input: dict[str, Any], wanted: dict[str, Any]
) -> list[Chunk] | None:
    """Return the chunks of a previous job, their files linked into a job; None when the input must be split.

    None if the previous job is missing or damaged, or was created from other bytes, with another request or by another
    version. of_input: the new job's input, sources and mode. Workers verify the bytes of every chunk by its checksum as
    usual.
    """
    with suppress(CsvswarmError, OSError):
        old = JobDirectory(previous)
        manifest = old.manifest()
        if manifest is None or any(getattr(manifest, name) != value for name, value in of_input.items()):
            return None
        if manifest.versions != versions() or any(manifest.request.get(name) != wanted[name] for name in DECIDES):
            return None
        job.remove_chunks()  # left by a killed split
        for path in sorted(old.chunks_directory.iterdir()) if of_input["mode"] == "files" else []:
            _link(path, job.chunks_directory / path.name)
        if all(chunk.file is None or (job.chunks_directory / chunk.file).is_file() for chunk in manifest.chunks):
            return manifest.chunks
    return None


def _link(path: Path, target: Path) -> None:
    try:
        os.link(path, target, follow_symlinks=False)
    except OSError:
        shutil.copyfile(path, target, follow_symlinks=False)
