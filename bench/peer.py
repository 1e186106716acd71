"""One question in another tool: `python -m bench.peer {polars,duckdb,pandas} INPUT OUTPUT KIND QUERY [typed]`."""

from __future__ import annotations

import sys
from typing import Any

JOBS = 2

#: Types for DuckDB, by the kind of file; those of the other columns are text.
TYPES: dict[str, dict[str, str]] = {
    "main": {
        **dict.fromkeys(("id", "quantity", "late"), "BIGINT"),
        **dict.fromkeys(("price", "latitude", "longitude"), "DOUBLE"),
        "time": "TIMESTAMP",
    },
    "flights": {
        **dict.fromkeys(("year", "month", "day", "dep_time", "sched_dep_time", "dep_delay", "arr_time"), "BIGINT"),
        **dict.fromkeys(("sched_arr_time", "arr_delay", "flight", "air_time", "distance", "hour", "minute"), "BIGINT"),
        "time_hour": "TIMESTAMP",
    },
    "text": {"id": "BIGINT", "score": "DOUBLE"},
    "wide": {f"c{number}": "BIGINT" for number in range(500)},
    "narrow": {"k": "BIGINT", "v": "DOUBLE"},
    "hostile": {"id": "BIGINT", "quantity": "BIGINT"},
}


def polars(source: str, output: str, query: str) -> None:
    """Answer lazily, with the streaming engine. POLARS_MAX_THREADS sets the number of threads."""
    import polars as pl

    names = {"pl": pl, "c": pl.col, "lf": pl.scan_csv(source)}
    eval(query, names).sink_csv(output, engine="streaming")


def duckdb(source: str, output: str, query: str, types: dict[str, str] | None) -> None:
    """Answer with one COPY. types: of the columns; DuckDB sniffs the others."""
    import duckdb as db

    database = db.connect()
    database.execute(f"SET threads = {JOBS}; SET preserve_insertion_order = true; SET enable_progress_bar = false")
    given = f", types={types}" if types else ""
    query = query.replace("FROM input", f"FROM read_csv('{source}'{given})")
    database.execute(f"COPY ({query}) TO '{output}' (FORMAT csv, HEADER)")


def pandas(source: str, output: str, query: str) -> None:
    """Answer in memory."""
    import pandas as pd

    frame: Any = eval(query, {"pd": pd, "df": pd.read_csv(source)})
    frame.to_csv(output, index=False)


def main() -> None:
    """Answer one question."""
    tool, source, output, kind, query, *flags = sys.argv[1:]
    if tool == "duckdb":
        duckdb(source, output, query, TYPES[kind] if flags else None)
    else:
        {"polars": polars, "pandas": pandas}[tool](source, output, query)


if __name__ == "__main__":
    main()
