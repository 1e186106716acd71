"""Arrow's CSV parser, asked for text: what reads any block, and says what the text of a field is."""

from __future__ import annotations

from collections.abc import Sequence

from csvswarm.csv_format.dialect import BOM, Dialect
from csvswarm.runtime.lazy_imports import pa, pacsv


def parse(
    data: bytes, dialect: Dialect, width: int, columns: Sequence[int], null_values: Sequence[str]
) -> pa.Table | None:
    """Return the columns with these indexes of a block as text; None when a record has not `width` fields.

    Columns are named by their indexes; the first one is read when none is asked for. Unquoted null values are missing.
    """
    wanted = [str(column) for column in columns] or ["0"]  # Arrow reads all columns when asked for none
    if data[:1] in b"\r\n" and not data.strip(b"\r\n"):  # strip copies: only where it may leave nothing
        return pa.table([pa.array([], pa.string()) for _ in wanted], names=wanted)
    if not data.endswith((b"\n", b"\r")):
        data += b"\n"  # Arrow takes an empty field at the very end for quoted when the one before it is
    if data.startswith(BOM):
        data = b"\n" + data  # Arrow drops a byte order mark at the start of what it reads: here it belongs to the value
    try:
        return pacsv.read_csv(
            pa.BufferReader(data),
            read_options=pacsv.ReadOptions(
                column_names=[str(column) for column in range(width)],
                use_threads=False,
                block_size=len(data) + 1,
            ),
            parse_options=pacsv.ParseOptions(
                delimiter=dialect.delimiter,
                quote_char=dialect.quotechar or False,
                newlines_in_values=True,
            ),
            convert_options=pacsv.ConvertOptions(
                column_types=dict.fromkeys(wanted, pa.string()),
                include_columns=wanted,
                null_values=list(null_values),
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
            ),
        )
    except pa.ArrowInvalid:
        return None
