"""The state of groups as a table: one row per group, with a column per measure and kind of state.

For many groups, for blocks that the native kernel declines, and for machines without it. Measures
that need every value have further rows after that of the group: one per distinct value, with its number (`state_kinds`
lists what is computed from which state). Tables of the same options may lack columns, which are then empty: a level of
a sum that no block needed, the smallest of no values.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from csvswarm.arithmetic import exact_sum
from csvswarm.arithmetic.exact_products import group_sums_of_products
from csvswarm.arithmetic.sort_keys import keys_of
from csvswarm.groupby.group_totals import ColumnArrays
from csvswarm.groupby.state_kinds import (
    COUNT,
    FIRST,
    LARGEST,
    LAST,
    LOWEST_PICKED,
    PICKED,
    PRODUCTS,
    SMALLEST,
    SQUARES,
    SUM,
    VALUES,
    WEIGHTS,
)
from csvswarm.runtime.lazy_imports import np, pa, pc

if TYPE_CHECKING:
    Array = np.ndarray[Any, Any]

#: Column of the record number of a first or last value, by the column of the value.
_ORDER = "{}.order"
#: The columns that identify a distinct value of a measure: missing in the row of the group itself.
VALUE_KEYS = ["measure", "key", "text"]
_LIMITS = (-(2**63), 2**63 - 1)


def group_names(count: int) -> list[str]:
    """Return the names of the columns with the values of a group."""
    return [f"group{index}" for index in range(count)]


def key_names(groups: int, *, with_values: bool) -> list[str]:
    """Return the columns that identify a row of state. with_values: whether a measure needs every value."""
    return [*group_names(groups), *(VALUE_KEYS if with_values else [])]


def state_name(measure: int, kind: int, level: int | None = None) -> str:
    """Return the column of a kind of state, or of one level of an exact sum."""
    return f"{measure}.{kind}" if level is None else f"{measure}.{kind}.{level}"


def levels_in(table: pa.Table, measure: int, kind: int) -> dict[int, Array]:
    """Return the levels of a sum: level -> its units in every row."""
    prefix = f"{state_name(measure, kind)}."
    names = [name for name in table.column_names if name.startswith(prefix)]
    return {int(name.removeprefix(prefix)): integers_in(table, name) for name in names}


def integers_in(table: pa.Table, name: str) -> Array:
    """Return a column of counts or units, 0 where it is missing."""
    if name not in table.column_names:
        return np.zeros(table.num_rows, np.int64)
    numbers: Array = table.column(name).combine_chunks().fill_null(0).to_numpy()
    return numbers


class StateBuilder:
    """Collects the state of some rows. groups: per grouping column its value in every group."""

    def __init__(self, groups: Sequence[pa.Array], *, with_values: bool) -> None:
        self._with_values = with_values
        self._names = key_names(len(groups), with_values=with_values)
        self.count = len(groups[0])
        self._groups = dict(zip(self._names, groups, strict=False))
        self._columns: dict[str, pa.Array] = {}
        self._values: list[pa.Table] = []

    def measure(self, measure: int, needs: set[int], values: pa.Array, codes: Array, numbers: Array) -> None:
        """Add the state of one column.

        needs: the kinds of state to compute. codes: the group of every row; numbers: its record number.
        """
        present_rows = present_mask(values)
        if not present_rows.all():
            values, codes, numbers = values.filter(pa.array(present_rows)), codes[present_rows], numbers[present_rows]
        if COUNT in needs:
            self.count_rows(measure, codes)
        if not len(codes):
            return
        if pa.types.is_string(values.type):
            order = pc.rank(values, tiebreaker="dense").to_numpy().astype(np.int64)
        else:
            values = pa.array(_as_numbers(values))
            order = keys_of(values.to_numpy())
            for kind, sums_of in ((SUM, exact_sum.group_sums), (SQUARES, exact_sum.group_sums_of_squares)):
                if kind in needs:
                    self._add_levels(measure, kind, sums_of(values.to_numpy(), codes, self.count))
            values = pa.array(order)
        for kind in needs & {SMALLEST, LARGEST}:
            self._pick(measure, kind, values, _best_rows(order, codes, self.count, kind))
        for kind in needs & {FIRST, LAST}:
            rows = _best_rows(np.arange(len(codes)), codes, self.count, kind)
            self._pick(measure, kind, values, rows)
            self._columns[_ORDER.format(state_name(measure, kind))] = pa.array(numbers).take(rows)
        if VALUES in needs:
            pairs = pa.table({"code": pa.array(codes), "value": values}).group_by(["code", "value"])
            found = pairs.aggregate([([], "count_all")])
            value = found.column("value").combine_chunks()
            self._add_values(measure, found.column("code").to_numpy(), value, found.column("count_all").to_numpy())

    def count_rows(self, measure: int, codes: Array) -> None:
        """Add the number of rows of every group."""
        self._columns[state_name(measure, COUNT)] = pa.array(np.bincount(codes, minlength=self.count))

    def measure_weighted(self, measure: int, values: pa.Array, weights: pa.Array, codes: Array) -> None:
        """Add the state of a weighted mean: of the rows with a value and a weight."""
        present = present_mask(values) & present_mask(weights)
        kept, codes = pa.array(present), codes[present]
        self.count_rows(measure, codes)
        numbers, factors = _as_numbers(values.filter(kept)), _as_numbers(weights.filter(kept))
        self._add_levels(measure, PRODUCTS, group_sums_of_products(numbers, factors, codes, self.count))
        self._add_levels(measure, WEIGHTS, exact_sum.group_sums(factors, codes, self.count))

    def add(self, measure: int, needs: set[int], state: ColumnArrays) -> None:
        """Add the state of one column that was accumulated elsewhere."""
        for (kind, level), units in state.added.items():
            if kind in needs:
                self._columns[state_name(measure, kind, None if kind == COUNT else level)] = pa.array(units)
        is_empty = state.added[COUNT, 0] == 0
        for kind, (order, key) in state.picked.items():
            name = state_name(measure, kind)
            self._columns[name] = pa.array(key, mask=is_empty)
            if kind in (FIRST, LAST):
                self._columns[_ORDER.format(name)] = pa.array(order, mask=is_empty)
        if state.values is not None:
            codes, keys, n = state.values
            self._add_values(measure, codes, keys, n)

    def _add_levels(self, measure: int, kind: int, levels: exact_sum.Levels) -> None:
        for level, units in levels.items():
            self._columns[state_name(measure, kind, level)] = pa.array(units)

    def _pick(self, measure: int, kind: int, values: pa.Array, rows: pa.Array) -> None:
        self._columns[state_name(measure, kind)] = values.take(rows)

    def _add_values(self, measure: int, codes: Array, keys: pa.Array, n: Array) -> None:
        taken = pa.array(codes)
        data = {name: group.take(taken) for name, group in self._groups.items()}
        data["measure"] = pa.array(np.full(len(codes), measure, np.int32))
        is_text = pa.types.is_string(keys.type)
        data["key"] = pa.nulls(len(codes), pa.int64()) if is_text else keys
        data["text"] = keys if is_text else pa.nulls(len(codes), pa.string())
        data["n"] = pa.array(n)
        self._values.append(pa.table(data))

    def table(self) -> pa.Table:
        """Return the collected rows: those of the groups, in their order, then those of their values."""
        data = dict(self._groups)
        if self._with_values:
            types = (pa.int32(), pa.int64(), pa.string(), pa.int64())
            data |= {name: pa.nulls(self.count, kind) for name, kind in zip([*VALUE_KEYS, "n"], types, strict=True)}
        return pa.concat_tables([pa.table(data | self._columns), *self._values], promote_options="default")


def combine_states(partials: Sequence[pa.Table], keys: Sequence[str]) -> pa.Table:
    """Return one state, sorted by `keys`: of rows with equal keys, numbers are added, and one value is picked."""
    table = pa.concat_tables(partials, promote_options="default").combine_chunks()
    table = table.take(pc.sort_indices(table, sort_keys=[(name, "ascending", "at_start") for name in keys]))
    table = table.combine_chunks()
    starts = np.flatnonzero(row_changes(table, keys))
    if len(starts) == table.num_rows:
        return table
    rows = pa.array(starts)
    data = {name: table.column(name).take(rows) for name in keys}
    for name in table.column_names:
        if name not in data and not name.endswith(_ORDER.format("")):
            data |= _combined(table, name, starts)
    return pa.table(data).select(table.column_names)


def _combined(table: pa.Table, name: str, starts: Array) -> dict[str, pa.Array]:
    """Return a column, and that of its order if it has one, with one entry per run of rows. starts: of the runs."""
    kind = COUNT if name == "n" else int(name.split(".")[1])
    if kind not in PICKED:
        return {name: pa.array(np.add.reduceat(integers_in(table, name), starts))}
    values = table.column(name).combine_chunks()
    order_name = _ORDER.format(name)
    if kind in (FIRST, LAST):
        order = table.column(order_name).combine_chunks()
    elif pa.types.is_string(values.type):
        order = pc.rank(values, tiebreaker="dense").cast(pa.int64())
    else:
        order = values
    present = values.is_valid().to_numpy(zero_copy_only=False)
    codes = np.repeat(np.arange(len(starts)), np.diff(np.r_[starts, len(values)]))
    some = np.flatnonzero(present)
    rows = _best_rows(order.fill_null(0).to_numpy()[some], codes[some], len(starts), kind)
    rows = pa.array(some).take(rows)
    found = {name: values.take(rows)}
    return found | {order_name: order.take(rows)} if kind in (FIRST, LAST) else found


def _best_rows(order: Array, codes: Array, count: int, kind: int) -> pa.Array:
    """Return the row with the lowest or highest order of every group, missing for groups that do not occur."""
    lowest = kind in LOWEST_PICKED
    best = np.full(count, _LIMITS[lowest])
    (np.minimum if lowest else np.maximum).at(best, codes, order)
    rows = np.full(count, -1)
    chosen = np.flatnonzero(order == best[codes])
    rows[codes[chosen]] = chosen
    return pa.array(rows, mask=rows < 0)


def row_changes(table: pa.Table, names: Iterable[str]) -> Array:
    """Return a mask of the rows that differ from the previous row in one of the columns; True for the first row."""
    new = np.zeros(table.num_rows, dtype=bool)
    new[:1] = True
    for name in names if table.num_rows else ():
        values = table.column(name).combine_chunks()
        before, after = values.slice(0, len(values) - 1), values.slice(1)
        new[1:] |= pc.fill_null(pc.not_equal(before, after), False).to_numpy(zero_copy_only=False)
        if values.null_count:
            there = pc.is_valid(values).to_numpy(zero_copy_only=False)
            new[1:] |= there[1:] != there[:-1]
    return new


def group_codes(columns: Sequence[pa.Array]) -> tuple[Array, list[pa.Array]]:
    """Return (group of every row, per column its value in every group). Missing values are a group."""
    encoded = []
    for column in columns:
        values = column
        if pa.types.is_floating(column.type):  # -0.0 and 0.0 are one group
            values = pa.array(column.to_numpy(zero_copy_only=False) + 0.0, from_pandas=True)
        encoded.append(values.dictionary_encode(null_encoding="encode"))
    if len(encoded) == 1:
        return encoded[0].indices.to_numpy().astype(np.int64), [encoded[0].dictionary]
    codes = encoded[0].indices.to_numpy().astype(np.int64)
    rows = np.arange(len(codes))
    for column in encoded[1:]:
        pairs = pa.array(codes * max(1, len(column.dictionary)) + column.indices.to_numpy()).dictionary_encode()
        codes = pairs.indices.to_numpy().astype(np.int64)
        rows = first_of_each(codes, len(pairs.dictionary))
    return codes, [column.dictionary.take(column.indices.take(pa.array(rows))) for column in encoded]


def first_of_each(codes: Array, count: int, *, last: bool = False) -> Array:
    """Return the first or last row of each group. codes: the group of every row, each of 0 to count - 1 in some row."""
    found, rows = np.empty(count, np.int64), np.arange(len(codes))
    step = 1 if last else -1
    found[codes[::step]] = rows[::step]  # of repeated indices, the last one is assigned
    return found


def present_mask(values: pa.Array) -> Array:
    """Return a mask of the values that are neither missing nor NaN."""
    valid: Array = pc.is_valid(values).to_numpy(zero_copy_only=False)
    if pa.types.is_floating(values.type):
        valid = valid & ~np.isnan(values.to_numpy(zero_copy_only=False))
    return valid


def _as_numbers(values: pa.Array) -> Array:
    """Return values, none missing, as int64 or float64; booleans as 0 and 1, timestamps as microseconds."""
    if pa.types.is_boolean(values.type) or pa.types.is_timestamp(values.type):
        values = values.cast(pa.int64())
    numbers: Array = values.to_numpy()
    return numbers
