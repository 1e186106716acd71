"""The kernel writes the same bytes as `canonical_text`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pytest
from csvswarm.csv_format.canonical_text import output_type, to_canonical_text
from csvswarm.csv_format.dialect import CANONICAL, Dialect
from csvswarm.csv_format.row_writer import encode_rows
from csvswarm.csv_format.table_writer import encode_table
from csvswarm.native import library, row_writing
from csvswarm.types.schema import NULL_VALUES
from hypothesis import example, given
from hypothesis import strategies as st

YEARS = 253_402_300_799  # seconds to the end of the year 9999
texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8) | st.sampled_from(
    ["NA", "", 'say "hi"', '"', '""', "a,b", "two\nlines", "\r", "plain text", *NULL_VALUES]
)


def timestamps(per_second: int) -> st.SearchStrategy[int]:
    return st.builds(
        lambda seconds, fraction: seconds * per_second + fraction % per_second,
        st.integers(-min(62_135_596_800, 2**62 // per_second), min(YEARS, 2**62 // per_second)),
        st.sampled_from([0, 0, 1, 10, 500_000, 120_000_000]) | st.integers(0, 10**9),
    )


TYPES: list[tuple[pa.DataType, st.SearchStrategy[Any]]] = [
    (pa.int64(), st.integers(-(2**63), 2**63 - 1)),
    (pa.int8(), st.integers(-128, 127)),
    (pa.uint64(), st.integers(0, 2**64 - 1)),
    (pa.float64(), st.floats()),
    (pa.float32(), st.floats(width=32)),
    (pa.bool_(), st.booleans()),
    (pa.string(), texts),
    (pa.large_string(), texts),
    (pa.string_view(), texts),
    (pa.null(), st.none()),
    (pa.date32(), st.integers(-1000, 100_000)),
    *((pa.timestamp(unit), timestamps(size)) for unit, size in row_writing.PER_SECOND.items()),
]


@st.composite
def columns(draw: st.DrawFn, max_size: int = 5) -> list[pa.Array]:
    rows, before, after = draw(st.integers(1, 20)), draw(st.integers(0, 9)), draw(st.integers(0, 3))
    found = []
    for kind, values in draw(st.lists(st.sampled_from(TYPES), min_size=1, max_size=max_size)):
        all_rows = rows + before + after
        gaps = draw(st.booleans())
        column = draw(st.lists(values | st.none() if gaps else values, min_size=all_rows, max_size=all_rows))
        found.append(pa.array(column, kind).slice(before, rows))
    return found


def as_without(arrays: list[pa.Array], kinds: list[str | None], dialect: Dialect) -> bytes:
    return bytes(
        encode_rows([to_canonical_text(array, kind) for array, kind in zip(arrays, kinds, strict=True)], dialect, kinds)
    )


@given(
    columns(), st.sampled_from([CANONICAL, Dialect(";", "'"), Dialect("\t"), Dialect("-"), Dialect(",", '"', "\r\n")])
)
@example([pa.array(["", None, "NA"])], CANONICAL)
@example([pa.array([True, None, False] * 9).slice(5, 17), pa.array([1.5, None, 2.0] * 9).slice(5, 17)], CANONICAL)
@example([pa.array([0, -1, 2**53 + 1])], CANONICAL)
# Arrow refuses to write these, although they need no quotes in this dialect.
@example([pa.nulls(2), pa.array(['say "hi"', None])], Dialect(";", "'"))
def test_table_matches_python(arrays: list[pa.Array], dialect: Dialect) -> None:
    kinds = [output_type(array) for array in arrays]
    for wanted in (kinds, ["float" if kind == "int" else kind for kind in kinds]):
        assert bytes(encode_table(arrays, wanted, dialect)) == as_without(arrays, wanted, dialect)


@pytest.mark.parametrize("second", [-62_135_596_800, YEARS, 951_782_400, 951_868_799, -1, 0, 4_107_542_400])
def test_days_at_the_edges(second: int) -> None:
    array = pa.array([second, second + 1 if second < YEARS else 0], pa.timestamp("s"))
    assert bytes(encode_table([array, array], ["timestamp"] * 2, CANONICAL)) == as_without(
        [array, array], [None] * 2, CANONICAL
    )


@pytest.mark.parametrize("second", [YEARS + 1, -62_135_596_801, 2**62, -(2**62)])
def test_years_without_four_digits_are_declined(second: int) -> None:
    array = pa.array([0, second], pa.timestamp("s"))
    assert row_writing.write_table([array], ",", '"') is None


@pytest.fixture
def without() -> Iterator[None]:
    library.kernel.cache_clear()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CSVSWARM_NATIVE", "0")
        yield
    library.kernel.cache_clear()


@pytest.mark.usefixtures("without")
def test_rows_are_the_same_without_a_kernel() -> None:
    arrays = [pa.array([1, 2]), pa.array(["a", "b,c"])]
    assert row_writing.write_table(arrays, ",", '"') is None
    assert bytes(encode_table(arrays, ["int", "text"], CANONICAL)) == b'1,a\n2,"b,c"\n'
