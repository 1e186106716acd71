"""Writes the outputs of one attempt to its partial: rows of text, one combined frame, or a keyed table."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, cast

import xxhash

from csvswarm.csv_format.canonical_text import as_arrow, common_type, output_type
from csvswarm.csv_format.dialect import CANONICAL
from csvswarm.csv_format.table_writer import encode_table
from csvswarm.errors import ProcessorError, filename_in_errors
from csvswarm.groupby.group_totals import GroupArrays
from csvswarm.job.checksums import file_entry
from csvswarm.partials.sorted_runs import ExternalMergeStore
from csvswarm.processor_api.encoded_rows import EncodedRows
from csvswarm.processor_api.polars_frame import from_polars
from csvswarm.processor_api.processor import Processor
from csvswarm.runtime.lazy_imports import pa

MAX_PENDING_OUTPUTS = 16


class PartialWriter(Protocol):
    """Takes the outputs of one attempt, in order; `close` returns fields of the receipt.

    As a context manager, it closes what it keeps open when the attempt fails.
    """

    def __enter__(self) -> PartialWriter: ...
    def __exit__(self, *exception: object) -> None: ...
    def add(self, result: Any) -> None: ...
    def close(self) -> dict[str, Any]: ...


class _StatelessWriter:
    """Context manager of writers that keep nothing open between calls."""

    def __enter__(self) -> PartialWriter:
        return cast(PartialWriter, self)

    def __exit__(self, *exception: object) -> None:
        pass


class RowsWriter(_StatelessWriter):
    """Writes concatenated outputs as text immediately, so that none is kept in memory."""

    def __init__(self, processor: Processor, path: Path, kinds: tuple[str | None, ...]) -> None:
        self._processor, self._forced = processor, kinds
        self._path = path
        self._file = path.open("wb", buffering=0)
        self._hash = xxhash.xxh3_128()
        self._bytes = self._rows = 0
        self._columns: list[str] | None = None
        self._kinds: list[str | None] = []
        self._uniform = True

    def add(self, result: Any) -> None:
        if isinstance(result, EncodedRows):
            names, data, kinds, rows = result.columns, result.data, result.kinds, result.rows
        else:
            names, arrays = to_columns(result, self._processor)
            if not names:
                return
            kinds = [output_type(array) for array in arrays]
            rows = len(arrays[0])
            wanted = self._forced if len(self._forced) == len(kinds) else tuple(kinds)
            data = encode_table(arrays, wanted, CANONICAL)
        if self._columns is None:
            self._columns, self._kinds = names, kinds
        elif self._columns != names:
            raise ProcessorError(
                f"processor {self._processor.name} returned the columns {names} for one block and {self._columns} for "
                "another: it must return the same columns for every block."
            )
        else:
            joined = [common_type(first, second) for first, second in zip(self._kinds, kinds, strict=True)]
            self._uniform &= all(first in (None, second) for first, second in zip(self._kinds, joined, strict=True))
            self._uniform &= all(first in (None, second) for first, second in zip(kinds, joined, strict=True))
            self._kinds = joined
        view = memoryview(data)
        with filename_in_errors(self._path):
            while view:
                view = view[self._file.write(view) :]
        self._hash.update(data)
        self._bytes += len(data)
        self._rows += rows

    def __exit__(self, *exception: object) -> None:
        self._close_file()

    def _close_file(self) -> None:
        with filename_in_errors(self._path):  # over NFS, a full disk may be reported only now
            self._file.close()

    def close(self) -> dict[str, Any]:
        self._close_file()
        forced = len(self._forced) == len(self._kinds) and self._forced
        file = {"name": self._path.name, "bytes": self._bytes, "checksum": self._hash.hexdigest()}
        return {
            "files": {"partial": file},
            "rows_out": self._rows,
            "columns": self._columns,
            "output": list(self._forced) if forced else self._kinds,
            "uniform": bool(forced) or self._uniform,
        }


class CombinedWriter(_StatelessWriter):
    """Combines outputs into one frame in memory, and writes it at the end."""

    def __init__(self, processor: Processor, path: Path, combine: Callable[[list[Any]], Any]) -> None:
        self._processor, self._path, self._combine = processor, path, combine
        self._pending: list[Any] = []

    def add(self, result: Any) -> None:
        self._pending.append(result)
        if len(self._pending) >= MAX_PENDING_OUTPUTS:
            self._pending = [self._combine(self._pending)]

    def close(self) -> dict[str, Any]:
        partial = self._pending[0] if len(self._pending) == 1 else self._combine(self._pending)
        table = frame_to_table(partial, self._processor)
        with (
            filename_in_errors(self._path),
            pa.OSFile(str(self._path), "wb") as sink,
            pa.ipc.new_stream(sink, table.schema) as writer,
        ):
            writer.write_table(table)
        return {"files": {"partial": file_entry(self._path)}, "rows_out": table.num_rows}


class KeyedWriter(_StatelessWriter):
    """Combines outputs by key, in files if they are large."""

    def __init__(
        self,
        path: Path,
        keys: list[str],
        combine: Callable[[list[Any]], Any],
        table_of: Callable[[GroupArrays], Any],
    ) -> None:
        self._path = path
        self._store = ExternalMergeStore(keys, combine, lambda number: path.with_suffix(f".run{number}"), table_of)

    def add(self, result: Any) -> None:
        self._store.add(result)

    def close(self) -> dict[str, Any]:
        path, rows = self._store.save(self._path)
        return {"files": {"partial": file_entry(path)}, "rows_out": rows}


def frame_to_table(frame: Any, processor: Processor) -> pa.Table:
    """Return a combined output as a table that keeps its index. Raises ProcessorError if it cannot be stored."""
    frame = from_polars(frame, processor.name)
    if isinstance(frame, pa.Table):
        return frame
    import pandas as pd  # lazy: a processor that uses Arrow tables needs no pandas

    if not isinstance(frame, pd.DataFrame):
        raise ProcessorError(
            f"processor {processor.name} returned {type(frame).__name__}, but must return a DataFrame."
        )
    try:
        return pa.Table.from_pandas(frame)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError) as error:
        raise ProcessorError(
            f"processor {processor.name}: its partial result cannot be stored ({error}). "
            "Give every column values of one type."
        ) from error


def read_table(path: Path) -> pa.Table:
    """Read a table written by `CombinedWriter`."""
    with pa.OSFile(str(path)) as source:
        return pa.ipc.open_stream(source).read_all()


def to_columns(result: Any, processor: Processor) -> tuple[list[str], list[pa.Array]]:
    """Return (names, arrays) of what a processor returned. Raises ProcessorError if it is no DataFrame or Table."""
    result = from_polars(result, processor.name)
    if isinstance(result, pa.Table):
        return list(result.column_names), [as_arrow(column) for column in result.columns]
    from csvswarm.processor_api import dataframe  # imports pandas, which not every processor needs

    return dataframe.to_columns(result, processor.name)
