"""The receipt: the outcome of one attempt at one chunk."""

from __future__ import annotations

import json
import socket
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from csvswarm.job.durable_files import checked_fields, read_json, read_regular
from csvswarm.job.manifest import FORMAT

STATUSES = ("done", "misfit", "error", "suspect")
#: Required type of every field. A processor on a board can write anything into its job's directory.
_KINDS: dict[str, type | tuple[type, ...]] = {
    **dict.fromkeys(
        ("chunk", "generation", "rows_in", "rows_out", "rejected", "peak_bytes", "limit_bytes", "format"), int
    ),
    **dict.fromkeys(("attempt", "status", "board", "processor", "message", "split"), str),
    **dict.fromkeys(("started", "ended", "cpu_seconds"), (int, float)),
    **dict.fromkeys(("files", "types", "observed", "misfits"), dict),
    **dict.fromkeys(("columns", "output"), (list, type(None))),
    "uniform": bool,
    **dict.fromkeys(("missing", "reasons"), list),
}
_REASON_KINDS = {"reason": str, "records": int, "record": int, "example": str, "provisional": bool}


@dataclass(frozen=True)
class Receipt:
    """The outcome of one attempt at a chunk; the first receipt of a chunk in a generation counts.

    status: "done" (files has the partial), "misfit" (observed and missing define how the schema must widen), "error"
    (message describes an error that would repeat) or "suspect" (an error that a wider schema may prevent; has observed,
    too). split: id of the split that created the chunk. files: name -> {"name", "bytes", "checksum"} of the attempt's
    files. limit_bytes: memory limit of its container, 0 for none. cpu_seconds: of its process, during the attempt.
    types: the schema it read with. output: type of every column it wrote, None if all values were missing.
    misfits: numeric column -> [record number, value] of its first values that are not numbers. reasons: of the rejected
    records, as `rejections.Reasons.to_json` returns them.
    """

    chunk: int
    generation: int
    attempt: str
    status: str
    split: str = ""
    board: str = field(default_factory=socket.gethostname)
    started: float = 0.0
    ended: float = 0.0
    rows_in: int = 0
    rows_out: int = 0
    rejected: int = 0
    peak_bytes: int = 0
    limit_bytes: int = 0
    cpu_seconds: float = 0.0
    processor: str = ""
    files: dict[str, dict[str, Any]] = field(default_factory=dict)
    types: dict[str, str] = field(default_factory=dict)
    columns: list[str] | None = None
    output: list[str | None] | None = None
    uniform: bool = True
    observed: dict[str, str] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    misfits: dict[str, list[list[Any]]] = field(default_factory=dict)
    message: str = ""
    reasons: list[dict[str, Any]] = field(default_factory=list)
    format: int = FORMAT

    @property
    def file_name(self) -> str:
        """File name in the receipts directory."""
        return f"{self.chunk:06d}-{self.generation:04d}.json"

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Receipt:
        """Raises TypeError, ValueError or KeyError for an invalid field."""
        receipt = cls(**data)
        for named in fields(cls):
            if not isinstance(getattr(receipt, named.name), _KINDS[named.name]):
                raise TypeError(f"its {named.name} is {getattr(receipt, named.name)!r}")
        STATUSES.index(receipt.status)
        for kind in receipt.reasons:
            kinds = {name: type(kind[name]) for name in _REASON_KINDS}
            if kinds != _REASON_KINDS:
                raise TypeError(f"it gives a reason {kind!r}")
        for file in receipt.files.values():
            name, size, checksum = file["name"], file["bytes"], file["checksum"]
            if not (isinstance(name, str) and isinstance(size, int) and isinstance(checksum, str)) or "/" in name:
                raise TypeError(f"it names a file {file!r}")
        return receipt


def read_receipt(path: Path) -> Receipt | None:
    """Return the receipt in a file, None if the file does not exist. Raises JobError if it is damaged."""
    chunk = path.name.partition("-")[0].lstrip("0")
    remedy = f"remove it and rerun the job; only chunk {chunk} is reprocessed."
    data = read_json(path, remedy)
    if data is None:
        return None
    with checked_fields(path, remedy):
        return Receipt.from_json(data)


def try_receipt(path: Path) -> Receipt | None:
    """Return the receipt in a file, None if it is incomplete because its attempt was killed."""
    try:
        return Receipt.from_json(json.loads(read_regular(path)))
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return None
