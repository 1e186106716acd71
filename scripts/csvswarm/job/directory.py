"""The job directory: its files and its commit protocol (docs/job-directory.md)."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from csvswarm.errors import JobError
from csvswarm.job.chunk import Chunk
from csvswarm.job.durable_files import checked_fields, read_json, sync_directory, write_file, write_json
from csvswarm.job.lock import LOCK, locked
from csvswarm.job.manifest import FORMAT, Manifest
from csvswarm.job.receipt import Receipt, read_receipt
from csvswarm.types.schema import Schema

#: Patterns are text, which Python compiles on first use: most commands use few of them.
JOB_ID = r"[a-z0-9][a-z0-9._-]{0,62}"
SUCCESS = "_SUCCESS"
#: Record and report of a failed job, in its job directory.
FAILURE_FILES = ("job.json", "report.html")
#: Names of the files that a job creates in its directories. No other file in them is ever removed.
_CHUNK_FILE = r"[0-9]{6}(-header)?\.csv"
_ATTEMPT_FILE = r"[0-9]{6}-.+\.(csv|arrow|small|json|run[0-9]+)"
_RECEIPT_FILE = r"[0-9]{6}-[0-9]{4}\.json"


class JobDirectory:
    """A job directory. Methods that write leave either the old state or the new one, even if killed."""

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
    def files_directory(self) -> Path:
        """The copies of the side files."""
        return self.directory / "files"

    @property
    def done_path(self) -> Path:
        """The record that the job is done: where its result is, and that its data was removed."""
        return self.directory / "done.json"

    def claim(self) -> None:
        """Turn the directory into a job directory, with the lock file as its first file.

        Raises JobError if the job id is invalid, or the directory contains other files.
        """
        if not re.fullmatch(JOB_ID, self.job_id):
            raise JobError(
                f"{self.job_id!r} cannot be a job id: use up to 63 of a-z, 0-9, '.', '_' and '-', "
                "the first a letter or digit."
            )
        self.directory.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError):
            self.directory.mkdir(mode=0o700)
        if (self.directory / LOCK).is_file():
            return
        for path in self.directory.iterdir():
            if path.name == LOCK:
                return  # another run has just claimed it
            raise JobError(
                f"{self.directory} is neither a job directory nor empty (it contains {path.name}): "
                "use another directory, or one that does not exist yet."
            )

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Lock out other runs of this job. Raises JobError, with the holder, if another run is active."""
        with locked(self.directory, f"job {self.job_id}"):
            yield

    def create(self) -> None:
        """Create the directories of a claimed job."""
        for directory in (self.chunks_directory, self.attempts_directory, self.receipts_directory, self.logs_directory):
            directory.mkdir(parents=True, exist_ok=True)

    # -- manifest and schema ---------------------------------------------------------------------------------------

    def manifest(self) -> Manifest | None:
        """Return the manifest, None before the split is complete. Raises JobError for another format version."""
        path = self.directory / "manifest.json"
        data = read_json(path)
        if data is None:
            return None
        if data.get("format") != FORMAT:
            raise JobError(
                f"job {self.job_id} was made by another version of csvswarm (format {data.get('format')}, "
                f"this one writes {FORMAT}): finish it with that version, or start a new job."
            )
        with checked_fields(path):
            return Manifest.from_json(data)

    def require_manifest(self) -> Manifest:
        manifest = self.manifest()
        if manifest is None:
            raise JobError(
                f"{self.directory} contains no complete split: run split_dataframe.py with this --job first."
            )
        return manifest

    def save_manifest(self, manifest: Manifest) -> None:
        write_json(self.directory / "manifest.json", manifest.to_json())

    def schema(self) -> tuple[int, dict[str, Any]]:
        """Return (generation, schema) of the newest schema."""
        paths = sorted(self.directory.glob("schema-*.json"))
        data = read_json(paths[-1]) if paths else None
        if data is None:
            raise JobError(f"{self.directory} contains no schema: rerun split_dataframe.py with this --job.")
        with checked_fields(paths[-1]):
            Schema.from_json(data)
            return int(paths[-1].stem.removeprefix("schema-")), data

    def save_schema(self, generation: int, schema: dict[str, Any]) -> None:
        write_json(self.directory / f"schema-{generation:04d}.json", schema)

    # -- attempts and receipts -------------------------------------------------------------------------------------

    def attempt_path(self, chunk: int, attempt: str, name: str) -> Path:
        """Return the path of an attempt's own file, which only this attempt writes."""
        return self.attempts_directory / f"{chunk:06d}-{attempt}.{name}"

    def commit(self, receipt: Receipt, *, durable: bool) -> bool:
        """Commit by hard-linking the receipt to the chunk's receipt path. Return whether this attempt was the first.

        A link cannot replace a file: of two attempts exactly one commits, on NFS as well, and the other changes
        nothing. durable: whether the receipt is on disk on return.
        """
        own = self.attempt_path(receipt.chunk, receipt.attempt, f"{receipt.generation}.json")
        write_file(own, json.dumps(receipt.to_json()).encode(), durable=durable)
        target = self.receipts_directory / receipt.file_name
        try:
            os.link(own, target)
        except FileExistsError:
            # NFS may answer EEXIST to a repetition of the same successful request: then the receipt is the same file.
            return own.samefile(target)
        if durable:
            sync_directory(self.receipts_directory)
        return True

    def receipt(self, chunk: int, generation: int) -> Receipt:
        """Return the receipt of a chunk that must have one."""
        receipt = read_receipt(self.receipts_directory / f"{chunk:06d}-{generation:04d}.json")
        if receipt is None:
            raise JobError(f"the receipt of chunk {chunk} in {self.receipts_directory} is missing.")
        return receipt

    def receipts(self, chunk: int | None = None) -> Iterator[Receipt]:
        """Yield all receipts, by chunk and generation, or those of one chunk."""
        prefix = "" if chunk is None else f"{chunk:06d}-"
        for path in sorted(self.receipts_directory.iterdir()):  # NFS clients cache lookups, but not listings
            wanted = path.suffix == ".json" and path.name.startswith(prefix)
            receipt = read_receipt(path) if wanted else None
            if receipt is not None:
                yield receipt

    def revoke(self, receipts: Iterable[Receipt]) -> None:
        """Revoke receipts, so that their chunks are reprocessed."""
        for receipt in receipts:
            (self.receipts_directory / receipt.file_name).unlink(missing_ok=True)

    def mismatch_marker(self, generation: int) -> Path:
        """The marker that a chunk did not fit a schema: the others are then only inspected, not processed."""
        return self.directory / f"schema-{generation:04d}.misfit"

    # -- removal; needs the lock -----------------------------------------------------------------------------------

    def reset(self) -> None:
        """Remove all progress, including the split, so that the job restarts from its beginning.

        Files that later steps depend on are removed first: if killed, this leaves a complete job or one that restarts.
        """
        (self.directory / "manifest.json").unlink(missing_ok=True)
        _remove_matching(self.receipts_directory, _RECEIPT_FILE)
        _remove_matching(self.attempts_directory, _ATTEMPT_FILE)
        self.remove_chunks()
        for path in [
            *self.directory.glob("schema-*"),
            *self.directory.glob("round-*"),
            *self.directory.glob("tasks-*"),
            *self.directory.glob("merge*"),
            self.done_path,
        ]:
            path.unlink(missing_ok=True)
        self.remove_report()

    def remove_chunks(self, kept: Iterable[Chunk] = ()) -> None:
        """Remove the chunk files, but for those of the chunks to keep."""
        _remove_matching(self.chunks_directory, _CHUNK_FILE, {chunk.file for chunk in kept})

    def remove_report(self) -> None:
        """Remove the record and the report of a failure."""
        for name in FAILURE_FILES:
            (self.directory / name).unlink(missing_ok=True)

    def remove_data(self, kept: Iterable[Receipt] = (), chunks: Iterable[Chunk] = ()) -> None:
        """Remove the data that the result contains: chunk files, partials, merged files. Receipts stay.

        kept, chunks: receipts and chunks whose files are kept.
        """
        for path in self.directory.glob("merge-*"):
            path.unlink(missing_ok=True)
        names = {file["name"] for receipt in kept for file in receipt.files.values()}
        _remove_matching(self.attempts_directory, rf"(?!.*\.json$){_ATTEMPT_FILE}", names)
        self.remove_chunks(chunks)

    def discard_empty_receipts(self) -> None:
        """Revoke empty receipts, which a power cut leaves if receipts are not durable."""
        for path in self.receipts_directory.iterdir():
            if path.suffix == ".json" and not path.lstat().st_size:
                path.unlink()

    def discard_error_receipts(self) -> None:
        """Revoke error receipts, so that a resumed run retries their chunks."""
        generation, _ = self.schema()
        receipts = [receipt for receipt in self.receipts() if receipt.generation == generation]
        if not any(receipt.status in ("error", "suspect") for receipt in receipts):
            return
        self.mismatch_marker(generation).unlink(missing_ok=True)
        self.revoke(receipt for receipt in receipts if receipt.status != "done")


def _remove_matching(directory: Path, pattern: str, kept: Collection[str | None] = ()) -> None:
    """Remove the files in a directory whose names match a pattern, if the directory exists."""
    with suppress(FileNotFoundError):
        for path in directory.iterdir():
            if re.fullmatch(pattern, path.name) and path.name not in kept:
                path.unlink(missing_ok=True)
