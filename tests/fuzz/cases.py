"""Generate cases for hypothesis and atheris: pieces of CSV in unusual orders."""

from __future__ import annotations

from hypothesis import strategies as st

#: Bytes that delimit records and fields.
STRUCTURE = ('"', '""', ",", "\n", "\r\n", "\r", "a", "bc", " ", "é", "1", '"a,b"', '"x\ny"', '5" pipe', '"a""b"', ",,")
#: Texts near the boundaries between types.
VALUES = (
    "", "0", "1", "-1", "12", "007", "-0", "+4", "1.5", "-.5", "1.", "00.5", "1e5", "1E-3", "1e400", ".", "-", "e5",
    "inf", "-Infinity", "nan", "NAN", "-nan", "NA", "null", "N/A", "None", "True", "false", "TRUE", "tRuE", "yes",
    "9223372036854775807", "9223372036854775808", "-9223372036854775808", "-9223372036854775809",
    "12345678901234567890.5", "0x1F", "1_000", "2024-01-31", "é", " 1 ", "\t2", " NA", "x", '"NA"', '""', '"1"',
    '" 2"', '"a,b"', '"x""y"', '"l\nm"', '"x"1', 'x"1', "1 2", "--1", "1.5.2", "0.1", "1e-320", "5e-324", "0e0", "-0.0",
)  # fmt: skip

wild = st.lists(st.sampled_from(STRUCTURE), max_size=60).map(lambda parts: "".join(parts).encode())


@st.composite
def rows(draw: st.DrawFn) -> tuple[bytes, int]:
    """Return (a CSV without a header, its width); some records may be bad."""
    width = draw(st.integers(1, 3))
    words = draw(st.lists(st.sampled_from(VALUES), min_size=1, max_size=4))
    value = st.one_of(st.sampled_from(words), st.sampled_from(words), st.sampled_from(VALUES), st.text(max_size=3))
    value = value.map(lambda text: text if '"' in text or not set(text) & set(",\r\n") else "t")
    lines = draw(st.lists(st.lists(value, min_size=width, max_size=width), max_size=12))
    texts = [",".join(line) for line in lines]
    if draw(st.integers(0, 9)) == 0:
        texts.insert(draw(st.integers(0, len(texts))), draw(st.sampled_from(["a,b,c,d,e", "x\0y", "", "  "])))
    end = draw(st.sampled_from(["\n", "\r\n", "\r"]))
    data = (end.join(texts) + end * draw(st.booleans())).encode(errors="replace")
    return data, width
