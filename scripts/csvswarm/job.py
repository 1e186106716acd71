"""The job directory: what is in it, and the commit protocol over it (docs/job-directory.md)."""

from __future__ import annotations

import json
import os
import re
import socket
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from .chunks import Chunk
from .dialect import Dialect
from .errors import JobError, naming
from .schema import Schema

FORMAT = 1
JOB_ID = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
SUCCESS = "_SUCCESS"
STATUSES = ("done", "misfit", "error", "suspect")
START_AGAIN = "remove the job's directory and start the job again."


@dataclass(frozen=True)
class Manifest:
    """What a job works on, written once by the split; its existence says that the split is complete.

    input: {path, size, mtime_ns, compression}. request: what the user asked for. processor: {name, sha256, source}.
    header: the raw header record, without byte order mark and terminator. names: the unique column names. durable:
    whether partials are on disk before they count. output: where the result is wanted, "" when that was not said.
    """

    job_id: str
    input: dict[str, Any]
    request: dict[str, Any]
    processor: dict[str, Any]
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
    format: int = FORMAT

    @property
    def rows(self) -> int:
        return sum(chunk.rows for chunk in self.chunks)

    def to_json(self) -> dict[str, Any]:
        return {
            **vars(self),
            "dialect": self.dialect.to_json(),
            "chunks": [chunk.to_json() for chunk in self.chunks],
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Manifest:
        return cls(
            **{
                **data,
                "dialect": Dialect.from_json(data["dialect"]),
                "chunks": [Chunk.from_json(chunk) for chunk in data["chunks"]],
            }
        )


@dataclass(frozen=True)
class Receipt:
    """What one attempt at a chunk came to; the first receipt of a chunk in a generation is the one that counts.

    status: "done" (files holds the partial), "misfit" (observed and missing say how the schema must widen), "error"
    (message says what would go wrong again) or "suspect" (an error that a wider schema may mend; observed as well).
    files: name -> {"name", "bytes", "checksum"} of the attempt's
    files. types: the schema the attempt read with; output: type of every column it wrote, None for none seen.
    """

    chunk: int
    generation: int
    attempt: str
    status: str
    board: str = field(default_factory=socket.gethostname)
    started: float = 0.0
    ended: float = 0.0
    rows_in: int = 0
    rows_out: int = 0
    rejected: int = 0
    peak_bytes: int = 0
    processor: str = ""
    files: dict[str, dict[str, Any]] = field(default_factory=dict)
    types: dict[str, str] = field(default_factory=dict)
    columns: list[str] | None = None
    output: list[str | None] | None = None
    uniform: bool = True
    observed: dict[str, str] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    message: str = ""
    format: int = FORMAT

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


class Job:
    """A job directory. Every method that writes leaves either the old state or the new one, whatever is killed."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    @property
    def job_id(self) -> str:
        return self.directory.name

    @property
    def chunks_directory(self) -> Path:
        return self.directory / "chunks"

    @property
    def attempts_directory(self) -> Path:
        return self.directory / "attempts"

    @property
    def receipts_directory(self) -> Path:
        return self.directory / "receipts"

    @property
    def logs_directory(self) -> Path:
        """Logs of attempts that failed in a container."""
        return self.directory / "logs"

    @property
    def processor_path(self) -> Path:
        return self.directory / "processor.py"

    @property
    def done_path(self) -> Path:
        """What says that the job is done, where its result went, and that its data was removed."""
        return self.directory / "done.json"

    def create(self) -> None:
        """Make the directories. Raises JobError when the job's id cannot be one."""
        if not JOB_ID.fullmatch(self.job_id):
            raise JobError(
                f"{self.job_id!r} cannot be a job id: use up to 63 of a-z, 0-9, '.', '_' and '-', "
                "the first a letter or digit."
            )
        for directory in (self.chunks_directory, self.attempts_directory, self.receipts_directory, self.logs_directory):
            directory.mkdir(parents=True, exist_ok=True)

    # -- manifest and schema ---------------------------------------------------------------------------------------

    def manifest(self) -> Manifest | None:
        """Return the manifest, None before the split is complete. Raises JobError when another version wrote it."""
        path = self.directory / "manifest.json"
        data = read_json(path)
        if data is None:
            return None
        if data.get("format") != FORMAT:
            raise JobError(
                f"job {self.job_id} was made by another version of csvswarm (format {data.get('format')}, "
                f"this one writes {FORMAT}): finish it with that version, or start a new job."
            )
        with _shaped(path):
            return Manifest.from_json(data)

    def require_manifest(self) -> Manifest:
        manifest = self.manifest()
        if manifest is None:
            raise JobError(f"{self.directory} holds no complete split: run split_dataframe.py with this --job first.")
        return manifest

    def save_manifest(self, manifest: Manifest) -> None:
        write_json(self.directory / "manifest.json", manifest.to_json())

    def schema(self) -> tuple[int, dict[str, Any]]:
        """Return (generation, schema) of the newest schema."""
        paths = sorted(self.directory.glob("schema-*.json"))
        data = read_json(paths[-1]) if paths else None
        if data is None:
            raise JobError(f"{self.directory} holds no schema: run split_dataframe.py with this --job again.")
        with _shaped(paths[-1]):
            Schema.from_json(data)
        return int(paths[-1].stem.removeprefix("schema-")), data

    def save_schema(self, generation: int, schema: dict[str, Any]) -> None:
        write_json(self.directory / f"schema-{generation:04d}.json", schema)

    # -- attempts and receipts -------------------------------------------------------------------------------------

    def attempt_path(self, chunk: int, attempt: str, name: str) -> Path:
        """Return the path of an attempt's own file: nobody else writes to it."""
        return self.attempts_directory / f"{chunk:06d}-{attempt}.{name}"

    def commit(self, receipt: Receipt, *, durable: bool) -> bool:
        """Commit by a link of the receipt to the chunk's receipt name. Return whether this attempt was the first.

        A link cannot replace: of two attempts exactly one commits, on NFS as well; the other changes nothing. durable:
        whether the receipt is on disk when this returns.
        """
        own = self.attempt_path(receipt.chunk, receipt.attempt, f"{receipt.generation}.json")
        write_whole(own, json.dumps(receipt.to_json()).encode(), durable=durable)
        target = self.receipts_directory / f"{receipt.chunk:06d}-{receipt.generation:04d}.json"
        try:
            os.link(own, target)
        except FileExistsError:
            # NFS may answer EEXIST to a repeated request of our own that had succeeded: same file, same commit.
            return own.samefile(target)
        if durable:
            sync_directory(self.receipts_directory)
        return True

    def forget_empty(self) -> None:
        """Take back receipts without a byte: a power cut leaves such where receipts are not made durable."""
        for path in self.receipts_directory.iterdir():
            if path.suffix == ".json" and not path.stat().st_size:
                path.unlink()

    def receipt(self, chunk: int, generation: int) -> Receipt:
        """Return the receipt of a chunk that is known to have one."""
        receipt = _read_receipt(self.receipts_directory / f"{chunk:06d}-{generation:04d}.json")
        if receipt is None:
            raise JobError(f"the receipt of chunk {chunk} in {self.receipts_directory} is gone.")
        return receipt

    def receipts(self, chunk: int | None = None) -> Iterator[Receipt]:
        """Yield all receipts, by chunk and generation, or those of one chunk."""
        beginning = "" if chunk is None else f"{chunk:06d}-"
        for path in sorted(self.receipts_directory.iterdir()):  # a listing is fresh where a look-up may be cached
            wanted = path.suffix == ".json" and path.name.startswith(beginning)
            receipt = _read_receipt(path) if wanted else None
            if receipt is not None:
                yield receipt

    def misfit_mark(self, generation: int) -> Path:
        """A mark beside a schema: a chunk did not fit it, so the rest is only looked at, not processed."""
        return self.directory / f"schema-{generation:04d}.misfit"

    def forget_all(self) -> None:
        """Forget what was done, the split included, so that the job is run from its start again.

        What later steps rely on goes first: killed at any moment, this leaves a job that is whole or starts again.
        """
        (self.directory / "manifest.json").unlink(missing_ok=True)
        for directory in (self.receipts_directory, self.attempts_directory, self.chunks_directory):
            for path in directory.iterdir():
                path.unlink()
        for path in [
            *self.directory.glob("schema-*"),
            *self.directory.glob("round-*"),
            *self.directory.glob("merged*"),
            self.done_path,
        ]:
            path.unlink(missing_ok=True)

    def forget_errors(self) -> None:
        """Take error receipts back, so that a run the user starts again tries those chunks again."""
        generation, _ = self.schema()
        receipts = [receipt for receipt in self.receipts() if receipt.generation == generation]
        if not any(receipt.status in ("error", "suspect") for receipt in receipts):
            return
        self.misfit_mark(generation).unlink(missing_ok=True)
        for receipt in receipts:
            if receipt.status != "done":
                name = f"{receipt.chunk:06d}-{receipt.generation:04d}.json"
                (self.receipts_directory / name).unlink(missing_ok=True)


def new_attempt() -> str:
    """Return a name no other attempt has."""
    return uuid.uuid4().hex[:12]


def _read_receipt(path: Path) -> Receipt | None:
    remedy = (
        f"remove it and run the job again; only chunk {path.name.partition('-')[0].lstrip('0')} is processed again."
    )
    data = read_json(path, remedy)
    if data is None:
        return None
    with _shaped(path, remedy):
        receipt = Receipt(**data)
        STATUSES.index(receipt.status)
        return receipt


def read_json(path: Path, remedy: str = START_AGAIN) -> dict[str, Any] | None:
    """Return the object in a JSON file, None when there is no such file.

    Raises JobError, with the remedy, when it is damaged.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise _damaged(path, error, remedy) from error
    if not isinstance(data, dict):
        raise _damaged(path, "no JSON object", remedy)
    return data


def _damaged(path: Path, why: object, remedy: str) -> JobError:
    return JobError(f"{path} is damaged ({why}): {remedy}")


@contextmanager
def _shaped(path: Path, remedy: str = START_AGAIN) -> Iterator[None]:
    """Call a file damaged whose fields are not those it should have."""
    try:
        yield
    except (TypeError, KeyError, ValueError, AttributeError) as error:
        raise _damaged(path, error, remedy) from error


def write_durably(path: Path, data: bytes) -> None:
    """Write a file that is on disk when this returns."""
    write_whole(path, data, durable=True)


def write_whole(path: Path, data: bytes, *, durable: bool) -> None:
    """Write a file. durable: whether it is on disk when this returns."""
    with naming(path), path.open("wb") as file:
        file.write(data)
        file.flush()
        if durable:
            os.fsync(file.fileno())


def write_json(path: Path, data: dict[str, Any]) -> None:
    """Write a JSON file beside its name, then rename: readers see all of it or nothing."""
    temporary = path.with_name(f".{path.name}.{new_attempt()}")
    try:
        write_durably(temporary, json.dumps(data, indent=1).encode())
        temporary.replace(path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise
    sync_directory(path.parent)


def sync_directory(directory: Path) -> None:
    """Make the names in a directory durable."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        with naming(directory):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)
