"""The state of groups as a table: rows (group, slot, key, ...) to be added or selected, in any order (`state_kinds`).

The general path, for blocks that the native kernel declines and machines without it, and for more groups than fit in
memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from csvswarm.arithmetic import exact_sum
from csvswarm.arithmetic.exact_products import group_sums_of_products
from csvswarm.arithmetic.sort_keys import keys_of
from csvswarm.groupby.group_totals import ColumnTotals
from csvswarm.groupby.state_kinds import (
    COUNT,
    FIRST,
    HIGHEST_PICKED,
    LARGEST,
    LAST,
    PRODUCTS,
    ROWS,
    SMALLEST,
    SQUARES,
    STATE_KINDS,
    SUM,
    VALUES,
    WEIGHTS,
)
from csvswarm.runtime.lazy_imports import np, pa, pc

if TYPE_CHECKING:
    Array = np.ndarray[Any, Any]


def group_names(count: int) -> list[str]:
    """Return the names of the columns with the values of a group."""
    return [f"group{index}" for index in range(count)]


def key_names(groups: int) -> list[str]:
    """Return the columns that identify a row of state."""
    return [*group_names(groups), "slot", "key", "text"]


class StateBuilder:
    """Collects the rows of state of one block. groups: per grouping column its value in every group."""

    def __init__(self, groups: Sequence[pa.Array]) -> None:
        self._groups = groups
        self._parts: list[pa.Table] = []
        self.count = len(groups[0])

    def measure(self, slot: int, needs: set[int], values: pa.Array, codes: Array, numbers: Array) -> None:
        """Add the state of one column.

        needs: the kinds of state to compute. codes: the group of every row; numbers: its record number.
        """
        present_rows = present_mask(values)
        if not present_rows.all():
            values, codes, numbers = values.filter(pa.array(present_rows)), codes[present_rows], numbers[present_rows]
        if COUNT in needs:
            self._add(slot + COUNT, np.arange(self.count), n=np.bincount(codes, minlength=self.count))
        if not len(codes):
            return
        if pa.types.is_string(values.type):
            self._measure_text(slot, needs, values, codes, numbers)
        else:
            self._measure_numbers(slot, needs, _as_numbers(values), codes, numbers)

    def measure_rows(self, slot: int, codes: Array) -> None:
        """Add the number of rows of every group."""
        self._add(slot + ROWS, np.arange(self.count), n=np.bincount(codes, minlength=self.count))

    def measure_weighted(self, slot: int, values: pa.Array, weights: pa.Array, codes: Array) -> None:
        """Add the state of a weighted mean: of the rows with a value and a weight."""
        present = present_mask(values) & present_mask(weights)
        kept, codes = pa.array(present), codes[present]
        self._add(slot + COUNT, np.arange(self.count), n=np.bincount(codes, minlength=self.count))
        numbers, factors = _as_numbers(values.filter(kept)), _as_numbers(weights.filter(kept))
        self._add_levels(slot + PRODUCTS, group_sums_of_products(numbers, factors, codes, self.count))
        self._add_levels(slot + WEIGHTS, exact_sum.group_sums(factors, codes, self.count))

    def add_totals(self, slot: int, needs: set[int], totals: ColumnTotals) -> None:
        """Add the state of one column, given its totals in each group."""
        if COUNT in needs:
            self._add(slot + COUNT, np.arange(self.count), n=np.array(totals.counts, np.int64))
        for (kind, level), listed in totals.added.items():
            units = np.array(listed, np.int64)
            some = np.flatnonzero(units)
            if kind in needs - {COUNT} and len(some):
                self._add(slot + kind, some, key=np.full(len(some), level), n=units[some])
        some = np.flatnonzero(totals.counts)
        for kind, pair in totals.picked.items():
            order, key = (np.array(listed, np.int64)[some] for listed in pair)
            self._add(slot + kind, some, order=order, value=key if kind in (FIRST, LAST) else None)
        if totals.values:
            groups, keys = zip(*totals.values, strict=True)
            codes, n = np.array(groups, np.int64), np.array(list(totals.values.values()), np.int64)
            if isinstance(keys[0], str):
                self._add(slot + VALUES, codes, text=pa.array(keys, pa.string()), n=n)
            else:
                self._add(slot + VALUES, codes, key=np.array(keys, np.int64), n=n)

    def _measure_numbers(self, slot: int, needs: set[int], values: Array, codes: Array, numbers: Array) -> None:
        for kind, add in ((SUM, exact_sum.group_sums), (SQUARES, exact_sum.group_sums_of_squares)):
            if kind in needs:
                self._add_levels(slot + kind, add(values, codes, self.count))
        keys = keys_of(values)
        for kind in needs & {SMALLEST, LARGEST}:
            rows = _extreme_number(keys, codes, self.count, kind)
            self._add(slot + kind, codes[rows], order=keys[rows])
        for kind in needs & {FIRST, LAST}:
            rows = _first_or_last(codes, kind)
            self._add(slot + kind, codes[rows], order=numbers[rows], value=keys[rows])
        if VALUES in needs:
            order = np.lexsort((keys, codes))
            code, key = codes[order], keys[order]
            first = np.flatnonzero(np.r_[True, (code[1:] != code[:-1]) | (key[1:] != key[:-1])])
            self._add(slot + VALUES, code[first], key=key[first], n=np.diff(np.r_[first, len(code)]))

    def _add_levels(self, slot: int, levels: exact_sum.Levels) -> None:
        for level, sums in levels.items():
            some = np.flatnonzero(sums)
            self._add(slot, some, key=np.full(len(some), level), n=sums[some])

    def _measure_text(self, slot: int, needs: set[int], values: pa.Array, codes: Array, numbers: Array) -> None:
        for kind in needs & {SMALLEST, LARGEST}:
            rows = _extreme_text(values, codes, kind)
            self._add(slot + kind, codes[rows], order_text=values.take(pa.array(rows)))
        for kind in needs & {FIRST, LAST}:
            rows = _first_or_last(codes, kind)
            self._add(slot + kind, codes[rows], order=numbers[rows], value_text=values.take(pa.array(rows)))
        if VALUES in needs:
            pairs = pa.table({"code": pa.array(codes), "text": values}).group_by(["code", "text"])
            found = pairs.aggregate([([], "count_all")])
            texts, n = found.column("text").combine_chunks(), found.column("count_all").to_numpy()
            self._add(slot + VALUES, found.column("code").to_numpy(), text=texts, n=n)

    def _add(
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
        rows, taken = len(codes), pa.array(codes)
        names = group_names(len(self._groups))
        data = {name: group.take(taken) for name, group in zip(names, self._groups, strict=True)}
        data["slot"] = pa.array(np.full(rows, slot, np.int32))
        for name, numbers in (("key", key), ("n", n), ("order", order), ("value", value)):
            data[name] = pa.array(np.zeros(rows, np.int64) if numbers is None else numbers.astype(np.int64, copy=False))
        for name, texts in (("text", text), ("order_text", order_text), ("value_text", value_text)):
            data[name] = pa.nulls(rows, pa.string()) if texts is None else texts
        self._parts.append(pa.table(data))

    def table(self) -> pa.Table:
        """Return the collected rows, in no particular order."""
        return pa.concat_tables(self._parts)


def combine_states(partials: list[pa.Table], groups: int) -> pa.Table:
    """Return one state, sorted by its keys: rows with equal keys are added, or one of them is selected."""
    table = pa.concat_tables(partials).combine_chunks()
    if not table.num_rows:
        return table
    names = key_names(groups)
    by = [(name, "ascending", "at_start") for name in [*names, "order", "order_text"]]
    table = table.take(pc.sort_indices(table, sort_keys=by)).combine_chunks()
    first = np.flatnonzero(row_changes(table, names))
    last = np.r_[first[1:], table.num_rows] - 1
    slot = table.column("slot").to_numpy()
    chosen = np.where(np.isin(slot[first] % STATE_KINDS, HIGHEST_PICKED), last, first)
    n = np.add.reduceat(table.column("n").to_numpy(), first)
    table = table.take(pa.array(chosen))
    return table.set_column(table.column_names.index("n"), "n", pa.array(n))


def row_changes(table: pa.Table, names: Sequence[str]) -> Array:
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
        pairs = codes * max(1, len(column.dictionary)) + column.indices.to_numpy()
        _, rows, codes = np.unique(pairs, return_index=True, return_inverse=True)
    return codes, [column.dictionary.take(column.indices.take(pa.array(rows))) for column in encoded]


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


def _extreme_number(keys: Array, codes: Array, count: int, kind: int) -> Array:
    """Return the row of the smallest or largest key of every group that occurs."""
    at = np.minimum if kind == SMALLEST else np.maximum
    limits = np.iinfo(np.int64)
    best = np.full(count, limits.max if kind == SMALLEST else limits.min)
    at.at(best, codes, keys)
    rows = np.flatnonzero(keys == best[codes])
    return rows[np.unique(codes[rows], return_index=True)[1]]


def _extreme_text(values: pa.Array, codes: Array, kind: int) -> Array:
    """Return the row of the smallest or largest text of every group that occurs."""
    order: Array = pc.array_sort_indices(values, order="ascending" if kind == SMALLEST else "descending").to_numpy()
    return order[np.unique(codes[order], return_index=True)[1]]


def _first_or_last(codes: Array, kind: int) -> Array:
    """Return the first or last row of every group that occurs."""
    if kind == FIRST:
        return np.unique(codes, return_index=True)[1]
    return len(codes) - 1 - np.unique(codes[::-1], return_index=True)[1]
