"""sample: a random share of the records, or n of them, in the order of the file.

A hash of each record's number and `seed` decides, or, with `by`, a hash of its values in these columns: then records
with the same values are drawn together. So the same records are drawn for any chunks. Records keep their text.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import xxhash
from csvswarm.errors import OptionError
from csvswarm.processor_api.context import Context
from csvswarm.processor_api.encoded_rows import EncodedRows
from csvswarm.records.options import key_columns
from csvswarm.records.ranked import (
    KEYS,
    combine_ranked,
    encode_raw,
    finish_ranked,
    input_header,
    ranked_state,
)
from csvswarm.records.sort_key import fixed_bytes, sort_key, with_number
from csvswarm.records.step_rows import filter_rows
from csvswarm.runtime.lazy_imports import np, pa

if TYPE_CHECKING:
    from csvswarm.reading.rows import Rows

OPTIONS = {
    "fraction": {"type": "float", "min": 0, "description": "probability to keep a record, from 0 to 1"},
    "n": {"type": "int", "min": 1, "description": "how many records to keep, instead of fraction"},
    "by": {
        "type": "list",
        "elements": "str",
        "description": "with fraction: keep or drop all records with the same values of these columns together",
    },
    "seed": {"type": "int", "default": 0, "description": "another seed draws other records"},
}
BLOCK = "rows"
RAW = True  # records are copied from the file
ARROW = True

Array = Any


def for_options(options: dict[str, Any]) -> SimpleNamespace | None:
    """Return the functions for a number of records, which combine blocks; None to use those for a fraction."""
    if options["n"] is None:
        return None
    return SimpleNamespace(process=_state, keys=keys, combine=_combine, finish=_finish)


def columns(context: Context) -> list[str]:
    """Return the columns whose values decide. Raises OptionError."""
    fraction, n, by = (context.options[name] for name in ("fraction", "n", "by"))
    if (fraction is None) == (n is None):
        raise OptionError("sample needs one of the options 'fraction' and 'n'.")
    if fraction is not None and not fraction <= 1:
        raise OptionError(f"option 'fraction' of sample is {fraction!r}, but must be from 0 to 1.")
    if by is not None and n is not None:
        raise OptionError("option 'by' of sample needs 'fraction': n records cannot be drawn by their values.")
    return [] if by is None else key_columns(context, "by", "sample")


def numeric_columns(_: Context) -> list[str]:
    """Return no column: values are hashed, whatever their type."""
    return []


def why_empty(context: Context, rows: int) -> str:
    """Return why the result has no rows."""
    return f"The result has no rows: a fraction of {context.options['fraction']} drew none of the {rows:,} records."


def process(rows: Rows, context: Context) -> EncodedRows:
    """Return the records of a block that are drawn."""
    return encode_raw(rows.records().filter(pa.array(_drawn(rows, context))), context)


def step(rows: Rows, context: Context, raw: bool) -> Rows:
    """Return the rows that are drawn, for the next step. raw: whether it needs the raw records."""
    return filter_rows(rows, _drawn(rows, context), context, raw=raw)


def outline(context: Context) -> tuple[list[str], dict[str, str]]:
    """Return (names of the columns after this step, types of the new ones)."""
    return context.names, {}


def header(context: Context, record: bytes) -> bytes:
    """Return the header of the input."""
    return input_header(context, record)


def copied_columns(context: Context) -> list[str]:
    """Return all columns: records are copied from the input."""
    return context.names


def keys(_: Context) -> list[str]:
    """Return the columns that identify a row of state."""
    return KEYS


def _drawn(rows: Rows, context: Context) -> Array:
    """Return a mask of the rows that are drawn."""
    by = columns(context)
    hashes = _hash_values(rows, by, context) if by else _hash_numbers(rows.numbers, context.options["seed"])
    # the 53 bits that a float can represent exactly
    drawn: Array = (hashes >> np.uint64(11)).astype(np.float64) < context.options["fraction"] * 2.0**53
    return drawn


def _state(rows: Rows, context: Context) -> pa.Table:
    n, hashes, numbers = context.options["n"], _hash_numbers(rows.numbers, context.options["seed"]), rows.numbers
    kept = None
    if len(hashes) > n:
        kept = np.flatnonzero(hashes <= np.partition(hashes, n - 1)[n - 1])
        hashes, numbers = hashes[kept], numbers[kept]
    return ranked_state(rows, None, with_number(fixed_bytes(hashes), numbers), n, kept)


def _combine(partials: list[pa.Table], context: Context) -> pa.Table:
    return combine_ranked(partials, context.options["n"])


def _finish(pieces: Iterator[pa.Table], context: Context) -> Iterator[EncodedRows]:
    yield from finish_ranked(pieces, context, context.options["n"], in_file_order=True)


def _hash_numbers(numbers: Array, seed: int) -> Array:
    """Return a hash of each record's number: uint64, shape (n,). The generator is SplitMix64."""
    start = np.uint64(xxhash.xxh3_64_intdigest(str(seed).encode()))
    bits = numbers.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) + start
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return bits ^ (bits >> np.uint64(31))


def _hash_values(rows: Rows, by: list[str], context: Context) -> Array:
    """Return a hash of each row's values: uint64, shape (n,)."""
    key = sort_key([rows.table.column(name) for name in by], [True] * len(by)).dictionary_encode()
    seed = f"{context.options['seed']}:".encode()
    unique = [xxhash.xxh3_64_intdigest(seed + value) for value in key.dictionary.to_pylist()]
    return np.array(unique, np.uint64)[key.indices.to_numpy()]
