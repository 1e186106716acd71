"""The context of a processor's call: its options and the input."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from csvswarm.csv_format.dialect import CANONICAL, Dialect
from csvswarm.errors import OptionError, format_names
from csvswarm.job.manifest import Manifest
from csvswarm.types.schema import Schema


@dataclass
class Context:
    """The context that a processor gets besides its rows.

    options: its checked options. names: all columns of the input, in order. schema: their types. dialect: that of the
    input. chunk: number of the chunk, 0 outside of chunks. first_record: number of the block's first own record (from
    1). overlap: number of rows at the start of the block that belong to the previous block; `process` may read them,
    but must not return anything for them. rows: total number of rows, for `finish`.
    """

    options: dict[str, Any]
    names: list[str]
    schema: Schema
    dialect: Dialect = CANONICAL
    null_values: Sequence[str] = ()
    chunk: int = 0
    first_record: int = 1
    overlap: int = 0
    rows: int = field(default=0, repr=False)

    def type_of(self, column: str) -> str:
        """Return the type of an input column: text, int, float, bool, timestamp, null (all missing) or quoted."""
        return self.schema.type_of(column)

    def require_columns(self, columns: Sequence[str], where: str) -> None:
        """Raise OptionError if the input lacks one of the columns. where: what names them, for the message."""
        known = set(self.names)
        for column in columns:
            if column not in known:
                raise OptionError(f"{where} names a column {column!r}, but the file has: {format_names(self.names)}.")

    #: Former name of `require_columns`, for one release.
    require = require_columns

    @classmethod
    def for_job(cls, manifest: Manifest, schema: Schema, rows: int = 0) -> Context:
        """Return the context outside of blocks, as `combine` and `finish` see it. rows: in the whole input."""
        return cls(
            options=dict(manifest.request["options"]),
            names=manifest.names,
            schema=schema,
            dialect=manifest.dialect,
            null_values=manifest.request["null_values"],
            rows=rows,
        )
