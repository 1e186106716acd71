"""A processor sees the same dtypes in every block: with some or only missing values, or without rows."""

from __future__ import annotations

from pathlib import Path

import pytest
from csvswarm.csv_format.dialect import Dialect
from csvswarm.processor_api.dataframe import to_frame
from csvswarm.reading.block_reader import Reader
from csvswarm.types.schema import NULL_VALUES, Schema

from tests.support.jobs import native, run_with_all_cuts

NAMES = ["i", "k", "x", "b", "c", "t", "at", "nothing", "quoted"]
KINDS = [{"int"}, {"int"}, {"float"}, {"bool"}, {"bool"}, {"text"}, {"text"}, set(), {"quoted"}]
SCHEMA = Schema(
    {name: frozenset(kinds) for name, kinds in zip(NAMES, KINDS, strict=True)},
    declared_types={"at": "timestamp"},
    missing=frozenset(NAMES) - {"i", "b"},
)
DTYPES = ["int64", "Int64", "float64", "bool", "boolean", "str", "datetime64[us]", "float64", "str"]
BLOCKS = {
    "full": b'1,2,0.5,True,False,a,2024-02-29,,""\n' * 2,
    "of integers where there are floats": b'1,2,3,True,False,1,2024-02-29 10:00:00,,"NA"\n',
    "with gaps": b'1,2,0.5,True,False,a,2024-02-29,,""\n1,,,True,,,,,\n',
    "of nothing but gaps": b"1,,,True,,,,,\n" * 3,
    "only quarantined records": b"too,few\n" * 2,
    "of blank lines": b"\n\n",
    "of no byte": b"",
}


@pytest.mark.parametrize("kernel", [True, False])
@pytest.mark.parametrize("block", BLOCKS)
def test_dtypes_follow_the_schema(block: str, kernel: bool) -> None:
    with native(kernel):
        reader = Reader(
            dialect=Dialect(),
            names=NAMES,
            schema=SCHEMA,
            columns=NAMES,
            null_values=NULL_VALUES,
            source="it",
            quarantine=True,
        )
        data = BLOCKS[block]
        frame = to_frame(reader.read(data, 1, len(data.split())), SCHEMA)

    assert [str(dtype) for dtype in frame.dtypes] == DTYPES


def test_dtypes_are_the_same_in_every_block_of_a_job(tmp_path: Path) -> None:
    """The processor writes the dtypes it sees; a block of quarantined records has no rows."""
    rows = [*[b"1,2,0.5,True,False,a"] * 4, *[b"1,,,True,,"] * 8, *[b"too,few"] * 8, b"1,2,3,True,True,NA"]
    source = tmp_path / "data.csv"
    source.write_bytes(b"i,k,x,b,c,t\n" + b"\n".join(rows) + b"\n")
    processor = tmp_path / "dtypes.py"
    processor.write_text(
        "import pandas as pd\n\n\n"
        "def process(block, context):\n    return pd.DataFrame({'dtypes': [' '.join(map(str, block.dtypes))]})\n\n\n"
        "def combine(partials, context):\n    return pd.concat(partials).drop_duplicates()\n"
    )

    result = run_with_all_cuts(tmp_path, source, processor=str(processor), on_error="quarantine")

    assert result.rows == [["int64 Int64 float64 bool boolean str"]]
