"""The kernel computes the same groups, exact sums and extremes as `exact_sum` and `sort_keys`."""

from __future__ import annotations

import numpy as np
from csvswarm.arithmetic import exact_sum
from csvswarm.arithmetic.sort_keys import keys_of
from csvswarm.csv_format.dialect import Dialect
from csvswarm.csv_format.record_scan import Grammar
from csvswarm.native.grouping import Integers, NumberCodes, TextCodes, add_counts, add_sums, levels_of
from csvswarm.reading.native_block import FieldFinder
from csvswarm.types.schema import NULL_VALUES
from hypothesis import example, given
from hypothesis import strategies as st

spelled = st.sampled_from(
    ["", "NA", "a", "b", '"a"', '"NA"', '""', "é", "12345678", "123456789", '"x,y"', '"a""b"', '""""']
)
texts = st.one_of(
    spelled, st.text("ab", max_size=4), st.text("ab", min_size=5, max_size=20).map(lambda text: text + "xyz" * 3)
)
values = st.lists(st.tuples(st.floats(allow_infinity=False), st.integers(-1, 3)), min_size=1, max_size=40)


@given(st.lists(st.lists(texts, min_size=1, max_size=40), min_size=1, max_size=3))
@example([[middle.join(["x" * before, "y" * after]) for before in range(10) for after in range(10) for middle in "ab"]])
@example([[f"text {number}" for number in range(3000)], [f"text {number}" for number in range(2000, 5000)]])
def test_codes_of_texts_in_several_blocks(blocks: list[list[str]]) -> None:
    known = TextCodes()
    for column in blocks:
        data = "".join(f"{text},1\n" for text in column).encode()
        finder = FieldFinder(Grammar(Dialect()), 2, [0], NULL_VALUES)
        found = finder.find(data)
        assert found is not None
        codes = known.encode(found.span(0), finder.null_values)
        names = known.texts()
        assert len(set(names)) == len(names) == known.count
        assert [None if code < 0 else names[code] for code in codes.tolist()] == [_plain(text) for text in column]


def _plain(text: str) -> str | None:
    if text.startswith('"'):
        return text[1:-1].replace('""', '"')
    return None if text in NULL_VALUES else text


@given(st.lists(st.lists(st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1), st.integers(0, 4)), max_size=40)))
@example([list(range(3000)), list(range(5000, 1000, -1))])
def test_codes_of_numbers_in_several_blocks(blocks: list[list[int | None]]) -> None:
    known = NumberCodes()
    for column in blocks:
        numbers = np.array([number or 0 for number in column], np.int64)
        codes = known.encode(numbers, np.array([number is None for number in column], np.bool_))
        keys = known.keys().tolist()
        assert len(set(keys)) == len(keys)
        assert [None if code < 0 else keys[code] for code in codes.tolist()] == column


@given(values)
def test_sums_and_extremes(rows: list[tuple[float, int]]) -> None:
    numbers, codes = np.array([value for value, _ in rows]), np.array([code for _, code in rows], np.int32)
    levels = levels_of(numbers)
    assert levels is not None
    sums, extremes = np.zeros((4, len(levels)), np.int64), _extremes(4)
    for part in (slice(0, 7), slice(7, None)):
        if levels:
            add_sums(numbers[part], codes[part], levels.start, sums)
        add_counts(numbers[part], codes[part], *extremes)
    for group in range(4):
        own = numbers[(codes == group) & ~np.isnan(numbers)]
        expected = exact_sum.total(exact_sum.group_levels(exact_sum.group_sums(own)))
        assert exact_sum.total(zip(levels, sums[group].tolist(), strict=True)) == expected
        assert extremes[0][group] == len(own)
        if len(own):
            assert extremes[1][group] == keys_of(own).min()
            assert extremes[2][group] == keys_of(own).max()


def _extremes(groups: int) -> tuple[Integers, Integers, Integers]:
    limits = np.iinfo(np.int64)
    return np.zeros(groups, np.int64), np.full(groups, limits.max), np.full(groups, limits.min)


@given(st.lists(st.tuples(st.integers(-(2**63), 2**63 - 1), st.integers(-1, 2)), min_size=1))
def test_extremes_of_integers(rows: list[tuple[int, int]]) -> None:
    numbers, codes = np.array([n for n, _ in rows], np.int64), np.array([code for _, code in rows], np.int32)
    extremes = _extremes(3)
    add_counts(numbers, codes, *extremes)
    for group in range(3):
        own = [n for n, code in rows if code == group]
        assert extremes[0][group] == len(own)
        assert not own or (extremes[1][group], extremes[2][group]) == (min(own), max(own))


def test_infinities_have_no_levels() -> None:
    assert levels_of(np.array([1.0, np.inf])) is None
