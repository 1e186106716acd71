"""The kernel writes rows like `canonical_text`: every number in its canonical form."""

from __future__ import annotations

import math
import random
import struct

import numpy as np
import pytest
from csvswarm.native.row_writing import Fields, Values, write_rows
from hypothesis import example, given
from hypothesis import strategies as st

EDGES = [
    0.0, -0.0, 1.0, 0.1 + 0.2, 5e-324, 2.2250738585072014e-308, 2.225073858507201e-308, 1.7976931348623157e308, 1e15,
    1e16, 1e17, 9999999999999998.0, 123456789012345680.0, 9007199254740993.0, 1e22, 1e23, 1e-4, 1e-5, 9.999e-5, 1.5e-7,
    100.0, 1e100, math.inf, -math.inf, math.nan,
]  # fmt: skip
POWERS = [2.0**n for n in range(-1074, 1024)] + [float(f"1e{n}") for n in range(-323, 309)]


def texts(numbers: list[float]) -> list[str]:
    rows = len(numbers)
    empty = Fields(np.arange(rows, dtype=np.int32), np.arange(rows, dtype=np.int32))
    written = write_rows(b"\n" * rows, rows, None, [empty, Values(np.array(numbers, np.float64))], ",", '"')
    assert written is not None
    return [line[1:] for line in bytes(written).decode().split("\n")[:-1]]


def canonical(value: float) -> str:
    return "" if math.isnan(value) else repr(value)


@pytest.mark.parametrize("sign", [1, -1])
def test_edge_values_and_powers(sign: int) -> None:
    for near in (0, 1, -1):
        numbers = [sign * value for value in EDGES + POWERS]
        with np.errstate(over="ignore"):
            moved = np.nextafter(numbers, np.inf * near) if near else np.array(numbers)
        assert texts(moved.tolist()) == [canonical(value) for value in moved.tolist()]


@given(st.lists(st.floats()))
def test_any_float(numbers: list[float]) -> None:
    assert texts(numbers) == [canonical(value) for value in numbers]


@pytest.mark.parametrize("seed", range(4))
def test_many_floats(seed: int) -> None:
    source = random.Random(seed)
    numbers = [struct.unpack("<d", source.randbytes(8))[0] for _ in range(20_000)]
    numbers += [round(source.uniform(-1000, 1000), source.randrange(8)) * source.randrange(1000) for _ in range(20_000)]
    numbers += [source.random() * 10 ** source.uniform(-9, 19) for _ in range(20_000)]
    numbers += [float(source.randrange(-(1 << 60), 1 << 60)) for _ in range(5_000)]
    assert texts(numbers) == [canonical(value) for value in numbers]


@given(st.lists(st.tuples(st.integers(-(2**63), 2**63 - 1), st.booleans(), st.booleans())))
@example([(-(2**63), True, True), (0, False, True), (10, True, False), (2**63 - 1, True, True), (99, True, True)])
def test_rows(rows: list[tuple[int, bool, bool]]) -> None:
    records = [f"{number % 7},x\n" for number, _, _ in rows]
    ends = np.cumsum([len(record) for record in records], dtype=np.int32) - np.int32(1)
    mask = np.array([kept for _, _, kept in rows], bool)
    integers = np.array([number for number, _, kept in rows if kept], np.int64)
    truths = np.array([truth for _, truth, kept in rows if kept], bool)
    whole = Fields((ends - [len(record) - 1 for record in records]).astype(np.int32), ends.astype(np.int32))
    first = Fields(whole.starts, (ends - 2).astype(np.int32))
    columns: list[Fields | Values] = [whole, Values(integers), first, Values(truths), Values(integers, truths)]
    written = write_rows("".join(records).encode(), len(rows), mask, columns, ";", '"')
    expected = [
        f"{record[:-1]};{n};{record[:-3]};{t};{'' if t else n}\n"
        for record, (n, t, kept) in zip(records, rows, strict=True)
        if kept
    ]
    assert written is not None
    assert bytes(written).decode() == "".join(expected)


def test_columns_of_wrong_length_are_rejected() -> None:
    with pytest.raises(ValueError, match="one value per kept record"):
        write_rows(b"1\n", 1, None, [Values(np.zeros(2))], ",", '"')


def test_a_lone_missing_value_is_not_a_blank_line() -> None:
    values = Values(np.array([1, 2]), np.array([True, False]))

    assert bytes(write_rows(b"a\nb\n", 2, None, [values], ",", "'") or b"") == b"''\n2\n"
