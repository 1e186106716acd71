"""The kernel scans a block like the Python code that it replaces, or declines."""

from __future__ import annotations

import ctypes
from unittest import mock

import numpy as np
import pytest
from csvswarm.csv_format.dialect import Dialect
from csvswarm.csv_format.raw_records import raw_records
from csvswarm.csv_format.record_scan import (
    CR,
    LF,
    Grammar,
    Positions,
    Structure,
    blank_records,
    positions_of,
    quote_toggles,
    record_starts,
    unquoted,
)
from csvswarm.native import record_scan
from csvswarm.native.build import compile_library, compiler
from csvswarm.native.library import FLAGS, declare_signatures
from hypothesis import example, given
from hypothesis import strategies as st

from tests.support.reference_record_scan import table, wild_csv

COMMA = Grammar(Dialect())
#: Long enough for several words of 64 bytes, with few special bytes.
long_csv = st.lists(
    st.sampled_from(
        [b"x" * 61, b",", b"\n", b'"', b'""', b'"a,b"', b'"x\ny",', b"\r\n", b'"x\r\ny"', b"\xc3\xa9", b"1", b'5" pipe']
    ),
    max_size=30,
).map(b"".join)


def has_text_after_quotes(piece: bytes, structure: Structure, inside: bool = False) -> bool:
    """Whether text follows a closing quote, as in "a"b: the kernel declines that."""
    closing = structure.quote_toggles[1 - int(inside) :: 2]
    return any(piece[at + 1 : at + 2] not in (b"", b",", b"\n", b"\r", b'"') for at in closing.tolist())


def returns_outside_quotes(piece: bytes, structure: Structure, inside: bool = False) -> list[int]:
    """Return the positions of CRs that end a line, perhaps with an LF."""
    returns = positions_of(np.frombuffer(piece, np.uint8), CR)
    return [int(position) for position in unquoted(returns, structure.quote_toggles, inside)]


@given(
    st.one_of(wild_csv, long_csv),
    st.sampled_from([LF, ord(","), ord("a")]),
    st.booleans(),
    st.booleans(),
    st.booleans(),
)
@example(b"a" * 63 + b"\n" + b"\n" + b"b" * 62 + b"\n\n", LF, False, True, False)
@example(b'"' + b"a" * 62 + b'"' + b"b\n", LF, False, True, True)
@example(b'"' + b"a" * 62 + b'"' + b",b\n", LF, False, True, False)
@example(b'5" pipe' + b"," * 56 + b'"' + b'""\n"a"\n', LF, False, True, True)
@example(b"a" * 63 + b'"' + b'"",""\n"x\ny"\n', LF, False, True, True)
@example(b"\n\na\n\n", LF, False, True, False)
@example(b"a\r\n\r\n" + b"b" * 55 + b"\r\n" + b"\r\n\r\n", LF, False, True, False)
@example(b"\r\n" + b"a" * 61 + b"\r\n\r\n", LF, False, False, True)
@example(b"a" * 63 + b"\r", LF, False, False, True)
def test_records_are_counted_as_the_exact_scan_does(
    piece: bytes, before: int, inside: bool, fresh: bool, exact: bool
) -> None:
    counted = record_scan.count(piece, COMMA.delimiter, COMMA.quote, before, inside, fresh, exact=exact)
    structure = COMMA.scan(piece, previous_byte=before, inside_quotes=inside)
    declines = has_text_after_quotes(piece, structure, inside) if exact else not structure.is_regular
    returns = returns_outside_quotes(piece, structure, inside)
    assert (counted is None) == (declines or any(piece[at + 1 : at + 2] != b"\n" for at in returns))
    if counted is None:
        return
    ends = structure.ends
    empty = blank_records(np.frombuffer(piece, np.uint8), record_starts(ends), ends)
    if empty.size and not fresh:
        empty[0] = False
    last = int(ends[-1]) if ends.size else -1
    assert counted == (ends.size - int(np.count_nonzero(empty)), last, structure.ends_inside_quotes)


