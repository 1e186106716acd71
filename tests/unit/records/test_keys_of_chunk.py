"""The rows of a block with new keys, over several blocks of a chunk."""

from __future__ import annotations

from unittest import mock

import pytest
from csvswarm.csv_format.dialect import Dialect
from csvswarm.reading.block_reader import Reader
from csvswarm.reading.native_block import ScannedBlock
from csvswarm.records.keys_of_chunk import KeysOfChunk
from csvswarm.types.schema import NULL_VALUES, Schema
from hypothesis import given
from hypothesis import strategies as st

TYPES = {"text": "text", "whole": "int", "number": "float", "when": "timestamp"}
FIELDS = (
    st.sampled_from(["", "a", '"a"', "b", '"b ""c"""', '5" pipe']),
    st.sampled_from(["", "0", "7", "-3"]),
    st.sampled_from(["", "0.0", "-0.0", "1.5", "1.50"]),
    st.sampled_from(["", "2024-01-31", "2024-01-31 00:00:00"]),
)
BLOCKS = st.lists(st.lists(st.tuples(*FIELDS).map(",".join), min_size=1, max_size=30), min_size=1, max_size=4)


def read(block: list[str], columns: list[str]) -> ScannedBlock:
    reader = Reader(
        dialect=Dialect(),
        names=list(TYPES),
        schema=Schema({}, TYPES, frozenset(TYPES), ()),
        columns=columns,
        null_values=NULL_VALUES,
        source="test",
    )
    found = reader.read("".join(f"{record}\n" for record in block).encode(), 1).block
    assert found is not None
    return found


@pytest.mark.parametrize("columns", [["text"], ["number"], ["whole", "text"], list(TYPES)])
@given(blocks=BLOCKS)
def test_a_row_is_new_if_no_earlier_one_has_its_key(columns: list[str], blocks: list[list[str]]) -> None:
    keys, seen = KeysOfChunk(), set[tuple[object, ...]]()
    for records in blocks:
        block = read(records, columns)
        expected = []
        values = [block.table.column(name).to_pylist() for name in columns]
        for row, key in enumerate(zip(*values, strict=True)):
            if key not in seen:  # 0.0 and -0.0 are equal, as in a set
                seen.add(key)
                expected.append(row)

        with mock.patch("csvswarm.records.keys_of_chunk.MAX_SHARE", 1.0):
            found = keys.new_rows(block, columns, [TYPES[name] for name in columns])

        assert found is not None
        assert found.tolist() == expected


def test_mostly_new_keys_end_the_search() -> None:
    keys, unique = KeysOfChunk(), [f"{number},1,1.5,2024-01-31" for number in range(20)]

    first = keys.new_rows(read(unique, ["text"]), ["text"], ["text"])

    assert first is not None
    assert first.tolist() == [*range(20)]
    assert keys.new_rows(read(unique, ["text"]), ["text"], ["text"]) is None


def test_a_block_that_the_kernel_did_not_read_is_taken_as_it_is() -> None:
    keys = KeysOfChunk()

    assert keys.new_rows(None, ["text"], ["text"]) is None
    block = read(["a,1,1.5,2024-01-31"] * 5, ["text"])
    assert keys.new_rows(block, ["text"], ["text"]) is not None
