"""Record ends, compared with a character-by-character implementation of the grammar."""

from __future__ import annotations

import io
from unittest import mock

import pyarrow as pa
import pyarrow.csv
import pytest
from csvswarm.csv_format.dialect import Dialect
from csvswarm.csv_format.record_scan import Grammar
from csvswarm.errors import InputError
from csvswarm.split.chunking import first_end
from csvswarm.split.cutter import Cutter, even_targets, no_targets, sized_targets
from hypothesis import assume, example, given
from hypothesis import strategies as st

from tests.support.reference_record_scan import count_records, is_unclosed, record_texts, wild_csv


def scan_in_pieces(data: bytes, size: int) -> tuple[list[int], bool]:
    grammar, file = Grammar(Dialect()), io.BytesIO(data)
    ends, inside, before, base = [], False, 10, 0
    while piece := grammar.read_piece(file, size):
        structure = grammar.scan(piece, previous_byte=before, inside_quotes=inside)
        ends += [base + int(end) for end in structure.ends]
        inside, before, base = structure.ends_inside_quotes, piece[-1], base + len(piece)
    return ends, inside


@given(wild_csv, st.integers(1, 30))
@example(b'a,"b""c\n",d\r\n"', 3)
@example(b'"a\r"\r\rb', 2)
def test_record_ends_are_independent_of_pieces(data: bytes, size: int) -> None:
    ends, inside = scan_in_pieces(data, size)
    texts = record_texts(data)
    expected = [sum(map(len, texts[: offset + 1])) - 1 for offset in range(len(texts))]
    if texts and (inside or not data.endswith((b"\n", b"\r"))):
        expected.pop()
    assert ends == expected


@given(wild_csv, st.booleans(), st.sampled_from([b",", b"\n", b"x"]))
def test_regular_pieces_are_those_of_a_scan(data: bytes, inside: bool, before: bytes) -> None:
    grammar = Grammar(Dialect())
    piece = grammar.decided(data)
    scanned = grammar.scan(piece, previous_byte=before[0], inside_quotes=inside)

    assert grammar.is_regular(piece, before[0], inside) == scanned.is_regular


@given(wild_csv, st.booleans(), st.integers(1, 9))
def test_first_end_is_found_in_a_part_of_the_data(data: bytes, inside: bool, size: int) -> None:
    grammar = Grammar(Dialect())
    piece = grammar.decided(data)
    scanned = grammar.scan(piece, inside_quotes=inside)
    assume(scanned.is_regular)
    with mock.patch("csvswarm.split.chunking.FIRST_END_BYTES", size):
        assert first_end(grammar, piece, 10, inside) == (int(scanned.ends[0]) if scanned.ends.size else None)


@given(wild_csv)
def test_record_count_equals_arrow(data: bytes) -> None:
    cutter = Cutter(Dialect(), offset=0, next_target=no_targets)
    cutter.feed(data)
    try:
        (chunk,) = cutter.finish()
    except InputError:
        return
    if not chunk.rows:
        return
    ragged = []

    def note(row: pyarrow.csv.InvalidRow) -> str:
        ragged.append(row)
        return "skip"

    table = pyarrow.csv.read_csv(
        pa.BufferReader(data),
        read_options=pyarrow.csv.ReadOptions(column_names=["a", "b"], use_threads=False),
        parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True, invalid_row_handler=note),
    )
    assert table.num_rows + len(ragged) == chunk.rows


@given(wild_csv, st.integers(1, 12), st.integers(1, 40), st.integers(1, 40))
def test_chunks_and_blocks_are_contiguous(data: bytes, count: int, piece: int, block: int) -> None:
    cutter = Cutter(Dialect(), offset=0, next_target=even_targets(0, len(data), count), block_bytes=block)
    grammar, file = Grammar(Dialect()), io.BytesIO(data)
    while read := grammar.read_piece(file, piece):
        cutter.feed(read)
    try:
        chunks = cutter.finish()
    except InputError:
        assert is_unclosed(data)
        return
    assert b"".join(data[chunk.offset : chunk.offset + chunk.length] for chunk in chunks) == data
    assert len(chunks) <= count
    record = 1
    for chunk in chunks:
        text = data[chunk.offset : chunk.offset + chunk.length]
        assert chunk.rows == count_records(text)
        assert chunk.first_record == record
        record += chunk.rows
        offset = chunk.offset
        for part in chunk.blocks:
            assert part.offset == offset
            assert part.rows == count_records(data[offset : offset + part.length])
            offset += part.length
        assert offset == chunk.offset + chunk.length
    assert record - 1 == count_records(data)


@pytest.mark.parametrize("size", [1, 7, 100])
def test_sized_chunks_end_at_the_next_record(size: int) -> None:
    data = b"".join(b"%d,x\n" % number for number in range(50))
    cutter = Cutter(Dialect(), offset=0, next_target=sized_targets(size))
    cutter.feed(data)
    lengths = [chunk.length for chunk in cutter.finish()]
    assert sum(lengths) == len(data)
    assert all(size <= length < size + 6 for length in lengths[:-1])
