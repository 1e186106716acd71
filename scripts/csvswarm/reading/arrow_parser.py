"""Arrow's CSV parser with all columns as text: reads any block, and defines the text of a field."""

from __future__ import annotations

from collections.abc import Sequence

from csvswarm.csv_format.dialect import BOM, Dialect
from csvswarm.runtime.lazy_imports import pa, pacsv


def parse(
    data: bytes, dialect: Dialect, width: int, columns: Sequence[int], null_values: Sequence[str]
) -> pa.Table | None:
    """Return the columns with these indexes of a block as text; None if a record has not `width` fields.

    Columns are named by their indexes; column 0 is read if none is requested. Unquoted null values are missing.
    """
    wanted = [str(column) for column in columns] or ["0"]  # Arrow reads all columns if none is requested
    if data[:1] in b"\r\n" and not data.strip(b"\r\n"):  # strip copies: only if nothing may remain
        return pa.table([pa.array([], pa.string()) for _ in wanted], names=wanted)
    if not data.endswith((b"\n", b"\r")):
        data += b"\n"  # Arrow reads an empty last field as quoted if the previous field is
    if data.startswith(BOM):
        data = b"\n" + data  # Arrow drops a leading byte order mark, which here is part of the value
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
