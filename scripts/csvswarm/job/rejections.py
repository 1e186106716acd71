"""Rejected records: their reasons, and how many a job may have."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from csvswarm.errors import CsvswarmError, OptionError, shown
from csvswarm.job.job_status import allowed_rejections

if TYPE_CHECKING:
    from csvswarm.job.manifest import Manifest
    from csvswarm.job.receipt import Receipt

#: The default limit of a job.
MAX_REJECTED = "50%"
#: Kinds of reasons that are counted one by one, of a chunk and of a job; the rest counts as one.
MAX_KINDS = 100
OTHER = "other reasons"
MOST_COMMON = 3
_LIMIT = r"(\d{1,15})|(\d{1,3}(?:\.\d{1,6})?)%"
#: Parts that differ between reasons of one kind: quoted values, positions, and the message of an exception.
_VALUES = r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|(?<=position )\d+"""
_EXCEPTION = r"(?s)^(processor .+? failed: \w+)(?::.*?)?( \(\S+:\d+ in \S+\))?$"


class Reasons:
    """Counts rejected records by the kind of their reason."""

    def __init__(self) -> None:
        self._kinds: dict[str, dict[str, Any]] = {}

    def add(self, record: int, column: str, reason: str, details: str) -> None:
        """Count a record. details: the whole message of a processor that failed, kept for the first record of a kind.

        Such a rejection is provisional: under a wider schema the processor may not fail.
        """
        found = {"reason": kind_of(column, reason), "records": 1, "record": record, "example": details or reason}
        self._count(found | {"provisional": bool(details)})

    def merge(self, counted: Iterable[dict[str, Any]]) -> None:
        """Add what `to_json` returned of other records."""
        for kind in counted:
            self._count(dict(kind))

    def _count(self, new: dict[str, Any]) -> None:
        known = self._kinds.get(new["reason"])
        if known is None and len(self._kinds) >= MAX_KINDS:
            new["reason"] = OTHER
            known = self._kinds.get(OTHER)
        if known is None:
            self._kinds[new["reason"]] = new
            return
        known["records"] += new["records"]
        known["provisional"] |= new["provisional"]
        if new["record"] < known["record"]:
            known["record"], known["example"] = new["record"], new["example"]

    def to_json(self) -> list[dict[str, Any]]:
        """Return the kinds, the most common first.

        Each has reason, records (how many), record (number of the first), example and provisional.
        """
        return sorted(self._kinds.values(), key=lambda kind: (-kind["records"], kind["record"]))


def kind_of(column: str, reason: str) -> str:
    """Return the kind of a reason, without what differs between records. column: "" if no column is the cause."""
    if (exception := re.match(_EXCEPTION, reason)) is not None:
        return exception[1] + (exception[2] or "")
    return (f"column {shown(column)!r}: " if column else "") + re.sub(_VALUES, "…", reason)


def check_max_rejected(given: str) -> str:
    """Return a limit as the manifest keeps it. Raises OptionError unless it is a number of records or a share."""
    text = given.strip()
    found = re.fullmatch(_LIMIT, text)
    if found is None or (found[2] and float(found[2]) > 100):
        raise OptionError(f"max_rejected is {given!r}, but must be a number of records, or a share from 0% to 100%.")
    return text


def allowed(manifest: Manifest) -> int:
    """Return how many records of a job may be rejected."""
    return allowed_rejections(manifest.request["max_rejected"], manifest.rows)


def count_rejected(receipt: Receipt, *, is_final: bool) -> int:
    """Return how many records a chunk has rejected. is_final: also those that a wider schema may accept."""
    return sum(kind["records"] for kind in receipt.reasons if is_final or not kind["provisional"])


def check_rejected(manifest: Manifest, receipts: Iterable[Receipt], *, is_final: bool) -> None:
    """Raise CsvswarmError when chunks have rejected more records than the job allows.

    is_final: whether the schema can no longer be widened.
    """
    rejecting = [receipt for receipt in receipts if receipt.rejected]
    rejected = sum(count_rejected(receipt, is_final=is_final) for receipt in rejecting)
    if rejected > allowed(manifest):
        reasons = Reasons()
        for receipt in rejecting:
            reasons.merge(receipt.reasons)
        raise CsvswarmError(too_many(manifest, rejected, reasons))


def too_many(manifest: Manifest, rejected: int, reasons: Reasons) -> str:
    """Return the message of a job that rejects too many records, with the most common reasons."""
    kinds = "".join(
        f"  {kind['records']:,} x {shown(kind['reason'])} (first: {manifest.place(kind['record'])})\n"
        for kind in reasons.to_json()[:MOST_COMMON]
    )
    return (
        f"{rejected:,} of {manifest.rows:,} records are rejected so far, more than max_rejected "
        f"({manifest.request['max_rejected']}) allows. The most common reasons:\n{kinds}"
        "Check the processor, delimiter, quotechar, encoding and column_types."
    )
