"""The targets of `make fuzz` with a few thousand cases each; in CI always the same ones."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz import targets
from tests.fuzz.cases import rows, wild
from tests.unit.expressions.expression_cases import expression_text, expressions

small = st.integers(1, 40)


@settings(max_examples=400)
@given(wild, small)
def test_scan(data: bytes, size: int) -> None:
    targets.scan(data, size)


@settings(max_examples=400)
@given(wild, small, st.integers(1, 4))
def test_normalize(data: bytes, piece: int, width: int) -> None:
    targets.normalize(data, piece, width)


@settings(max_examples=400)
@given(wild, small, small, small)
def test_cut(data: bytes, count: int, piece: int, block: int) -> None:
    targets.cut(data, count, piece, block)


@settings(max_examples=300)
@given(wild, st.integers(1, 9), small, small)
def test_ranges(data: bytes, count: int, guess: int, block: int) -> None:
    targets.ranges(b"a,b\n" + data, count, guess, block)


@settings(max_examples=500)
@given(rows(), small)
def test_read(table: tuple[bytes, int], block: int) -> None:
    targets.read(*table, block)


@settings(max_examples=300)
@given(rows())
def test_like_pandas(table: tuple[bytes, int]) -> None:
    targets.like_pandas(*table)


@settings(max_examples=400)
@given(expressions)
def test_expression(text: str) -> None:
    targets.expression(text)


@settings(max_examples=1000)
@given(expression_text)
def test_expression_of_any_text(text: str) -> None:
    targets.expression(text)
