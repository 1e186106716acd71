"""aggregate: groups of rows and figures of each, as pandas' groupby gives them for the whole file.

The state is a table of rows (group, slot, key, ...) of three sorts: counts and exact sums, which add; picks (smallest,
largest, first, last), of which one stays; and, for medians and numbers of distinct values, every value with its count.
Missing groups are dropped and groups are sorted, as groupby does by default.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from csvswarm import exact
from csvswarm.block import Rows
from csvswarm.errors import OptionError
from csvswarm.processor import Context
from csvswarm.schema import ARROW
from csvswarm.sortable import keys_of, value_of
from csvswarm.text import canonical

OPTIONS = {
    "group_by": {"type": "list", "elements": "str", "required": True, "description": "columns whose values make a group"},
    "metrics": {
        "type": "dict",
        "required": True,
        "description": "column -> metric or list of metrics: "
        "count, sum, mean, min, max, std, var, median, nunique, first, last",
    },
}
BLOCK = "rows"

#: The sorts of state, in the order in which they are read: counts come before what needs them.
COUNT, SUM, SQUARES, SMALLEST, LARGEST, FIRST, LAST, VALUES = range(8)
SORTS = 8
TAKES_LAST = (LARGEST, LAST)
NEEDS = {
    "count": {COUNT},
    "sum": {COUNT, SUM},
    "mean": {COUNT, SUM},
    "min": {SMALLEST},
    "max": {LARGEST},
    "std": {COUNT, SUM, SQUARES},
    "var": {COUNT, SUM, SQUARES},
    "median": {COUNT, VALUES},
    "nunique": {VALUES},
    "first": {FIRST},
    "last": {LAST},
}
FOR_NUMBERS = {"sum", "mean", "std", "var", "median"}
BATCH_GROUPS = 8192

Array = np.ndarray[Any, Any]


def metrics_of(context: Context) -> dict[str, list[str]]:
    """Return column -> list of metrics. Raises OptionError for an unknown column or metric."""
    wanted = {}
    for column, given in context.options["metrics"].items():
        wanted[column] = [given] if isinstance(given, str) else list(given)
    context.require(context.options["group_by"], "option 'group_by' of aggregate")
    context.require(list(wanted), "option 'metrics' of aggregate")
    for column, names in wanted.items():
        for name in names:
            if name not in NEEDS:
                raise OptionError(
                    f"option 'metrics' of aggregate asks for {name!r} of {column!r}: use one of {', '.join(NEEDS)}."
                )
            if name in FOR_NUMBERS and context.type_of(column) in ("text", "quoted", "timestamp"):
                raise OptionError(
                    f"option 'metrics' of aggregate asks for the {name} of {column!r}, which is {context.type_of(column)} "
                    "and no number; if only a few values are not, name them in -e null_values."
                )
    if not context.options["group_by"] or not wanted:
        raise OptionError("options 'group_by' and 'metrics' of aggregate must each name at least one column.")
    return wanted


def columns(context: Context) -> list[str]:
    """Return the columns that group and that are measured."""
    return list(dict.fromkeys([*context.options["group_by"], *metrics_of(context)]))


def KEYS(context: Context) -> list[str]:
    return [*_group_names(context), "slot", "key", "text"]


def process(rows: Rows, context: Context) -> pa.Table:
    """Return the state of one block."""
    table = rows.table
    numbers = rows.numbers
    present = np.ones(len(rows), dtype=bool)
    for name in context.options["group_by"]:
        present &= _present(table.column(name).combine_chunks())
    if not present.all():
        table, numbers = table.filter(pa.array(present)), numbers[present]
    codes, groups = _encode([table.column(name).combine_chunks() for name in context.options["group_by"]])
    state = _State(context, groups)
    for place, (column, names) in enumerate(metrics_of(context).items()):
        needs = set().union(*(NEEDS[name] for name in names)) | ({COUNT} if place == 0 else set())
        _measure(state, place * SORTS, needs, table.column(column).combine_chunks(), codes, numbers)
    return combine([state.table()], context)


def _measure(state: _State, slot: int, needs: set[int], values: pa.Array, codes: Array, numbers: Array) -> None:
    """Add the state of one column: of what `needs` says, for every group."""
    count = state.count
    present = _present(values)
    if not present.all():
        values, codes, numbers = values.filter(pa.array(present)), codes[present], numbers[present]
    if COUNT in needs:
        state.add(slot + COUNT, np.arange(count), n=np.bincount(codes, minlength=count))
    if not len(codes):
        return
    is_text = pa.types.is_string(values.type)
    plain = np.empty(0) if is_text else _numbers(values)
    for sort, add in ((SUM, exact.add_up), (SQUARES, exact.add_up_squares)):
        if sort in needs:
            for level, sums in add(plain, codes, count).items():
                some = np.flatnonzero(sums)
                state.add(slot + sort, some, key=np.full(len(some), level), n=sums[some])
    keys = np.empty(0, np.int64) if is_text else keys_of(plain)
    for sort in (SMALLEST, LARGEST):
        if sort in needs:
            places = _extreme(values, codes, sort) if is_text else _extreme_number(keys, codes, count, sort)
            chosen = values.take(pa.array(places)) if is_text else None
            order = None if is_text else keys[places]
            state.add(slot + sort, codes[places], order=order, order_text=chosen)
    for sort in (FIRST, LAST):
        if sort in needs:
            places = _edge(codes, sort)
            value = None if is_text else keys[places]
            chosen = values.take(pa.array(places)) if is_text else None
            state.add(slot + sort, codes[places], order=numbers[places], value=value, value_text=chosen)
    if VALUES in needs and is_text:
        found = pa.table({"c": pa.array(codes), "t": values}).group_by(["c", "t"]).aggregate([([], "count_all")])
        n = found.column("count_all").to_numpy()
        state.add(slot + VALUES, found.column("c").to_numpy(), text=found.column("t").combine_chunks(), n=n)
    elif VALUES in needs:
        order = np.lexsort((keys, codes))
        code, key = codes[order], keys[order]
        first = np.flatnonzero(np.r_[True, (code[1:] != code[:-1]) | (key[1:] != key[:-1])])
        state.add(slot + VALUES, code[first], key=key[first], n=np.diff(np.r_[first, len(code)]))


class _State:
    """Collects rows of state for groups 0 .. count - 1 of one block."""

    def __init__(self, context: Context, groups: list[pa.Array]) -> None:
        self._context, self._groups = context, groups
        self._parts: list[pa.Table] = []
        self.count = len(groups[0])

    def add(
        self,
        slot: int,
        codes: Array,
        *,
        key: Array | None = None,
        text: pa.Array | None = None,
        n: Array | None = None,
        order: Array | None = None,
        order_text: pa.Array | None = None,
        value: Array | None = None,
        value_text: pa.Array | None = None,
    ) -> None:
        rows = len(codes)
        taken = pa.array(codes)
        data = {name: group.take(taken) for name, group in zip(_group_names(self._context), self._groups, strict=True)}
        data["slot"] = pa.array(np.full(rows, slot, np.int32))
        for name, numbers in (("key", key), ("n", n), ("order", order), ("value", value)):
            data[name] = pa.array(np.zeros(rows, np.int64) if numbers is None else numbers.astype(np.int64, copy=False))
        for name, texts in (("text", text), ("order_text", order_text), ("value_text", value_text)):
            data[name] = pa.nulls(rows, pa.string()) if texts is None else texts
        self._parts.append(pa.table(data))

    def table(self) -> pa.Table:
        return pa.concat_tables(self._parts)


def combine(partials: list[pa.Table], context: Context) -> pa.Table:
    """Return one state, sorted by its keys: equal keys are added up, or the one to pick stays."""
    table = pa.concat_tables(partials).combine_chunks()
    if not table.num_rows:
        return table
    keys = KEYS(context)
    by = [(name, "ascending", "at_start") for name in [*keys, "order", "order_text"]]
    table = table.take(pc.sort_indices(table, sort_keys=by)).combine_chunks()
    new = np.zeros(table.num_rows, dtype=bool)
    new[0] = True
    for name in keys:
        new[1:] |= _differs(table.column(name).combine_chunks())
    first = np.flatnonzero(new)
    last = np.r_[first[1:], table.num_rows] - 1
    slot = table.column("slot").to_numpy()
    chosen = np.where(np.isin(slot[first] % SORTS, TAKES_LAST), last, first)
    n = np.add.reduceat(table.column("n").to_numpy(), first)
    table = table.take(pa.array(chosen))
    return table.set_column(table.column_names.index("n"), "n", pa.array(n))


def finish(pieces: Iterator[pa.Table], context: Context) -> Iterator[pa.Table]:
    """Yield the groups, sorted, with their figures as text."""
    metrics = metrics_of(context)
    names = [*context.options["group_by"], *(f"{column}_{name}" for column, ms in metrics.items() for name in ms)]
    group_types = [ARROW[context.type_of(name)] for name in context.options["group_by"]]
    done: list[list[Any]] = []
    group: tuple[Any, ...] | None = None
    figures: list[_Figures] = []

    def batch() -> pa.Table:
        width = len(group_types)
        columns = [pa.array([row[i] for row in done], group_types[i]) for i in range(width)]
        columns += [pa.array([row[i] for row in done], pa.string()) for i in range(width, len(names))]
        done.clear()
        return pa.table(columns, names=names)

    def end_group() -> None:
        if group is not None:
            done.append([*group, *(text for figure in figures for text in figure.texts())])

    for piece in pieces:
        rows = _Rows(piece, context)
        for start, stop in rows.segments():
            if rows.group(start) != group:
                end_group()
                group = rows.group(start)
                figures = [_Figures(context.type_of(column), ms) for column, ms in metrics.items()]
            place, sort = divmod(int(rows.slot[start]), SORTS)
            figures[place].add(sort, rows, start, stop)
        if len(done) >= BATCH_GROUPS:
            yield batch()
    end_group()
    yield batch()


class _Rows:
    """A piece of state, its columns at hand."""

    def __init__(self, piece: pa.Table, context: Context) -> None:
        self._names = _group_names(context)
        self._groups = [piece.column(name).to_pylist() for name in self._names]
        self._piece = piece
        self.slot, self.key, self.n, self.order, self.value = (
            piece.column(name).to_numpy() for name in ("slot", "key", "n", "order", "value")
        )
        self.order_text, self.value_text = piece.column("order_text"), piece.column("value_text")

    def group(self, row: int) -> tuple[Any, ...]:
        return tuple(values[row] for values in self._groups)

    def segments(self) -> list[tuple[int, int]]:
        """Return (start, stop) of the runs of rows of one group and slot."""
        if not len(self.slot):
            return []
        new = np.r_[True, self.slot[1:] != self.slot[:-1]]
        for name in self._names:
            new[1:] |= _differs(self._piece.column(name).combine_chunks())
        edges = [*np.flatnonzero(new).tolist(), len(self.slot)]
        return list(zip(edges[:-1], edges[1:], strict=True))


class _Figures:
    """The figures of one column in one group, from its state in order."""

    def __init__(self, kind: str, metrics: list[str]) -> None:
        self._kind, self._metrics = kind, metrics
        self._whole = kind in ("int", "bool", "timestamp")
        self._count = self._distinct = self._seen = 0
        self._sums: dict[int, dict[int, int]] = {SUM: {}, SQUARES: {}}
        self._picked: dict[int, Any] = {}
        self._middle: dict[int, int] = {}

    def add(self, sort: int, rows: _Rows, start: int, stop: int) -> None:
        if sort == COUNT:
            self._count += int(rows.n[start])
        elif sort in (SUM, SQUARES):
            for level, n in zip(rows.key[start:stop].tolist(), rows.n[start:stop].tolist(), strict=True):
                self._sums[sort][level] = self._sums[sort].get(level, 0) + n
        elif sort == VALUES:
            self._add_values(rows.key[start:stop], rows.n[start:stop])
        elif self._kind in ("text", "quoted"):
            texts = rows.order_text if sort in (SMALLEST, LARGEST) else rows.value_text
            self._picked[sort] = texts[start].as_py()
        else:
            keys = rows.order if sort in (SMALLEST, LARGEST) else rows.value
            self._picked[sort] = value_of(int(keys[start]), self._whole)

    def _add_values(self, keys: Array, n: Array) -> None:
        self._distinct += len(keys)
        until = self._seen + np.cumsum(n)
        for rank in {(self._count - 1) // 2, self._count // 2}:
            if self._seen <= rank < until[-1]:
                self._middle[rank] = int(keys[np.searchsorted(until, rank, side="right")])
        self._seen = int(until[-1])

    def texts(self) -> list[str | None]:
        """Return the figures as text, in the order of the metrics, None where one is undefined."""
        return [self._text(name) for name in self._metrics]

    def _text(self, name: str) -> str | None:
        if name == "count":
            return str(self._count)
        if name == "nunique":
            return str(self._distinct)
        picks = {"min": SMALLEST, "max": LARGEST, "first": FIRST, "last": LAST}
        if name in picks:
            value = self._picked.get(picks[name])
            return None if value is None else self._as_column(value)
        total = exact.total(self._sums[SUM])
        if name == "sum":
            return str(int(total)) if self._whole and isinstance(total, Fraction) else _number(exact.rounded(total))
        if not self._count:
            return None
        if name == "mean":
            return _number(exact.rounded(total / self._count))
        if name == "median":
            low, high = (value_of(self._middle[r], self._whole) for r in ((self._count - 1) // 2, self._count // 2))
            exactly = math.isfinite(low) and math.isfinite(high)
            return _number(exact.rounded((Fraction(low) + Fraction(high)) / 2) if exactly else (low + high) / 2)
        squares = exact.total(self._sums[SQUARES])
        if self._count < 2 or not isinstance(total, Fraction) or not isinstance(squares, Fraction):
            return None
        variance = exact.rounded((squares - total * total / self._count) / (self._count - 1))
        return _number(variance if name == "var" else math.sqrt(variance))

    def _as_column(self, value: Any) -> str | None:
        """Return a value of the column itself as its canonical text."""
        if self._kind in ("text", "quoted"):
            return str(value)
        if self._kind == "bool":
            return str(bool(value))
        if self._kind == "timestamp":
            text: str = canonical(pa.array([value], pa.int64()).cast(ARROW["timestamp"]), "timestamp")[0].as_py()
            return text
        return str(value) if self._whole else _number(value)


def _group_names(context: Context) -> list[str]:
    return [f"group{place}" for place in range(len(context.options["group_by"]))]


def _present(values: pa.Array) -> Array:
    present: Array = pc.is_valid(values).to_numpy(zero_copy_only=False)
    if pa.types.is_floating(values.type):
        present = present & ~np.isnan(values.to_numpy(zero_copy_only=False))
    return present


def _numbers(values: pa.Array) -> Array:
    """Return values that are all present as int64 or float64."""
    if pa.types.is_boolean(values.type):
        return values.cast(pa.int64()).to_numpy()
    if pa.types.is_timestamp(values.type):
        return values.cast(pa.int64()).to_numpy()
    return values.to_numpy()


def _encode(columns: list[pa.Array]) -> tuple[Array, list[pa.Array]]:
    """Return (group of every row, per column its value in every group)."""
    encoded = []
    for column in columns:
        if pa.types.is_floating(column.type):
            column = pa.array(column.to_numpy(zero_copy_only=False) + 0.0)  # -0.0 and 0.0 are one group
        encoded.append(column.dictionary_encode())
    if len(encoded) == 1:
        return encoded[0].indices.to_numpy().astype(np.int64), [encoded[0].dictionary]
    stacked = np.stack([column.indices.to_numpy() for column in encoded])
    unique, codes = np.unique(stacked, axis=1, return_inverse=True)
    groups = [column.dictionary.take(pa.array(unique[place])) for place, column in enumerate(encoded)]
    return codes.reshape(-1).astype(np.int64), groups


def _extreme_number(keys: Array, codes: Array, count: int, sort: int) -> Array:
    """Return for every group that occurs the row of its smallest or largest key."""
    at = np.minimum if sort == SMALLEST else np.maximum
    limits = np.iinfo(np.int64)
    best = np.full(count, limits.max if sort == SMALLEST else limits.min)
    at.at(best, codes, keys)
    rows = np.flatnonzero(keys == best[codes])
    return rows[np.unique(codes[rows], return_index=True)[1]]


def _extreme(values: pa.Array, codes: Array, sort: int) -> Array:
    order = pc.array_sort_indices(values, order="ascending" if sort == SMALLEST else "descending").to_numpy()
    return order[np.unique(codes[order], return_index=True)[1]]


def _edge(codes: Array, sort: int) -> Array:
    """Return for every group that occurs its first or last row."""
    if sort == FIRST:
        return np.unique(codes, return_index=True)[1]
    return len(codes) - 1 - np.unique(codes[::-1], return_index=True)[1]


def _differs(values: pa.Array) -> Array:
    """Return which values from the second on differ from the one before; missing ones are equal."""
    before, after = values.slice(0, len(values) - 1), values.slice(1)
    both = pc.fill_null(pc.not_equal(before, after), False).to_numpy(zero_copy_only=False)
    if not values.null_count:
        return both
    present = pc.is_valid(values).to_numpy(zero_copy_only=False)
    return both | (present[1:] != present[:-1])


def _number(value: float) -> str | None:
    return None if value != value else repr(float(value))
