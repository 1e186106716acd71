"""The field scan agrees with Arrow's parser or declines; the bitmask count agrees with the offset scan."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from csvswarm.csv_format import bitmask_scan
from csvswarm.csv_format.bitmask_scan import count_records
from csvswarm.csv_format.dialect import Dialect
from csvswarm.csv_format.raw_records import raw_records
from csvswarm.csv_format.record_scan import LF, Grammar, blank_records, record_starts
from csvswarm.reading import field_scan
from csvswarm.reading.arrow_parser import parse
from csvswarm.reading.field_scan import NullValues, find_fields
from csvswarm.types.schema import NULL_VALUES
from hypothesis import example, given
from hypothesis import strategies as st

from tests.support.jobs import native
from tests.support.reference_record_scan import wild_csv

LONG = "x" * 200
PLAIN = ["", "NA", "nan", "-nan", "007", "1.50", "-0.0", "9" * 20, " 1", "1 ", "é", "true", "-", "0", "a", LONG]

cells = st.one_of(
    st.sampled_from([*PLAIN, '""', '"NA"', '"a,b"', '"x\ny"', '"say ""no"""', '""""', f'"{LONG}, {LONG}"']),
    st.text(st.characters(codec="utf-8", exclude_characters='",\r\n\0'), max_size=6),
)
#: Data that makes the field scan decline a block.
flaws = st.sampled_from(['5" pipe', 'a""b', '"a"b', "a\rb", "a,b", "\r", "\n", '"'])


@st.composite
def blocks(draw: st.DrawFn) -> tuple[bytes, int]:
    """Return a block of whole records, most of them of one width, and that width."""
    width = draw(st.integers(1, 5))
    rows = draw(st.lists(st.lists(cells, min_size=width, max_size=width), min_size=1, max_size=12))
    for flaw in draw(st.lists(flaws, max_size=2)) if draw(st.booleans()) else []:
        row = draw(st.sampled_from(rows))
        row[draw(st.integers(0, width - 1))] = flaw
    ending = draw(st.sampled_from(["\n", "\n", "\n", "\r\n"]))
    text = ending.join(map(",".join, rows)) + draw(st.sampled_from([ending, ""]))
    return text.encode(), width


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Scan blocks of a few bytes in several parts, without the native kernel, which tests/unit/native covers."""
    monkeypatch.setattr(bitmask_scan, "PART_BYTES", 64)
    monkeypatch.setattr(field_scan, "ROWS_PER_BATCH", 3)
    with native(False):
        yield


@given(blocks(), st.sampled_from([NULL_VALUES, ("", "-"), ("", "0", "007", "é")]), st.data())
@example((b"a,b\n" * 40, 2), NULL_VALUES, None)
@example((b'1,"x\n"\n', 2), NULL_VALUES, None)
@example((b"1,2,3\n4\n", 2), NULL_VALUES, None)
def test_field_scan_matches_the_parser(
    block: tuple[bytes, int], null_values: tuple[str, ...], data: st.DataObject | None
) -> None:
    text, width = block
    found = find_fields(text, Grammar(Dialect()), width)
    if found is None:
        return
    columns = sorted(data.draw(st.sets(st.integers(0, width - 1), min_size=1))) if data else [0, width - 1]

    parsed = parse(text, Dialect(), width, columns, null_values)
    assert parsed is not None
    assert found.ends.size == parsed.num_rows
    for index, column in zip(columns, found.texts(columns, NullValues(null_values)), strict=True):
        column.validate(full=True)
        assert column.to_pylist() == parsed.column(str(index)).to_pylist()


@pytest.mark.parametrize(
    ("text", "width"),
    [
        ("a,b\n1,2\n", 2),
        ('a,"b,\n"\n1,2', 2),
        ('"a""a","b"\n"",""\n', 2),
        (f"{LONG},{LONG},{LONG}\n1,2,3\n", 3),
        (",\n,\n", 2),
    ],
)
def test_plain_blocks_are_scanned(text: str, width: int) -> None:
    assert find_fields(text.encode(), Grammar(Dialect()), width) is not None


@pytest.mark.parametrize("text", ["a,b\n1\n", "a,b\n1,2,3\n4\n", "a,b\r\n", '5" pipe,1\n', "\na,b\n", 'a,"b\n', ""])
def test_other_blocks_are_declined(text: str) -> None:
    assert find_fields(text.encode(), Grammar(Dialect()), 2) is None


def test_empty_field_at_the_end_of_the_file_is_missing() -> None:
    parsed = parse(b'a,b\n"x",', Dialect(), 2, [1], NULL_VALUES)
    assert parsed is not None
    assert parsed.column("1").to_pylist() == ["b", None]


@given(blocks())
def test_raw_records_match_the_exact_scan(block: tuple[bytes, int]) -> None:
    text, width = block
    found = find_fields(text, Grammar(Dialect()), width)
    if found is not None:
        data, ends, toggles = raw_records(text, Grammar(Dialect()))
        assert found.data == data
        assert found.ends.tolist() == ends.tolist()
        assert found.quote_positions().tolist() == toggles.tolist()


@given(
    st.one_of(wild_csv, blocks().map(lambda block: block[0])),
    st.sampled_from([LF, ord(","), ord("a")]),
    st.booleans(),
    st.booleans(),
)
@example(b"\n\na\n\n", LF, False, True)
@example(b"a" * 63 + b"\n" + b"\n" + b"b" * 62 + b"\n\n", LF, False, True)
def test_record_count_matches_the_exact_scan(piece: bytes, before: int, inside: bool, fresh: bool) -> None:
    grammar = Grammar(Dialect())
    tally = count_records(piece, grammar, previous_byte=before, inside_quotes=inside, at_record_start=fresh)
    if tally is None:
        structure = grammar.scan(piece, previous_byte=before, inside_quotes=inside)
        assert not structure.is_regular or b"\r" in piece
        return
    structure = grammar.scan(piece, previous_byte=before, inside_quotes=inside)
    assert structure.is_regular
    starts = record_starts(structure.ends)
    empty = blank_records(np.frombuffer(piece, np.uint8), starts, structure.ends)
    if empty.size and not fresh:
        empty[0] = False
    assert tally.records == structure.ends.size - np.count_nonzero(empty)
    assert tally.last_line_end == (structure.ends[-1] if structure.ends.size else -1)
    assert tally.ends_inside_quotes == structure.ends_inside_quotes


@given(st.lists(st.integers(0, 300), unique=True).map(sorted))
def test_bit_positions_and_counts(positions: list[int]) -> None:
    mask = np.zeros(320, dtype=bool)
    mask[positions] = True
    words = np.packbits(mask, bitorder="little").view(np.uint64)

    assert bitmask_scan.bit_positions(words).tolist() == positions
    everywhere = np.arange(320)
    assert bitmask_scan.counts_up_to(words, everywhere).tolist() == np.cumsum(mask).tolist()
