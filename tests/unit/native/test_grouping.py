"""The kernel computes the same groups, exact sums and extremes as `exact_sum` and `group_table`."""

from __future__ import annotations

import numpy as np
from csvswarm.arithmetic import exact_sum
from csvswarm.arithmetic.sort_keys import keys_of
from csvswarm.csv_format.dialect import Dialect
from csvswarm.csv_format.record_scan import Grammar
from csvswarm.native.grouping import codes_of, extremes_of, sums_of
from csvswarm.reading.native_block import FieldFinder
from csvswarm.types.schema import NULL_VALUES
from hypothesis import example, given
from hypothesis import strategies as st

spelled = st.sampled_from(["", "NA", "a", "b", '"a"', '"NA"', '""', "é", "12345678", "123456789", '"x,y"'])
texts = st.one_of(
    spelled, st.text("ab", max_size=4), st.text("ab", min_size=5, max_size=20).map(lambda text: text + "xyz" * 3)
)
values = st.lists(st.tuples(st.floats(allow_infinity=False), st.integers(-1, 3)), min_size=1, max_size=40)


@given(st.lists(texts, min_size=1, max_size=40))
@example([middle.join(["x" * before, "y" * after]) for before in range(10) for after in range(10) for middle in "ab"])
def test_codes(column: list[str]) -> None:
    data = "".join(f"{text},1\n" for text in column).encode()
    finder = FieldFinder(Grammar(Dialect()), 2, [0], NULL_VALUES)
    found = finder.find(data)
    assert found is not None
    coded = codes_of(found.span(0), finder.null_values)
    assert coded is not None
    codes, firsts = coded
    names = [found.span(0).text(row) for row in firsts.tolist()]
    assert len(set(names)) == len(names)
    expected = [None if text in NULL_VALUES else text.strip('"') for text in column]
    assert [None if code < 0 else names[code] for code in codes.tolist()] == expected


def test_doubled_quotes_are_declined() -> None:
    finder = FieldFinder(Grammar(Dialect()), 2, [0], NULL_VALUES)
    found = finder.find(b'"a""b",1\n')
    assert found is not None
    assert codes_of(found.span(0), finder.null_values) is None


@given(values)
def test_sums_and_extremes(rows: list[tuple[float, int]]) -> None:
    numbers, codes = np.array([value for value, _ in rows]), np.array([code for _, code in rows], np.int32)
    sums, extremes = sums_of(numbers, codes, 4), extremes_of(numbers, codes, 4)
    assert sums is not None
    assert extremes is not None
    for group in range(4):
        own = numbers[(codes == group) & ~np.isnan(numbers)]
        assert exact_sum.total(exact_sum.group_levels(sums, group)) == exact_sum.total(
            exact_sum.group_levels(exact_sum.add_up(own))
        )
        assert extremes[0][group] == len(own)
        if len(own):
            assert extremes[1][group] == keys_of(own).min()
            assert extremes[2][group] == keys_of(own).max()


@given(st.lists(st.tuples(st.integers(-(2**63), 2**63 - 1), st.integers(-1, 2)), min_size=1))
def test_extremes_of_integers(rows: list[tuple[int, int]]) -> None:
    numbers, codes = np.array([n for n, _ in rows], np.int64), np.array([code for _, code in rows], np.int32)
    extremes = extremes_of(numbers, codes, 3)
    assert extremes is not None
    for group in range(3):
        own = [n for n, code in rows if code == group]
        assert extremes[0][group] == len(own)
        assert not own or (extremes[1][group], extremes[2][group]) == (min(own), max(own))


def test_infinities_are_declined() -> None:
    assert sums_of(np.array([1.0, np.inf]), np.zeros(2, np.int32), 1) is None