@given(st.one_of(wild_csv, long_csv), st.sampled_from([LF, ord(","), ord("a"), ord('"')]), st.booleans())
@example(b'5" pipe,"a ""b"""x"\n', LF, False)
@example(b'"",""a,b"\r"c"', ord(","), True)
def test_quotes_toggle_as_in_the_loop_of_python(piece: bytes, before: int, inside: bool) -> None:
    quotes = positions_of(np.frombuffer(piece, np.uint8), COMMA.quote)

    found = record_scan.toggles(piece, quotes, COMMA.delimiter, before, inside)

    assert found is not None
    toggles, ends_inside = quote_toggles(piece, quotes, COMMA.delimiter, before, inside)
    assert (found[0].tolist(), found[1]) == (toggles.tolist(), ends_inside)


def has_literal_quotes(text: bytes) -> bool:
    """Whether there are quotes outside of quoted fields that do not open one."""
    toggles = COMMA.scan(text).quote_toggles
    quotes = positions_of(np.frombuffer(text, np.uint8), COMMA.quote)
    outside = np.searchsorted(toggles, quotes) % 2 == 0
    return bool((outside & ~np.isin(quotes, toggles)).any())


def exact_edges(text: bytes, width: int) -> Positions | None:
    """Where fields end, shape (records, width); None for a block that the kernel must decline."""
    structure = COMMA.scan(text)
    if b"\0" in text or structure.ends_inside_quotes or has_text_after_quotes(text, structure):
        return None
    if returns_outside_quotes(text, structure):
        return None
    delimiters = unquoted(positions_of(np.frombuffer(text, np.uint8), COMMA.delimiter), structure.quote_toggles, False)
    edges = np.sort(np.concatenate([delimiters, structure.ends]))
    if edges.size != structure.ends.size * width or edges[width - 1 :: width].tolist() != structure.ends.tolist():
        return None  # a record has a field too many or too few
    return edges.reshape(-1, width)


@given(st.one_of(wild_csv, long_csv, table()), st.integers(2, 4))
@example(b"a,b\n" * 40, 2)
@example((b'"a",' + b"b" * 60 + b"\n") * 20, 2)
@example(b'a,"b\n"\n', 2)
def test_fields_are_found_where_the_exact_scan_finds_them(text: bytes, width: int) -> None:
    text = text if text.endswith(b"\n") else text + b"\n"
    found = record_scan.scan(text, COMMA.delimiter, COMMA.quote, width, range(width))
    edges = exact_edges(text, width)
    assert (found is None) == (edges is None)
    if found is None or edges is None:
        return
    assert found.ends.tolist() == edges[:, -1].tolist()
    assert found.has_quotes == (b'"' in text)
    assert found.has_literal_quotes == has_literal_quotes(text)
    assert found.is_ascii == text.isascii()
    assert found.stops.tolist() == edges.T.tolist()
    assert found.starts.T.ravel().tolist() == [0, *(edges.ravel()[:-1] + 1)]


@given(st.one_of(wild_csv, long_csv, table()))
@example(b'"a\r\nb",5" pipe\r\n' * 9)
@example(b"a" * 63 + b"\r\n" + b"b" * 63 + b"\r\n")
@example(b"a" * 64 + b"\r")
def test_line_feeds_end_records(text: bytes) -> None:
    text = text if text.endswith(b"\n") else text + b"\n"
    structure = COMMA.scan(text)
    returns = returns_outside_quotes(text, structure)

    unified = record_scan.with_line_feeds(text, COMMA.delimiter, COMMA.quote)

    if b"\r" not in text:
        assert unified == text
    elif has_text_after_quotes(text, structure) or any(text[at + 1 : at + 2] != b"\n" for at in returns):
        assert unified is None
    else:
        assert unified == np.delete(np.frombuffer(text, np.uint8), returns).tobytes()


