"""Files as people have them: the values are those of DuckDB, which is given the dialect."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet
import pytest

from tests.support.jobs import run_with_all_cuts

CUTS = ((1, 1 << 20), (3, 64), (7, 16))


@dataclass(frozen=True)
class Case:
    """A file. columns: name -> type in SQL. dialect: in SQL. request: what csvswarm does not detect."""

    text: str
    columns: dict[str, str]
    dialect: dict[str, str] = field(default_factory=dict)
    request: dict[str, Any] = field(default_factory=dict)


CASES = {
    "decimal comma": Case(
        "a;b\n1,5;x\n2,25;y\n-0,125;z\n",
        {"a": "DOUBLE", "b": "VARCHAR"},
        {"delim": "';'", "decimal_separator": "','"},
    ),
    "thousands": Case(
        'id,price\n1,"1,234.5"\n2,"-2,500,000.25"\n3,12\n',
        {"id": "BIGINT", "price": "DOUBLE"},
        {"thousands": "','"},
    ),
    "points between thousands": Case(
        "id;price\n1;1.234,5\n2;2.500.000,25\n3;-12\n",
        {"id": "BIGINT", "price": "DOUBLE"},
        {"delim": "';'", "decimal_separator": "','", "thousands": "'.'"},
    ),
    "no header": Case(
        "1,2.5,2024-01-31\n-3,4.5,2024-02-01\n5,-6.25,\n",
        {"column_1": "BIGINT", "column_2": "DOUBLE", "column_3": "VARCHAR"},
        {"header": "false"},
    ),
    "a title": Case(
        "Report of the day\nby nobody\na,b,c\n1,x,2.5\n2,y,3.5\n",
        {"a": "BIGINT", "b": "VARCHAR", "c": "DOUBLE"},
        {"skip": "2"},
    ),
    "a separator line": Case(
        "sep=;\na;b\n1;2.5\n2;x,y\n",
        {"a": "BIGINT", "b": "VARCHAR"},
        {"skip": "1", "delim": "';'"},
    ),
    "comments": Case(
        'a,b\n# first, of, all\n1,x\n# one, and, two\n2,"y, z"\n',
        {"a": "BIGINT", "b": "VARCHAR"},
        {"comment": "'#'"},
    ),
    "escapes": Case(
        'a,b\n1,"say \\"no\\", he said"\n2,"back\\\\slash"\n3,\n',
        {"a": "BIGINT", "b": "VARCHAR"},
        {"escape": "'\\'"},
    ),
    # DuckDB refuses \N as a missing value beside escapes with a backslash.
    "missing values of databases": Case(
        "a\tb\n1\t\\N\n\\N\tx\n3\ty, z\n",
        {"a": "BIGINT", "b": "VARCHAR"},
        {"delim": "'\t'", "nullstr": "'\\N'"},
    ),
    "dates": Case(
        "day;x\n31.01.2024;1\n01.02.2024;2\n;3\n",
        {"day": "TIMESTAMP", "x": "BIGINT"},
        {"delim": "';'", "timestampformat": "'%d.%m.%Y'"},
        {"date_format": {"day": "%d.%m.%Y"}},
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_values_are_those_of_duckdb(tmp_path: Path, case: Case) -> None:
    source = tmp_path / "data.csv"
    source.write_text(case.text)
    names = ", ".join(f"'{name}': '{kind}'" for name, kind in case.columns.items())
    dialect = {"auto_detect": "false", "header": "true", "columns": f"{{{names}}}", "delim": "','", "quote": "'\"'"}

    expected = ask("SELECT * FROM input", source, dialect | case.dialect)

    assert converted(tmp_path, source, **case.request) == (list(case.columns), expected)


def test_trailing_delimiters_are_an_empty_column_to_duckdb(tmp_path: Path) -> None:
    source = tmp_path / "data.csv"
    source.write_text('a,b\n1,x,\n2,,\n3,"y, z",\n')
    columns = "{'a': 'BIGINT', 'b': 'VARCHAR', 'rest': 'VARCHAR'}"
    dialect = {"auto_detect": "false", "header": "false", "skip": "1", "columns": columns, "delim": "','"}

    expected = ask("SELECT a, b FROM input", source, dialect)

    assert converted(tmp_path, source) == (["a", "b"], expected)


def test_runs_of_blanks_are_split_in_sql(tmp_path: Path) -> None:
    source = tmp_path / "data.csv"
    source.write_text("name  x    y\nAnn   1    2.5\n Bob  10   3.5\nCy\t100  -4\n")
    lines = {"auto_detect": "false", "header": "false", "skip": "1", "columns": "{'line': 'VARCHAR'}", "delim": "'|'"}

    expected = ask(
        r"WITH parts AS (SELECT regexp_split_to_array(trim(line), '\s+') AS part FROM input) "
        "SELECT part[1], part[2]::BIGINT, part[3]::DOUBLE FROM parts",
        source,
        lines,
    )

    assert converted(tmp_path, source) == (["name", "x", "y"], expected)


def test_many_files_are_united_by_name(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "a.csv").write_text("x,y\n1,k\n2,l\n")
    (folder / "b.csv").write_text("z,x\n2.5,3\n-0.5,4\n")
    (folder / "c.csv").write_text("y,z,x\nm,1.25,5\n,,6\n")

    dialect = {"union_by_name": "true", "header": "true", "delim": "','"}
    expected = ask("SELECT x, y, z FROM input ORDER BY x", folder / "*.csv", dialect)

    assert converted(tmp_path, folder, union=True) == (["x", "y", "z"], expected)


def ask(query: str, path: Path, dialect: dict[str, str]) -> list[tuple[Any, ...]]:
    """The rows of a query, in which `input` stands for files. dialect: options of read_csv, in SQL."""
    options = ", ".join(f"{name} = {value}" for name, value in dialect.items())
    query = query.replace("FROM input", f"FROM read_csv('{path}', {options})")
    with duckdb.connect(config={"threads": 1}) as database:
        rows: list[tuple[Any, ...]] = database.execute(query).fetchall()
    assert rows
    return rows


def converted(directory: Path, source: Path, **request: Any) -> tuple[list[str], list[tuple[Any, ...]]]:
    """The names and the rows of a job, the same for all cuts."""
    result = run_with_all_cuts(directory, source, cuts=CUTS, processor="convert", output_format="parquet", **request)
    table = pyarrow.parquet.read_table(io.BytesIO(result.data))
    return table.column_names, [tuple(row.values()) for row in table.to_pylist()]
