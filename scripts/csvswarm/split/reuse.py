"""Take the chunks of an earlier job over the same input, so that a job with a fixed processor reuses the split."""

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

#: What of a request decides about the bytes of the chunks. Missing values matter where an input is rewritten.
DECIDES = (
    "delimiter", "quotechar", "header", "skip_lines", "comment", "escape", "trailing_delimiter", "null_values", "limit",
    "union", "source_file",
)  # fmt: skip


def chunks_of(
    previous: Path, job: JobDirectory, of_input: dict[str, Any], wanted: dict[str, Any]
) -> list[Chunk] | None:
    """Return the chunks of a previous job, their files linked into a job; None when the input must be split.

    That is when the previous job is gone or damaged, or was made from other bytes, in another way or by another
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
        job.remove_chunks()  # of a split that was killed
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
