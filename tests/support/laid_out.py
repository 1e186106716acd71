"""Tables of values, and the files that a program writes of them in any layout, number style and date format."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

NAMES = ["k", "n", "d", "t"]
Row = dict[str, Any]


@dataclass(frozen=True)
class Layout:
    """How files are written.

    header: as the option of a job. skipped: lines before the header. null: what stands for a missing value. trailing:
    whether every record but the header ends with a delimiter.
    """

    delimiter: str = ","
    decimal: str = "."
    thousands: str = ""
    date_format: str = "%Y-%m-%d"
    escape: str = ""
    comment: str = ""
    skipped: Sequence[str] = ()
    header: bool | Sequence[str] = True
    null: str = ""
    trailing: bool = False

    def request(self) -> dict[str, Any]:
        """The options of a job that read the files."""
        return {
            "delimiter": self.delimiter,
            "decimal": self.decimal,
            "thousands": self.thousands,
            "date_format": {"d": self.date_format},
            "escape": self.escape,
            "comment": self.comment,
            "skip_lines": len(self.skipped),
            "header": self.header,
            "null_values": [self.null] if self.null else None,
            "trailing_delimiter": self.trailing or None,
        }

    def file(self, rows: Sequence[Row | None], names: Sequence[str]) -> str:
        """A file with these columns. rows: None for a record with too many fields."""
        lines = [*self.skipped, *([self._record(names)] if self.header is True else [])]
        for number, row in enumerate(rows):
            if self.comment and number % 2:
                lines.append(f'{self.comment} note {number}, "not a record')
            fields = ["x"] * (len(names) + 2) if row is None else [self._field(row[name]) for name in names]
            lines.append(self._record([*fields, ""] if self.trailing else fields))
        return "".join(line + "\n" for line in lines)

    def _record(self, fields: Sequence[str]) -> str:
        return ("  " if self.delimiter == "whitespace" else self.delimiter).join(fields)

    def _field(self, value: Any) -> str:
        if value is None:
            return self.null or ("NA" if self.delimiter == "whitespace" else "")
        if isinstance(value, dt.date):
            return self._quoted(value.strftime(self.date_format))
        if not isinstance(value, str):
            plain = f"{value:,}".replace(",", "\0").replace(".", self.decimal).replace("\0", self.thousands)
            return self._quoted(plain) if set(plain) & {self.delimiter, " "} else plain
        return self._quoted(value)

    def _quoted(self, text: str) -> str:
        if self.escape:
            return '"' + "".join(self.escape + c if c in (self.escape, '"') else c for c in text) + '"'
        return '"' + text.replace('"', '""') + '"'


@st.composite
def with_bad_records(draw: st.DrawFn, rows: Sequence[Row]) -> list[Row | None]:
    """The rows with bad records, which are None, between and after them."""
    return [one for row in rows for one in (row, *[None] * draw(st.integers(0, 2)))]


@st.composite
def layouts(draw: st.DrawFn) -> Layout:
    decimal = draw(st.sampled_from(".,"))
    thousands = draw(st.sampled_from(["", " ", "," if decimal == "." else "."]))
    headers: list[bool | Sequence[str]] = [True, False, NAMES]
    return Layout(
        delimiter=draw(st.sampled_from([",", ";", "\t", "|", "§", "whitespace"])),
        decimal=decimal,
        thousands=thousands,
        date_format=draw(st.sampled_from(["%Y-%m-%d", "%d.%m.%Y", "%m/%d/%Y"])),
        escape=draw(st.sampled_from(["", "\\", "^"])),
        comment=draw(st.sampled_from(["", "#", "//"])),
        skipped=draw(st.lists(st.sampled_from(["Report, of 2024", "", 'he said "hello']), max_size=2)),
        header=draw(st.sampled_from(headers)),
        null=draw(st.sampled_from(["", "\\N", "?"])),
        trailing=draw(st.booleans()),
    )


TEXTS = st.text('ab"\\^#/,;|§\t \né', max_size=6).map(lambda text: f"x{text}x")
NUMBERS = st.integers(-(10**7), 10**7) | st.integers(-(10**6), 10**6).map(lambda cents: Decimal(cents) / 100)
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "k": st.sampled_from(["p", "q", "r"]),
            "n": NUMBERS | st.none(),
            "d": st.dates(dt.date(1990, 1, 1), dt.date(2030, 1, 1)) | st.none(),
            "t": TEXTS | st.none(),
        }
    ),
    min_size=1,
    max_size=8,
)


def canonical(rows: Sequence[Row], names: Sequence[str]) -> list[list[str]]:
    """The rows as a job writes them, computed with decimal and datetime alone."""
    numbers = [row["n"] for row in rows if row.get("n") is not None]
    has_floats = any(isinstance(number, Decimal) and number.as_tuple().exponent != 0 for number in numbers)

    def text(value: Any) -> str:
        if value is None:
            return ""
        if isinstance(value, dt.date):
            return f"{value.isoformat()} 00:00:00"
        if isinstance(value, str):
            return value
        return repr(float(value)) if has_floats else str(int(value))

    return [[text(row.get(name)) for name in names] for row in rows]
