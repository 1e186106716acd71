"""The first records of a file, read in each dialect that detection tries."""

from __future__ import annotations

import re

from csvswarm.csv_format.normalize import Rules, first_records

#: Number of records that decide about a dialect, including the header.
MOST = 51
_LINE_END = re.compile("\r\n|\n|\r")


class Records:
    """The beginning of a text. complete: whether it is the whole text, or may end within a record."""

    def __init__(self, text: str, complete: bool) -> None:
        self.text, self.complete = text, complete
        self.lines = _LINE_END.split(text, maxsplit=4 * MOST)[: 4 * MOST]

    def whole_lines(self, skip_lines: int) -> list[str]:
        """Return the first lines that are not blank, without a last one that may be incomplete."""
        lines = self.lines if self.complete or len(self.lines) == 4 * MOST else self.lines[:-1]
        return [line for line in lines[skip_lines:] if line.strip()][:MOST]

    def read(
        self, delimiter: str, quotechar: str, escape: str, *, skip_lines: int = 0, comment: str = ""
    ) -> list[list[str]]:
        """Return the first whole records, blank lines left out."""
        rules = Rules(delimiter, quotechar, escape, comment, skip_lines=skip_lines)
        return first_records(self.text, rules, complete=self.complete, most=MOST)


def shape_of(rows: list[list[str]]) -> tuple[float, int]:
    """Return (share of the records with as many fields as the first one, that number); (0.0, 0) for a single field."""
    if not rows or len(rows[0]) < 2:
        return (0.0, 0)
    return (sum(len(row) == len(rows[0]) for row in rows) / len(rows), len(rows[0]))
