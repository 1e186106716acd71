"""The state of profiles: rows (slot, key, text, n) that are added, in any order.

A slot is a kind of state times the number of columns, plus the column. Numbers, booleans and timestamps have every
value with its count, in files if there are many. Texts are kept by hash, up to a limit: the texts with the
smallest hashes, with their counts. A kept text was never dropped, so its count is exact. The largest kept hash gives
the number of texts (bottom-k, or KMV: Z. Bar-Yossef et al., RANDOM 2002).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import xxhash

from csvswarm.arithmetic import exact_sum
from csvswarm.arithmetic.sort_keys import keys_of
from csvswarm.groupby.group_table import present_mask
from csvswarm.runtime.lazy_imports import np, pa, pc

if TYPE_CHECKING:
    Array = np.ndarray[Any, Any]

#: Kinds of state, in the order in which they are read. Keys: whether values are missing; levels of exact sums; lengths;
#: sort keys of values; hashes of texts. From SMALLEST_TEXT on, rows have texts.
COUNTS, SUMS, LENGTHS, LARGEST, VALUES, SMALLEST_TEXT, LARGEST_TEXT, TEXTS = range(8)
PRESENT, MISSING = 0, 1
KEYS = ["slot", "key", "text"]


def state_of(columns: Sequence[pa.Array], limit: int) -> pa.Table:
    """Return the state of one block. columns: of one length. limit: number of different texts to keep of a column."""
    parts = [
        _rows(kind * len(columns) + index, *rows)
        for index, column in enumerate(columns)
        for kind, *rows in (_measure_texts if pa.types.is_string(column.type) else _measure_numbers)(column)
    ]
    return combine([pa.concat_tables(parts)] if parts else [_rows(0, [], [])], len(columns), limit)


def combine(tables: Sequence[pa.Table], columns: int, limit: int) -> pa.Table:
    """Return one state, sorted by `KEYS`, which are unique. columns: number of columns."""
    table = pa.concat_tables(tables).combine_chunks()
    with_text = table.column("slot").to_numpy() >= SMALLEST_TEXT * columns
    numbers = _added_numbers(table.filter(pa.array(~with_text)))
    numbers = _trimmed(numbers, columns, {LARGEST: -1})
    texts = _added_texts(table.filter(pa.array(with_text)))
    # One more than the limit, which shows that there are more.
    texts = _trimmed(texts, columns, {SMALLEST_TEXT: 1, LARGEST_TEXT: -1, TEXTS: limit + 1})
    return pa.concat_tables([numbers, texts]).combine_chunks()


def hash_of(text: str) -> int:
    """Return the hash of a text, from -2**63 to 2**63 - 1."""
    return xxhash.xxh3_64_intdigest(text.encode()) - (1 << 63)


def _measure_numbers(column: pa.Array) -> list[tuple[Any, ...]]:
    values = column.filter(pa.array(present_mask(column)))
    counts = (COUNTS, [PRESENT, MISSING], [len(values), len(column) - len(values)])
    if not len(values):
        return [counts]
    is_number = pa.types.is_integer(values.type) or pa.types.is_floating(values.type)
    numbers = (values if is_number else values.cast(pa.int64())).to_numpy(zero_copy_only=False)
    keys, n = np.unique(keys_of(numbers), return_counts=True)
    levels = exact_sum.group_levels(exact_sum.group_sums(numbers)) if is_number else {}
    return [
        counts,
        (SUMS, list(levels), list(levels.values())),
        (LARGEST, keys[-1:], [0]),
        (VALUES, keys, n),
    ]


def _measure_texts(column: pa.Array) -> list[tuple[Any, ...]]:
    values = column.drop_null()
    counts = (COUNTS, [PRESENT, MISSING], [len(values), column.null_count])
    if not len(values):
        return [counts]
    found = values.value_counts()
    texts, n = found.field("values"), found.field("counts").to_numpy()
    ordered = texts.take(pc.array_sort_indices(texts))
    lengths, length_of = np.unique(pc.utf8_length(texts).to_numpy(), return_inverse=True)
    hashes = np.array([hash_of(text) for text in texts.to_pylist()], np.int64)
    return [
        counts,
        (LENGTHS, lengths, np.bincount(length_of, n).astype(np.int64)),
        (SMALLEST_TEXT, [0], [0], ordered.slice(0, 1)),
        (LARGEST_TEXT, [0], [0], ordered.slice(len(ordered) - 1)),
        (TEXTS, hashes, n, texts),
    ]


def _rows(slot: int, key: Any, n: Any, text: pa.Array | None = None) -> pa.Table:
    return pa.table(
        {
            "slot": pa.array(np.full(len(key), slot, np.int32)),
            "key": pa.array(np.asarray(key, np.int64)),
            "text": pa.nulls(len(key), pa.string()) if text is None else text,
            "n": pa.array(np.asarray(n, np.int64)),
        }
    )


def _added_numbers(table: pa.Table) -> pa.Table:
    slot, key, n = (table.column(name).to_numpy() for name in ("slot", "key", "n"))
    if not len(slot):
        return table
    order = np.lexsort((key, slot))
    slot, key, n = slot[order], key[order], n[order]
    first = np.flatnonzero(np.r_[True, (slot[1:] != slot[:-1]) | (key[1:] != key[:-1])])
    data = {"slot": slot[first], "key": key[first], "text": pa.nulls(len(first), pa.string())}
    return pa.table({**data, "n": np.add.reduceat(n, first)})


def _added_texts(table: pa.Table) -> pa.Table:
    if not table.num_rows:
        return table
    added = table.group_by(KEYS, use_threads=False).aggregate([("n", "sum")]).rename_columns([*KEYS, "n"])
    return added.take(pc.sort_indices(added, [(name, "ascending") for name in KEYS])).select(table.column_names)


def _trimmed(table: pa.Table, columns: int, most: dict[int, int]) -> pa.Table:
    """Return sorted rows with at most so many of each slot of a kind: the first ones, or, if negative, the last."""
    slot = table.column("slot").to_numpy()
    if not len(slot):
        return table
    starts = np.flatnonzero(np.r_[True, slot[1:] != slot[:-1]])
    sizes = np.diff(np.r_[starts, len(slot)])
    place = np.arange(len(slot)) - np.repeat(starts, sizes)
    from_end = np.repeat(sizes, sizes) - place
    kept = np.ones(len(slot), dtype=bool)
    for kind, count in most.items():
        is_kind = slot // columns == kind
        kept &= ~is_kind | ((place < count) if count > 0 else (from_end <= -count))
    return table if kept.all() else table.filter(pa.array(kept))
