"""DuckDB, one COPY."""

from __future__ import annotations

import duckdb

from bench.peers.arguments import arguments
from bench.works import JOBS

QUERIES = {
    "map": "SELECT *, price * quantity AS total, latitude * 111.2 AS km FROM input WHERE quantity >= 500",
    "aggregate": """SELECT category, count(price) AS count, sum(price) AS sum, avg(price) AS mean, min(price) AS min,
        max(price) AS max FROM input GROUP BY category ORDER BY category""",
    "hostile_map": "SELECT *, quantity * 2 AS twice FROM input WHERE quantity >= 50",
    "hostile_aggregate": """SELECT category, count(quantity) AS count, sum(quantity) AS sum FROM input
        GROUP BY category ORDER BY category""",
}


def main() -> None:
    """Do the work."""
    work, source, output = arguments()
    database = duckdb.connect()
    database.execute(f"SET threads = {JOBS}; SET preserve_insertion_order = true; SET enable_progress_bar = false")
    query = QUERIES[work].replace("FROM input", f"FROM read_csv('{source}')")
    database.execute(f"COPY ({query}) TO '{output}' (FORMAT csv, HEADER)")


if __name__ == "__main__":
    main()
