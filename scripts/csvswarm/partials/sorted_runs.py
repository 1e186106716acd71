"""External merge sort: large states in little memory, as tables sorted by key, in files.

A processor with `keys` returns tables whose rows are identified by these columns. `combine` merges tables into one
sorted by the keys, with every key once. It may be called with any rows as long as it gets all rows of a key, so files
of any size are merged by cutting all of them at the same key.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from csvswarm.errors import filename_in_errors
from csvswarm.groupby.group_totals import GroupArrays, GroupedBlock, GroupTotals, load_all_totals, save_totals
from csvswarm.runtime.lazy_imports import pa, pc

if TYPE_CHECKING:
    from csvswarm.groupby.accumulator import GroupAccumulator

BATCH_ROWS, BATCH_BYTES = 1 << 15, 1 << 19
MAX_ROWS_IN_MEMORY, MAX_BYTES_IN_MEMORY = 1 << 19, 1 << 24
#: Files that are merged at once, and bytes that are kept of all of them together, if that is more than a batch of each.
FAN_IN, MERGE_BYTES = 64, 12 << 20
#: Suffix of a file with `GroupTotals` instead of a table.
TOTALS_SUFFIX = ".small"

Combine = Callable[[list[Any]], Any]  # batches of Arrow tables
TableOf = Callable[[GroupArrays], Any]
Key = tuple[tuple[bool, Any], ...]


def _refuse_groups(_: GroupArrays) -> Any:
    raise TypeError("this store takes only tables")


class ExternalMergeStore:
    """Combines tables, and moves what does not fit in memory to sorted files.

    path: returns the path of the n-th file of this store. table_of: converts groups to a table, where processors
    return them.
    """

    def __init__(
        self,
        keys: Sequence[str],
        combine: Combine,
        path: Callable[[int], Path],
        table_of: TableOf = _refuse_groups,
    ) -> None:
        self._keys, self._combine, self._path, self._table_of = list(keys), combine, path, table_of
        self._groups: GroupAccumulator | None = None
        self._in_memory: list[pa.Table] = []
        self._rows = self._bytes = 0
        self._runs: list[Path] = []
        self._written = 0

    def add(self, state: pa.Table | GroupedBlock) -> None:
        """Add a table, or a block whose groups are accumulated."""
        if not isinstance(state, GroupedBlock):
            self._add_table(state)
            return
        if self._groups is None:
            from csvswarm.groupby.accumulator import GroupAccumulator  # imports the kernel's modules

            self._groups = GroupAccumulator()
        self._groups.add(state)
        if self._groups.is_full:
            self._flush_groups()

    def _flush_groups(self) -> None:
        if self._groups is not None:
            self._runs.append(self._write_run(self._tables_of_groups()))
            self._groups = None

    def _tables_of_groups(self) -> Iterator[pa.Table]:
        if self._groups is not None:
            yield from map(self._table_of, self._groups.parts())

    def _add_table(self, table: pa.Table) -> None:
        self._in_memory.append(table)
        self._rows += table.num_rows
        self._bytes += table.nbytes
        if self._rows > MAX_ROWS_IN_MEMORY or self._bytes > MAX_BYTES_IN_MEMORY:
            table = self._combine(self._in_memory)
            self._in_memory, self._rows, self._bytes = [table], table.num_rows, table.nbytes
            if self._rows > MAX_ROWS_IN_MEMORY // 2 or self._bytes > MAX_BYTES_IN_MEMORY // 2:
                self._runs.append(self._write_run(iter([table])))
                self._in_memory, self._rows, self._bytes = [], 0, 0

    def save(self, target: Path) -> tuple[Path, int]:
        """Write everything, combined, to one sorted file, `target` or one beside it; return (path, rows)."""
        if self._groups is None or self._in_memory or self._runs:
            self._flush_groups()
            return target, write_sorted_run(target, self.merged())
        if self._groups.is_large:
            return target, write_sorted_run(target, self._tables_of_groups())
        target = target.with_suffix(TOTALS_SUFFIX)
        return target, save_totals(target, self._groups.totals())

    def merged(self) -> Iterator[pa.Table]:
        """Yield the rows of all added tables, combined, in order of the keys. At least one table was added."""
        if not self._runs:
            yield self._combine(self._in_memory)
            return
        if self._in_memory:
            self._runs.append(self._write_run(iter([self._combine(self._in_memory)])))
            self._in_memory = []
        while len(self._runs) > FAN_IN:
            first, self._runs = self._runs[:FAN_IN], self._runs[FAN_IN:]
            self._runs.append(self._write_run(merge_sorted_runs(first, self._keys, self._combine)))
            for path in first:
                path.unlink()
        yield from merge_sorted_runs(self._runs, self._keys, self._combine)
        self.remove_runs()

    def remove_runs(self) -> None:
        """Remove the files of this store."""
        for path in self._runs:
            path.unlink(missing_ok=True)
        self._runs = []

    def _write_run(self, tables: Iterator[pa.Table]) -> Path:
        self._written += 1
        path = self._path(self._written)
        write_sorted_run(path, tables)
        return path


def load_totals_only(paths: Sequence[Path]) -> GroupTotals | None:
    """Return the totals of all files together, None if one of them is a table or they are too large."""
    return load_all_totals(paths) if all(path.suffix == TOTALS_SUFFIX for path in paths) else None


def write_sorted_run(path: Path, tables: Iterator[pa.Table]) -> int:
    """Write sorted tables to a file in batches of about BATCH_BYTES; return the number of rows."""
    first = next(tables)
    rows = 0
    with filename_in_errors(path), pa.OSFile(str(path), "wb") as sink, pa.ipc.new_stream(sink, first.schema) as writer:
        table: pa.Table | None = first
        while table is not None:
            batch = min(BATCH_ROWS, max(1, BATCH_BYTES * table.num_rows // max(1, table.nbytes)))
            writer.write_table(table.combine_chunks(), max_chunksize=batch)
            rows += table.num_rows
            table = next(tables, None)
    return rows


def merge_sorted_runs(paths: Sequence[Path], keys: Sequence[str], combine: Combine) -> Iterator[pa.Table]:
    """Yield the rows of sorted files, combined, in order of the keys. Keeps some batches per file in memory.

    Files may lack columns of others; every table has all of them.
    """
    with ExitStack() as stack:
        files = [pa.ipc.open_stream(stack.enter_context(pa.OSFile(str(path)))) for path in paths]
        runs = [_SortedRun(file, keys, MERGE_BYTES // len(files)) for file in files]
        schemas = [run.schema for run in runs]
        all_columns = [] if all(map(schemas[0].equals, schemas)) else [pa.unify_schemas(schemas).empty_table()]
        runs = [run for run in runs if run.advance()]
        if not runs:
            yield combine([*all_columns, schemas[0].empty_table()])
        while runs:
            limit = min(run.last for run in runs)
            pieces = [piece for run in runs if (piece := run.take_up_to(limit)).num_rows]
            runs = [run for run in runs if run.has_rows() or run.advance()]
            yield combine([*all_columns, *pieces])


def sort_tables(tables: Iterator[pa.Table], keys: Sequence[str], path: Callable[[int], Path]) -> Iterator[pa.Table]:
    """Yield the rows of tables in order of unique keys, in files if there are many. path: of the n-th file."""

    def ordered(parts: list[pa.Table]) -> pa.Table:
        table = pa.concat_tables(parts).combine_chunks()
        return table.take(pc.sort_indices(table, [(key, "ascending", "at_start") for key in keys]))

    store = ExternalMergeStore(keys, ordered, path)
    try:
        for table in tables:
            store.add(table)
        yield from store.merged()
    finally:
        store.remove_runs()


class _SortedRun:
    """One sorted file, of which about `size` bytes are in memory, at least a batch."""

    def __init__(self, reader: Any, keys: Sequence[str], size: int) -> None:
        self._reader, self._keys, self._size = reader, keys, size
        self.schema = reader.schema
        self._batch: pa.RecordBatch | None = None
        self._start = 0
        self.last: Key = ()

    def advance(self) -> bool:
        batches, size = [], 0
        for batch in self._reader:
            batches.append(batch)
            size += batch.nbytes
            if size >= self._size:
                break
        whole = pa.Table.from_batches(batches, self.schema).combine_chunks().to_batches()
        if not whole or not whole[0].num_rows:
            return False
        (self._batch,), self._start = whole, 0
        self._columns = [self._batch.column(key) for key in self._keys]
        self.last = self._key(self._batch.num_rows - 1)
        return True

    def has_rows(self) -> bool:
        return self._batch is not None and self._start < self._batch.num_rows

    def take_up_to(self, limit: Key) -> pa.Table:
        """Return the rows up to and including the key `limit`."""
        if self._batch is None:
            return self.schema.empty_table()
        low, high = self._start, self._batch.num_rows
        if self.last <= limit:
            low = high
        while low < high:
            middle = (low + high) // 2
            if self._key(middle) <= limit:
                low = middle + 1
            else:
                high = middle
        piece = self._batch.slice(self._start, low - self._start)
        self._start = low
        return pa.Table.from_batches([piece])

    def _key(self, row: int) -> Key:
        values = [column[row].as_py() for column in self._columns]
        return tuple((value is not None, value) for value in values)
