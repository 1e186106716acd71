"""The tables of docs/expressions.md: every expression gives the result that the page shows."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.jobs import ROOT, run_with_all_cuts, write_csv

PAGE = (ROOT / "docs/expressions.md").read_text()
TABLES = dict(re.findall(r"<!-- table: (\w+) -->\n(.*?)\n\n", PAGE + "\n\n", re.DOTALL))


def cells(row: str) -> list[str | None]:
    """Return the texts of a table's row; None for an empty cell."""
    return [cell.strip("`") if cell else None for cell in map(str.strip, row.strip("|").split("|"))]


@pytest.mark.parametrize("kind", TABLES)
def test_expressions_give_the_results_of_the_page(tmp_path: Path, kind: str) -> None:
    header, _, *rows = TABLES[kind].splitlines()
    (column,) = re.findall(r"value of `(\w+)`", header)
    expressions, values, results = zip(*map(cells, rows), strict=True)
    assert len(rows) > 10
    # A separate column for each expression, and a separate record for each value.
    source = write_csv(tmp_path / "data.csv", ["number", column], [[i, value] for i, value in enumerate(values)])

    result = run_with_all_cuts(
        tmp_path,
        source,
        processor="transform",
        options={"assign": {f"e{i}": expression for i, expression in enumerate(expressions)}},
        column_types={column: kind},
    )

    shown = {expressions[i]: record[f"e{i}"] for i, record in enumerate(result.records)}
    assert shown == dict(zip(expressions, results, strict=True))
