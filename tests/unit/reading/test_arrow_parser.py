"""Arrow's parser gives the text of fields as csvswarm defines it."""

from __future__ import annotations

from csvswarm.csv_format.dialect import Dialect
from csvswarm.reading.arrow_parser import parse
from csvswarm.types.schema import NULL_VALUES


def test_a_gap_at_the_end_of_the_file_is_missing_after_a_quoted_field() -> None:
    parsed = parse(b'a,b\n"x",', Dialect(), 2, [1], NULL_VALUES)
    assert parsed is not None
    assert parsed.column("1").to_pylist() == ["b", None]
