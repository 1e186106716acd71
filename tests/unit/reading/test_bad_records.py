"""Bad records are found in one pass: the same records, with the same reasons, as when checked one at a time."""

from __future__ import annotations

import pyarrow as pa
import pytest
from csvswarm.csv_format.dialect import Dialect
from csvswarm.reading.bad_records import Triage
from csvswarm.reading.mismatched_values import mismatched_values
from csvswarm.types.conversion import TextConverter
from csvswarm.types.schema import TYPES
from hypothesis import example, given
from hypothesis import strategies as st

from tests.fuzz.cases import VALUES

PARTS = [
    b"1",
    b"x",
    b",",
    b",",
    b"\n",
    b"\r\n",
    b"\r",
    b'"',
    b'"a,b"',
    b'"x\ny"',
    b"\0",
    b"\xff",
    b"\xc0\x88",
    "é".encode(),
]
PARTS += [b"2024-01-31", b"1,2\n", b"\xef\xbb\xbf"]


def _triage(kind: str = "int") -> Triage:
    return Triage(Dialect(), 2, [("one", 0, kind)], TextConverter())


@given(
    st.lists(st.sampled_from(PARTS), max_size=40).map(b"".join), st.sampled_from(["int", "float", "timestamp", "bool"])
)
@example(b'"\x001,2\n\n', "int")
def test_bad_records_are_independent_of_their_block(data: bytes, kind: str) -> None:
    kept, numbers, bad = _triage(kind).split_bad(data, 1)

    assert sorted([*numbers.tolist(), *(one.record for one in bad)]) == list(range(1, len(numbers) + len(bad) + 1))
    assert [one.record for one in bad] == sorted({one.record for one in bad})
    assert _triage(kind).split_bad(kept, 1)[0] == kept
    assert not _triage(kind).split_bad(kept, 1)[2]
    for one in bad:
        if "\N{REPLACEMENT CHARACTER}" in one.text or one.reason == "a quote that is never closed":
            continue  # its bytes are no longer known
        if one.text.endswith("\n"):
            continue  # an unclosed quote takes in the line end, which ends the record where it is alone
        (alone,) = _triage(kind).split_bad(one.text.encode(), one.record)[2]
        assert alone == one


@pytest.mark.parametrize(
    ("data", "reasons"),
    [
        (b'\xc0\x884,"78\x0012"', {1: "byte 0xc0 at position 0"}),
        (b'1,"ab\xff\n', {1: "byte 0xff at position 5"}),
        (b'1,"ab\0', {1: "a NUL byte at position 5"}),
        (b'1,2\n3,"ab', {2: "a quote that is never closed"}),
        (b"1\0", {1: "a NUL byte at position 1"}),
        (b"1,2\n\xff", {2: "byte 0xff at position 0"}),
        (b"\0\xff\n1,2,3", {1: "byte 0xff at position 1", 2: "3 fields where the header has 2"}),
        (b'a,1\nb,"\r', {1: "'a' is not of the type int", 2: "a quote that is never closed"}),
    ],
)
def test_last_record_may_lack_a_terminator(data: bytes, reasons: dict[int, str]) -> None:
    _, _, bad = _triage().split_bad(data, 1)

    assert [one.record for one in bad] == list(reasons)
    for one, reason in zip(bad, reasons.values(), strict=True):
        assert one.reason.startswith(reason)


def test_long_values_are_truncated_in_messages() -> None:
    (bad,) = _triage().split_bad(b"x" * 1_000_000 + b",2\n", 1)[2]

    assert len(bad.reason) < 200
    assert len(bad.text) == 1_000_002


values = st.one_of(
    st.sampled_from(VALUES), st.sampled_from(VALUES).map(lambda text: text.strip('"')), st.text(max_size=3)
)


def made(alphabet: str) -> st.SearchStrategy[str]:
    return st.text(alphabet, max_size=22)


@given(
    st.lists(
        st.one_of(st.none(), values, made("-+0129xX. "), made("0123456789-: T.Z"), made("-0.1eE+infa")), max_size=9
    ),
    st.sampled_from([kind for kind in TYPES if kind != "text"]),
    st.sampled_from([None, ["-1", "inf", "x"]]),
)
def test_mismatches_equal_those_of_single_values(
    column: list[str | None], kind: str, spellings: list[str] | None
) -> None:
    rules = TextConverter() if spellings is None else TextConverter(spellings)
    text = pa.array(column, pa.string())

    expected = [rules.convert(text.slice(row, 1), kind, declared=True) is None for row in range(len(column))]

    assert mismatched_values(rules, text, kind).tolist() == expected
