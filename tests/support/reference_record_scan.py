"""A reference implementation of record ends: the grammar of docs/format.md, one character at a time."""

from __future__ import annotations

from hypothesis import strategies as st

FIELD, UNQUOTED, QUOTED, QUOTE = range(4)


def record_texts(data: bytes, delimiter: bytes = b",", quote: bytes = b'"') -> list[bytes]:
    """Return the records of a CSV, with their terminators, blank lines among them; the last may have none."""
    records, start, state, offset = [], 0, FIELD, 0
    while offset < len(data):
        char = data[offset : offset + 1]
        offset += 1
        if state == QUOTED:
            state = QUOTE if char == quote else QUOTED
        elif state == QUOTE and char == quote:
            state = QUOTED
        elif char in (b"\r", b"\n"):
            if char == b"\r" and data[offset : offset + 1] == b"\n":
                offset += 1
            records.append(data[start:offset])
            start, state = offset, FIELD
        elif char == delimiter:
            state = FIELD
        else:
            state = QUOTED if state == FIELD and char == quote else UNQUOTED
    if start < len(data):
        records.append(data[start:])
    return records


def is_unclosed(data: bytes) -> bool:
    """Whether the data ends inside a quoted field, where a line end does not end the record."""
    return len(record_texts(data + b"\n;\n")) == len(record_texts(data + b"\n"))


def count_records(data: bytes) -> int:
    """Return the number of records without blank lines."""
    return sum(bool(record.strip(b"\r\n")) for record in record_texts(data))


#: Parts of a CSV, including unusual ones: bare quotes, lone CRs, blank lines.
wild_csv = st.lists(
    st.sampled_from(['"', '""', ",", "\n", "\r\n", "\r", "a", "bc", " ", "é", "1", '"a,b"', '"x\ny"', '5" pipe']),
    max_size=60,
).map(lambda parts: "".join(parts).encode())

field = st.one_of(
    st.text(st.characters(codec="utf-8", exclude_characters='"\r\n,\0'), max_size=6),
    st.text(st.sampled_from('ab",\n\r é'), max_size=8).map(lambda text: '"' + text.replace('"', '""') + '"'),
    st.sampled_from(["", '""', "NA", '"NA"', "007", "1.50", "-3", "1e5", "true"]),
)


@st.composite
def table(draw: st.DrawFn, *, min_rows: int = 0) -> bytes:
    """Return a well-formed CSV with a header: any dialect of line ends, with or without a final one, BOM or not."""
    width = draw(st.integers(1, 4))
    terminator = draw(st.sampled_from(["\n", "\r\n"]))
    rows = draw(st.lists(st.lists(field, min_size=width, max_size=width), min_size=min_rows, max_size=25))
    text = terminator.join(",".join(row) for row in [[f"c{index}" for index in range(width)], *rows])
    text += terminator if draw(st.booleans()) else ""
    return (b"\xef\xbb\xbf" if draw(st.booleans()) else b"") + text.encode()
