"""The manifest: input, request and chunks of a job, written once by its split."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from csvswarm.csv_format.dialect import Dialect
from csvswarm.job.chunk import Chunk

#: Version of the files in a job directory and of job.json.
FORMAT = 2
_KINDS: dict[type | tuple[type, ...], tuple[str, ...]] = {
    dict: ("input", "request", "processor", "versions", "preamble", "misfits", "formats", "packages"),
    str: ("job_id", "split", "header", "mode", "output"),
    int: ("permissions", "bom", "durable", "finished"),
    (int, float): ("created", "split_seconds"),
    list: ("names", "numeric_columns", "decisions", "warnings", "sources", "files"),
}

_FILE_KEYS = {"name", "bytes", "sha256", "source"}


@dataclass(frozen=True)
class Manifest:
    """Input, request and chunks of a job, written once; its existence means that the split is complete.

    split: id of this split; receipts of other splits do not count. input: {path, size, mtime_ns, compression}.
    sources: the files of an input of many files, in order: {path, name, size, mtime_ns, compression, preamble}; else
    empty.
    request: the canonical request. processor: {name, sha256, source}. versions: of the code and the libraries.
    permissions: permission bits of the input, which no file of the job or result exceeds for group and others.
    preamble: {bytes, checksum} of what precedes the first record. header: the raw header record, without byte order
    mark and terminator. names: the unique column names. durable: whether partials are on disk before they count.
    output: requested output directory, "" if not given.
    formats: how numbers and dates are written, if not plainly.
    decisions: what was detected about the file, one sentence each. warnings: what the user may not have intended.
    misfits: as in a receipt, for the samples of the first schema. numeric_columns: those that the processor uses as
    numbers when they are. files: the side files, each {name, bytes, sha256, source}. packages: those that the user's
    list names, {source, directory, versions}, or empty. finished: of an incremental job, how many of the sources the
    last result contains that was followed by new ones.
    """

    job_id: str
    split: str
    input: dict[str, Any]
    request: dict[str, Any]
    processor: dict[str, Any]
    versions: dict[str, str]
    permissions: int
    dialect: Dialect
    bom: bool
    header: str
    names: list[str]
    mode: str
    chunks: list[Chunk]
    created: float = field(default_factory=time.time)
    split_seconds: float = 0.0
    durable: bool = False
    output: str = ""
    preamble: dict[str, Any] = field(default_factory=dict)
    formats: dict[str, Any] = field(default_factory=dict)
    decisions: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    misfits: dict[str, list[list[Any]]] = field(default_factory=dict)
    numeric_columns: list[str] = field(default_factory=list)
    sources: list[dict[str, Any]] = field(default_factory=list)
    files: list[dict[str, Any]] = field(default_factory=list)
    packages: dict[str, Any] = field(default_factory=dict)
    finished: int = 0
    format: int = FORMAT

    def source_path(self, chunk: Chunk) -> Path:
        """Return the file of the input that has the records of a chunk."""
        return Path(self.sources[chunk.source]["path"] if self.sources else self.input["path"])

    def data_path(self, chunk: Chunk, chunks_directory: Path) -> Path:
        """Return the file to read a chunk from."""
        return chunks_directory / chunk.file if chunk.file else self.source_path(chunk)

    def source_name(self, chunk: Chunk) -> list[str]:
        """Return the short name of the file of a chunk, for tables; none when there is one file."""
        return [self.sources[chunk.source]["name"]] if self.sources else []

    @cached_property
    def _records_before(self) -> dict[int, int]:
        found: dict[int, int] = {}
        for chunk in self.chunks:
            found.setdefault(chunk.source, chunk.first_record - 1)
        return found

    def records_before(self, chunk: Chunk) -> int:
        """Return the number of records in the files before that of a chunk."""
        return self._records_before[chunk.source]

    def place(self, record: int) -> str:
        """Return how messages name a record: by its number in its file and, for many files, by the file."""
        if not self.sources:
            return f"record {record}"
        chunk = next(chunk for chunk in reversed(self.chunks) if chunk.first_record <= record or chunk.number == 1)
        return f"record {record - self.records_before(chunk)} of {self.source_path(chunk)}"

    @property
    def rows(self) -> int:
        return sum(chunk.rows for chunk in self.chunks)

    @property
    def fails_on_bad_records(self) -> bool:
        return bool(self.request["on_error"] == "fail")

    def to_json(self) -> dict[str, Any]:
        return {
            **{name: getattr(self, name) for name in self.__dataclass_fields__},
            "dialect": self.dialect.to_json(),
            "chunks": [chunk.to_json() for chunk in self.chunks],
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Manifest:
        """Raises TypeError, ValueError, KeyError or AttributeError for an invalid field."""
        manifest = cls(
            **{
                **data,
                "dialect": Dialect.from_json(data["dialect"]),
                "chunks": [Chunk.from_json(chunk) for chunk in data["chunks"]],
            }
        )
        for kind, names in _KINDS.items():
            for name in names:
                if not isinstance(getattr(manifest, name), kind):
                    raise TypeError(f"its {name} is {getattr(manifest, name)!r}")
        for file in manifest.files:
            if not isinstance(file.get("name"), str) or "/" in file["name"] or file.keys() != _FILE_KEYS:
                raise ValueError(f"it lists a file {file!r}")
        for number, chunk in enumerate(manifest.chunks, 1):
            if chunk.number != number or "/" in (chunk.file or "") or chunk.source >= max(1, len(manifest.sources)):
                raise ValueError(f"it calls chunk {number} {chunk.number!r}, in the file {chunk.file!r}")
        return manifest
