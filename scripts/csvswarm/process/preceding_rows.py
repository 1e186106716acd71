"""The rows before a chunk, for processors that look back."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from csvswarm.job.chunk import Chunk
from csvswarm.job.chunk_reader import ChunkReader
from csvswarm.reading.block_reader import Reader
from csvswarm.reading.rows import Rows, concat_rows, slice_rows

Open = Callable[[Chunk], ChunkReader]


def preceding_rows(chunks: Sequence[Chunk], chunk: Chunk, wanted: int, reader: Reader, open_chunk: Open) -> Rows:
    """Return the last `wanted` rows before a chunk, fewer at the start of the file.

    chunks: all chunks of the job, in order. reader: a separate one, because the records it rejects belong to earlier
    chunks. Raises JobError if the bytes have changed since the split.
    """
    parts: list[Rows] = []
    count = 0
    for before in reversed(chunks[: chunk.number - 1]):
        parts.insert(0, _last_rows(before, reader, wanted - count, open_chunk))
        count += len(parts[0])
        if count >= wanted:
            break
    return concat_rows(parts) if parts else reader.empty()


def _last_rows(chunk: Chunk, reader: Reader, wanted: int, open_chunk: Open) -> Rows:
    """Return the last rows of a chunk, at most `wanted`, from verified bytes."""
    count = rows = 0
    while count < len(chunk.blocks) and rows < wanted:
        count += 1
        rows += chunk.blocks[-count].rows
    while count:
        blocks = open_chunk(chunk).last_blocks(count)
        found = concat_rows([reader.read(data, record, block.rows) for block, data, record in blocks])
        if len(found) >= wanted or count == len(chunk.blocks):
            return slice_rows(found, max(0, len(found) - wanted), len(found))
        count = min(2 * count, len(chunk.blocks))  # some records were rejected
    return reader.empty()
