"""The context of a processor's call: its options and the input."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from csvswarm.csv_format.dialect import CANONICAL, Dialect
from csvswarm.errors import OptionError, format_names
from csvswarm.job.manifest import Manifest
from csvswarm.job.side_files import SideFiles
from csvswarm.types.schema import Schema


@dataclass
class Context:
    """What a processor knows about its job and block, beside the rows themselves.

    csvswarm creates it and passes it to every function of a processor as the last argument. Do not change it.

    Attributes:
        options: the processor's options, validated, with defaults for those not given.
        names: all columns of the input, in the input's order, also those the processor does not request.
        schema: the types of all input columns, the same for every block of the file; see `type_of`.
        dialect: delimiter, quote character and line end of the input.
        null_values: the spellings of missing values in the input.
        chunk: number of the chunk, from 1; 0 in functions that work on no chunk, such as `columns` and `finish`.
        first_record: number of the block's first own record in the file, from 1; the header is not counted.
        overlap: number of rows at the start of the block that belong to the preceding block: at most what the
            processor requests in OVERLAP, fewer at the start of the file. `process` may read these rows, but must
            return nothing for them.
        rows: number of records processed in the whole file, set for `finish`; 0 elsewhere.
        sorter: internal; what `sort` calls in `finish`.
        files: the side files of the job; see `file`.
        seen: internal; what a built-in processor keeps of the earlier blocks of its chunk.
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
    sorter: Callable[[Iterator[Any], Sequence[str]], Iterator[Any]] | None = field(default=None, repr=False)
    files: SideFiles = field(default_factory=SideFiles, repr=False)
    seen: Any = field(default=None, repr=False)

    def type_of(self, column: str) -> str:
        """Return the type of an input column in the whole file.

        Args:
            column: name of a column of the input.

        Returns:
            `text`, `int`, `float`, `bool`, `timestamp`, `null` (all values are missing), or `quoted` (text: all
            values are missing or quoted spellings of missing values, such as `""`).

        Raises:
            KeyError: the input has no such column; call `require` first.
        """
        return self.schema.type_of(column)

    def require_columns(self, columns: Sequence[str], where: str) -> None:
        """Check that the input has all columns that an option names.

        Args:
            columns: names of columns.
            where: what names them, as the message begins: `option 'by'`.

        Raises:
            OptionError: a column is not in the input. The message names it and the columns of the input.
        """
        known = set(self.names)
        for column in columns:
            if column not in known:
                raise OptionError(f"{where} names a column {column!r}, but the file has: {format_names(self.names)}.")

    def sort(self, tables: Iterator[Any], keys: Sequence[str]) -> Iterator[Any]:
        """Sort the rows of tables in files, so that they may exceed memory. Only for `finish` of keyed tables.

        Args:
            tables: at least one pyarrow Table, all with the same columns.
            keys: columns to sort by, missing values first. No two rows have the same values in all of them.

        Yields:
            Tables with all rows, in order.

        Raises:
            OptionError: called outside of `finish`.
        """
        if self.sorter is None:
            raise OptionError("context.sort is available only in finish of a processor with keys.")
        yield from self.sorter(tables, keys)

    #: Former name of `require_columns`, for one release.
    require = require_columns

    def file(self, name: str) -> Path:
        """Return the path of a side file, one that the user passed with the job as `files`.

        The file is a read-only copy with the bytes that it had when the job was created. Read it once and keep what
        you need in a variable of the module: `process` is called for every block.

        Args:
            name: base name of the file: `lookup.csv` for `data/lookup.csv`.

        Returns:
            The path of the file.

        Raises:
            OptionError: the job has no such file. The message names the files that it has.
            JobError: the copy was changed.
        """
        return self.files.path(name)

    @classmethod
    def for_job(cls, manifest: Manifest, schema: Schema, files: SideFiles, rows: int = 0) -> Context:
        """Return the context outside of blocks, as `combine` and `finish` see it. rows: in the whole input."""
        return cls(
            options=dict(manifest.request["options"]),
            names=manifest.names,
            schema=schema,
            dialect=manifest.dialect,
            null_values=manifest.request["null_values"],
            rows=rows,
            files=files,
        )
