"""Processors that copy records: typed formats have the types of the input's columns."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.support.formats import produce

CASES: dict[str, dict[str, Any]] = {
    "sort": {"by": ["k"]},
    "distinct": {"by": ["v"]},
    "top": {"n": 4, "by": ["v"]},
    "sample": {"n": 4},
    "join": {"file": "lookup.csv", "on": ["k"]},
}


@pytest.mark.parametrize("processor", CASES)
def test_copied_columns_are_typed(tmp_path: Path, processor: str) -> None:
    path, lookup = tmp_path / "data.csv", tmp_path / "lookup.csv"
    path.write_text("k,v,t\n1,2.5,x\n2,,y\n1,3.5,z\n,4,q\n")
    lookup.write_text("k,name\n1,one\n2,two\n")
    files = {"files": [lookup]} if processor == "join" else {}

    table = pq.read_table(produce(tmp_path, path, "parquet", processor=processor, options=CASES[processor], **files))

    assert table.select(["k", "v", "t"]).schema.types == [pa.int64(), pa.float64(), pa.string()]
    rows = {(row["k"], row["v"], row["t"]) for row in table.to_pylist()}
    assert rows == {(1, 2.5, "x"), (2, None, "y"), (1, 3.5, "z"), (None, 4.0, "q")}
