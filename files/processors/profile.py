"""profile: what each column contains: type, missing and distinct values, most frequent ones, extremes and quantiles.

All figures are exact, except the number of distinct texts beyond a limit, which is marked as an estimate.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING

from csvswarm.processor_api.context import Context
from csvswarm.profiles import state
from csvswarm.profiles.column import NAMES, ColumnProfile
from csvswarm.records.options import key_columns
from csvswarm.runtime.lazy_imports import np, pa

if TYPE_CHECKING:
    from csvswarm.reading.rows import Rows

OPTIONS = {
    "columns": {"type": "list", "elements": "str", "description": "columns to profile; default: all"},
    "top": {"type": "int", "default": 5, "min": 1, "description": "how many of the most frequent values to list"},
    "bins": {"type": "int", "default": 20, "min": 1, "description": "number of bins of a histogram"},
    "distinct_limit": {
        "type": "int",
        "default": 50_000,
        "min": 100,
        "description": "number of different texts of a column that are counted exactly, with their top values",
    },
}
BLOCK = "rows"
ARROW = True


def columns(context: Context) -> list[str]:
    """Return the columns to profile. Raises OptionError."""
    return list(context.names) if context.options["columns"] is None else key_columns(context, "columns", "profile")


def keys(_: Context) -> list[str]:
    """Return the columns that identify a row of state."""
    return state.KEYS


def process(rows: Rows, context: Context) -> pa.Table:
    """Return the state of one block."""
    values = [rows.table.column(name).combine_chunks() for name in columns(context)]
    return state.state_of(values, context.options["distinct_limit"])


def combine(partials: list[pa.Table], context: Context) -> pa.Table:
    """Return one state, sorted."""
    return state.combine(partials, len(columns(context)), context.options["distinct_limit"])


def finish(pieces: Iterator[pa.Table], context: Context) -> pa.Table:
    """Return the profiles, a row per column."""
    options, names = context.options, columns(context)
    profiles = [
        ColumnProfile(
            name, context.type_of(name), top=options["top"], limit=options["distinct_limit"], bins=options["bins"]
        )
        for name in names
    ]
    for piece in pieces:
        slot, key, n = (piece.column(name).to_numpy() for name in ("slot", "key", "n"))
        texts = piece.column("text").combine_chunks()
        edges = np.flatnonzero(np.r_[True, slot[1:] != slot[:-1], True]).tolist() if len(slot) else []
        for start, stop in itertools.pairwise(edges):
            kind, index = divmod(int(slot[start]), len(names))
            profiles[index].add(kind, key[start:stop], n[start:stop], texts.slice(start, stop - start))
    rows = [profile.texts() for profile in profiles]
    return pa.table([pa.array([row[i] for row in rows], pa.string()) for i in range(len(NAMES))], names=NAMES)
