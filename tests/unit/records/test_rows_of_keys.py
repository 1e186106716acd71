"""One row of each key, as pandas chooses it."""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
import pytest
from csvswarm.records.rows_of_keys import rows_of_keys
from hypothesis import given
from hypothesis import strategies as st

TEXTS = st.sampled_from([None, "", "a", "b"])
FLOATS = st.sampled_from([None, math.nan, 0.0, -0.0, 1.5])
ROWS = st.lists(st.tuples(TEXTS, FLOATS), min_size=0, max_size=40)


@pytest.mark.parametrize("last", [False, True])
@given(rows=ROWS)
def test_the_first_or_last_row_of_each_key_is_kept(last: bool, rows: list[tuple[str | None, float | None]]) -> None:
    columns = [pa.array([row[0] for row in rows], pa.string()), pa.array([row[1] for row in rows], pa.float64())]
    found: dict[object, int] = {}
    for number, (text, value) in enumerate(rows):
        key = text, None if value is None or math.isnan(value) else value + 0.0
        if last or key not in found:
            found[key] = number

    kept = rows_of_keys(columns, last=last)

    if kept is None:
        assert len(found) > len(rows) / 2
    else:
        assert kept.tolist() == sorted(found.values())


def test_keys_that_are_mostly_unique_are_not_looked_up() -> None:
    columns = [pa.array(np.arange(1000) // 2), pa.array(["x"] * 1000)]

    assert rows_of_keys(columns) is not None
    assert rows_of_keys([pa.array(np.arange(1000)), *columns]) is None
