"""Random whole inputs: valid and invalid files of any dialect, with the options of a user."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from csvswarm.types.schema import NULL_VALUES, TYPES

BOM = "\ufeff"
#: Values; a double quote is replaced by the quote of the dialect, a comma by its delimiter.
VALUES = (
    "", "0", "1", "-1", "12", "007", "-0", "+4", "1.5", "-.5", "1.", "1e5", "1e400", ".", "-", "inf", "nan", "NAN",
    "NA", "null", "None", "True", "false", "9223372036854775807", "9223372036854775808", "12345678901234567890.5",
    "0x1F",
    "2024-01-31", "2024-02-30", "2024-01-31 10:30:00.25", "é", "日本", " 1 ", "\t2", " NA", "x", '"NA"', '""', '"1"',
    '" 2"', '"a,b"', '"x""y"', '"l\nm"', '"l\r\nm"', '"\r"', '"x"1', 'x"1', '"', '"" ', "0.1", "1e-320", "5e-324",
    "-0.0", BOM, f"{BOM}NA", f'{BOM}"NA"', f"{BOM}1", "NA" + BOM, "-1.5", "x" * 70, '"' + "y" * 70 + '"',
)  # fmt: skip
NULLS = ("NA", "-", BOM, f"{BOM}NA", "-1", "0.5", "inf", "true", " ", "x", "é", '"', ",", "1", " NA", 'n"a', "\t", "\n")
BAD = (
    b"\0",
    b"\xff",
    b"\xc0\x88",
    b"\xed\xa0\x80",
    b"\xe2\x82",
    b"\xe9",
    b"\x80",
    b'"\0',
    b"\xff,",
    b"\xf4\x90\x80\x80",
)
DELIMITERS = ",,,;\t|:. +-~_@'\x0b\x1f"
QUOTES = ('"', '"', '"', "'", "", "|", " ", "-", "\t", "\x01")


@dataclass(frozen=True)
class Cut:
    """The division of an input. guess: number of bytes read to find the start of a range."""

    chunks: int
    block_bytes: int
    guess: int
    mode: str


@dataclass(frozen=True)
class Input:
    """A file and its options.

    spellings: of missing values, None for the default ones. types: by column. sampled: whether the initial schema comes
    from samples, as in a job; otherwise it is empty.
    """

    data: bytes
    delimiter: str
    quotechar: str
    spellings: list[str] | None
    types: dict[str, str]
    quarantine: bool
    watch_gaps: bool
    keep_raw: bool
    columns: list[str]
    sampled: bool
    cuts: list[Cut]


def random_input(source: Random) -> Input:
    """Return an input."""
    delimiter = source.choice(DELIMITERS)
    quote = source.choice([quote for quote in QUOTES if quote != delimiter])
    width = source.choice((1, 2, 2, 3, 4, 9))
    names = [f"c{column}" for column in range(width)]
    data = delimiter.join(names).encode() + source.choice((b"\n", b"\r\n", b"\r"))
    if not source.randrange(5):
        data = BOM.encode() + data
    data += _body(source, delimiter, quote, width)
    requested = [name for name in names if source.randrange(4)] or names
    given = {name: source.choice(TYPES) for name in requested if not source.randrange(4)}
    spellings = (
        None if source.randrange(2) else [source.choice((*NULLS, *NULL_VALUES)) for _ in range(source.randrange(5))]
    )
    return Input(
        data=data,
        delimiter=delimiter,
        quotechar=quote,
        spellings=spellings,
        types=given if source.randrange(2) else {},
        quarantine=bool(source.randrange(4)),
        watch_gaps=bool(source.randrange(2)),
        keep_raw=bool(source.randrange(2)),
        columns=requested,
        sampled=not source.randrange(8),
        cuts=[_cut(source, len(data)) for _ in range(2)],
    )


def _cut(source: Random, size: int) -> Cut:
    blocks = [block for block in (1, 7, 64, 64, 256, 1024, 4096, 1 << 16) if size < 8 * block] + [8 << 20]
    return Cut(
        source.choice((1, 1, 2, 3, 7)),
        source.choice(blocks),
        source.choice((1, 5, 40, 65536)),
        source.choice(("ranges", "files")),
    )


def _body(source: Random, delimiter: str, quote: str, width: int) -> bytes:
    """Return records with few kinds of values each, some of them bad."""
    pools = [_pool(source) for _ in range(width)]
    ends = source.choice(((b"\n",), (b"\n",), (b"\r\n",), (b"\r",), (b"\n", b"\r\n", b"\r")))
    is_wild, bad_in = not source.randrange(4), source.choice((0, 0, 2, 10, 40))
    records: list[bytes] = []
    for _ in range(source.choice((0, 1, 2, 3, 5, 12)) if source.randrange(20) else 40):
        fields = [source.choice(VALUES if is_wild and not source.randrange(9) else pool) for pool in pools]
        if bad_in and not source.randrange(bad_in):
            _spoil(source, fields)
        record = b",".join(field.encode() for field in fields)
        if bad_in and not source.randrange(bad_in):
            column = source.randrange(len(record) + 1)
            record = record[:column] + source.choice(BAD) + record[column:]
        record = record.replace(b",", delimiter.encode()).replace(b'"', quote.encode())
        records += [record] * (1 if source.randrange(60) else 30)
    if records and not source.randrange(400):
        records *= 200
    return _joined(source, records, ends)


def _pool(source: Random) -> Sequence[str]:
    return [source.choice(VALUES) for _ in range(source.randrange(1, 5))]


def _spoil(source: Random, fields: list[str]) -> None:
    if source.randrange(2):
        fields.append(source.choice(VALUES))
    else:
        fields.pop()


def _joined(source: Random, records: list[bytes], ends: Sequence[bytes]) -> bytes:
    parts = []
    for record in records:
        parts += [record, source.choice(ends)]
        if not source.randrange(25):
            parts.append(source.choice(ends))
    return b"".join(parts[:-1] if not source.randrange(3) else parts)
