"""Any table of typed columns as a CSV of raw lines, for processors that return records as they are in the input."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from hypothesis import strategies as st

from tests.support.jobs import Result, run_with_all_cuts

HEADER = ["g", "i", "f", "t", "b", "at"]
TYPES = {"g": "text", "i": "int", "f": "float", "t": "text", "b": "bool", "at": "timestamp"}
#: Texts in the file, in quotes where a field needs them, by column; "" is missing.
FIELDS: dict[str, list[str]] = {
    "g": ["b", "B", "ä", "10", "9", '"quo""te"', '"two\nlines"', '"com,ma"', '""', ""],
    "i": ["-9223372036854775808", "9223372036854775807", "-1", "0", "7", "10", ""],
    "f": ["-inf", "-1.50", "-0.0", "0.0", "0.00", "1e-3", "2.5", "2.50", "inf", ""],
    "t": ["a", "ab", "abc", "b", "\N{CAT FACE}", "\ufffd", '" "', ""],
    "b": ["true", "True", "FALSE", ""],
    "at": ["2024-01-02", "2024-01-02 00:00:00", "1969-12-31 23:59:59.5", "2024-02-29 10:00", ""],
}
records = st.tuples(*(st.sampled_from(FIELDS[name]) for name in HEADER))
tables = st.lists(records, min_size=1, max_size=25)


@dataclass(frozen=True)
class RecordTable:
    """A table, its file, and its frame with the types of the file."""

    path: Path
    lines: list[str]
    frame: pd.DataFrame

    @classmethod
    def write(cls, directory: Path, rows: Sequence[tuple[str, ...]]) -> RecordTable:
        lines = [",".join(row) + "\n" for row in rows]
        path = directory / "any.csv"
        path.write_bytes((",".join(HEADER) + "\n" + "".join(lines)).encode())
        values = [[_value(name, text) for name, text in zip(HEADER, row, strict=True)] for row in rows]
        frame = pd.DataFrame(values, columns=HEADER, dtype=object)
        types = {"g": "str", "i": "Int64", "f": "float64", "t": "str", "b": "boolean"}
        frame["at"] = pd.to_datetime(frame["at"])
        return cls(path, lines, frame.astype(types))

    def run(self, processor: str, **options: Any) -> Result:
        return run_with_all_cuts(
            self.path.parent, self.path, processor=processor, options=options, column_types=dict(TYPES)
        )

    def bytes_of(self, index: Sequence[int]) -> bytes:
        """Return the header and the records with these positions."""
        return (",".join(HEADER) + "\n" + "".join(self.lines[position] for position in index)).encode()


def _value(name: str, text: str) -> Any:
    if not text:
        return None
    if name == "i":
        return int(text)
    if name == "f":
        return float(text)
    if name == "b":
        return text.lower() == "true"
    if name == "at":
        return pd.Timestamp(text)
    return text[1:-1].replace('""', '"') if text.startswith('"') else text
