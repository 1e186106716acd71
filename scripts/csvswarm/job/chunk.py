"""Chunks and blocks: runs of whole records, given by file, offset and length."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Block:
    """A run of whole records within a chunk's file: offset and length in bytes, rows in records."""

    offset: int
    length: int
    rows: int


@dataclass(frozen=True)
class Chunk:
    """A run of blocks, the unit of scheduling.

    file: name of the chunk file in the job's chunks directory, or None for a range of the input itself.
    source: which file of the input its records are from, counted from 0.
    first_record: number of its first record in the whole input, from 1 (the header is not counted).
    checksum: xxh3_128 of its bytes.
    """

    number: int
    file: str | None
    offset: int
    length: int
    first_record: int
    rows: int
    checksum: str
    blocks: tuple[Block, ...]
    source: int = 0

    def to_json(self) -> dict[str, Any]:
        data = asdict(self)
        data["blocks"] = [[b.offset, b.length, b.rows] for b in self.blocks]
        return data

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Chunk:
        return cls(**{**data, "blocks": tuple(Block(*block) for block in data["blocks"])})


BLOCK_BYTES = 8 << 20
