"""Cuts the files of an input into chunks: each file separately, so that no chunk has records of two files."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import replace

from csvswarm.errors import InputError
from csvswarm.input.combined_files import Inputs
from csvswarm.job.chunk import Chunk
from csvswarm.job.directory import JobDirectory
from csvswarm.job.manifest import Manifest
from csvswarm.job.request import Request
from csvswarm.split.chunking import begin_cutting, cut_file
from csvswarm.split.cutter import renumbered


def cut_inputs(
    job: JobDirectory, inputs: Inputs, request: Request, mode: str, max_bytes: int, earlier: Manifest | None = None
) -> list[Chunk]:
    """Cut all files of an input into chunks. Raises InputError.

    Plain files are cut into ranges, even if others need chunk files. At least one chunk for each file with records,
    so there may be more than the request asks for. mode, max_bytes: as `cut_input` takes them. earlier: of a job that
    has cut the first files already, whose chunks are kept.
    """
    found: list[Chunk] = [*earlier.chunks] if earlier else []
    free_space = begin_cutting(job, inputs.header if mode == "files" else None, found)
    start = len(earlier.sources) if earlier else 0
    members = inputs.members[start:]
    sizes = [source.likely_bytes for source, _ in members]
    counts = chunks_by_file(sizes, request.chunks)
    left = request.limit
    for number, ((source, header), count) in enumerate(zip(members, counts, strict=True), start):
        if left == 0:
            break
        try:
            chunks = cut_file(
                job,
                source,
                header,
                replace(request, chunks=count, limit=left),
                "ranges" if source.is_plain and request.mode != "files" else "files",
                free_space,
                max_bytes=max_bytes,
                before=found,
                total=sum(sizes) if len(sizes) > 1 else 0,
            )
        except InputError:
            job.remove_chunks(earlier.chunks if earlier else ())
            raise
        if left is not None:
            left -= sum(chunk.rows for chunk in chunks)
        # A file without records has one empty chunk, which only an input without any records needs.
        is_last = number == len(inputs.members) - 1
        found += [replace(chunk, source=number) for chunk in chunks if chunk.length or (is_last and not found)]
    return list(renumbered([found]))


def chunks_by_file(sizes: Sequence[int], count: int | None) -> list[int | None]:
    """Return the number of chunks of each file; None to decide by its size.

    sizes: bytes of each file. count: chunks of all files together.
    """
    if count is None:
        return [None] * len(sizes)
    counts = [1] * len(sizes)
    largest: list[tuple[float, int]] = [(-size, index) for index, size in enumerate(sizes)]
    heapq.heapify(largest)
    for _ in range(count - len(sizes)):
        _, index = largest[0]
        counts[index] += 1
        heapq.heapreplace(largest, (-sizes[index] / counts[index], index))
    return list(counts)