def test_more_fields_than_one_batch() -> None:
    text = (b"1," * 4000 + b"2\n") * 5
    found = record_scan.scan(text, COMMA.delimiter, COMMA.quote, 4001, [0, 4000])
    assert found is not None
    assert found.ends.tolist() == [len(text) // 5 * n - 1 for n in range(1, 6)]
    wide = record_scan.scan((b"1," * 5000 + b"2\n") * 5, COMMA.delimiter, COMMA.quote, 5001, [0, 5000])
    assert wide is not None
    assert wide.ends.tolist() == [10_002 * n - 1 for n in range(1, 6)]
    assert (wide.stops - wide.starts).tolist() == [[1] * 5] * 2


@pytest.mark.parametrize("rows", [1, 3])
def test_unexpected_record_count_is_declined(rows: int) -> None:
    assert record_scan.scan(b"1,2\n3,4\n", COMMA.delimiter, COMMA.quote, 2, [0], rows) is None


@given(
    st.lists(
        st.sampled_from([b"a" * 9, b"\x80", b"\xc3", b"\xe0", b"\xa0", b"\xed", b"\xf4", b"\x8f", b"\xf0\x9f", b"\xff"])
    )
)
def test_utf8_check_matches_python(parts: list[bytes]) -> None:
    data = b"".join(parts)
    try:
        data.decode("utf-8")
        is_text = True
    except UnicodeDecodeError:
        is_text = False
    assert record_scan.is_utf8(data) == is_text


def test_utf8_check_accepts_all_but_surrogates() -> None:
    text = "".join(map(chr, [*range(0xD800), *range(0xE000, 0x110000)]))
    assert record_scan.is_utf8(text.encode())
    assert not any(record_scan.is_utf8(chr(code).encode("utf-8", "surrogatepass")) for code in range(0xD800, 0xE000))
    assert not np.any([record_scan.is_utf8(bytes([lead, 0x80, 0x80])) for lead in (0xC0, 0xC1, 0xE0)])


@pytest.fixture(scope="module", params=[(), ("-DCSVSWARM_PLAIN",)], ids=["SSE2 or NEON", "plain C"])
def other_kernel(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    """The kernel without some or all vector instructions."""
    path = tmp_path_factory.mktemp("other") / "kernel.so"
    assert compile_library(compiler(), path, (*FLAGS, *request.param)) == ""
    return declare_signatures(ctypes.CDLL(str(path)), avx2=False)


@given(st.one_of(wild_csv, long_csv, table()), st.integers(2, 4), st.booleans())
def test_vectors_change_nothing(other_kernel: ctypes.CDLL, text: bytes, width: int, exact: bool) -> None:
    text += b"\n"
    found, unified, counted = (
        record_scan.scan(text, COMMA.delimiter, COMMA.quote, width, range(width)),
        record_scan.with_line_feeds(text, COMMA.delimiter, COMMA.quote),
        record_scan.count(text, COMMA.delimiter, COMMA.quote, LF, False, True, exact=exact),
    )
    with mock.patch("csvswarm.native.record_scan.kernel", return_value=other_kernel):
        other = record_scan.scan(text, COMMA.delimiter, COMMA.quote, width, range(width))
        assert record_scan.count(text, COMMA.delimiter, COMMA.quote, LF, False, True, exact=exact) == counted
        assert record_scan.with_line_feeds(text, COMMA.delimiter, COMMA.quote) == unified
    assert (found is None) == (other is None)
    if found is not None and other is not None:
        assert (found.ends.tolist(), found.starts.tolist()) == (other.ends.tolist(), other.starts.tolist())
        assert found.stops.tolist() == other.stops.tolist()
        flags = "has_quotes", "has_literal_quotes", "is_ascii"
        assert [getattr(found, name) for name in flags] == [getattr(other, name) for name in flags]


@given(
    st.one_of(
        wild_csv, long_csv, st.lists(st.sampled_from([b"a,b\n", b"\0", b"\xff", b",", b"\n", b'"x\n"'])).map(b"".join)
    )
)
@example(b"a" * 63 + b"\n" + b"\0" * 63 + b"\n")
@example(b"a\n" * 32 + b"\xff,\n")
def test_record_classes_match_python(text: bytes) -> None:
    text += b"\n"
    found = record_scan.records(text, COMMA.delimiter, COMMA.quote)
    if found is None:
        structure = COMMA.scan(text)
        is_blank = text.startswith(b"\n") or b"\n\n" in text
        assert b"\r" in text or is_blank or structure.ends_inside_quotes or not structure.is_regular
        return
    ends, fields, seen = found
    data, expected, toggles = raw_records(text, COMMA)
    assert ends.tolist() == expected.tolist()
    assert data == text
    for start, end, count, bits in zip([0, *(ends[:-1] + 1)], ends, fields, seen, strict=True):
        inside = np.searchsorted(toggles, np.arange(start, end)) % 2 == 1
        record = np.frombuffer(text, np.uint8)[start:end]
        assert count == 1 + np.count_nonzero((record == ord(",")) & ~inside)
        assert bool(bits & record_scan.NUL) == bool((record == 0).any())
        assert bool(bits & record_scan.BEYOND_ASCII) == bool((record >= 128).any())
