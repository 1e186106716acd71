"""The result at a glance: box plots of statistics, bars of groups, or ranges of the columns in the first rows."""

from __future__ import annotations

import math
from typing import Any

from csvswarm.errors import printable, shown
from csvswarm.report.data import FIRST_ROWS, Material, Table
from csvswarm.report.numbers import number_text

#: Numbers of items shown of a result.
MAX_COLUMNS, MAX_BOXES, MAX_BARS = 20, 30, 20


def glance(material: Material) -> dict[str, Any]:
    """Return the parts of the result that the page shows: header and rows, and boxes, bars or ranges."""
    table = material.result
    if table is None or not table.header:
        return {}
    found: dict[str, Any] = {
        "header": [_cell(name) for name in table.header[:MAX_COLUMNS]],
        "rows": [[_cell(value) for value in row[:MAX_COLUMNS]] for row in table.rows[:FIRST_ROWS]],
        "more_columns": max(0, len(table.header) - MAX_COLUMNS),
        "read": len(table.rows),
        "complete": table.complete,
    }
    record = material.record
    name, options = record["processor"]["name"], record["request"]["options"]
    if name == "statistics" and {"p10", "p25", "p50", "p75", "p90"} <= {*table.header}:
        found["boxes"] = boxes(table)
    elif name == "aggregate" and (bars := group_bars(table, options.get("group_by"))):
        found |= bars
    else:
        found["ranges"] = ranges(table)
    return found


def boxes(table: Table) -> list[dict[str, Any]]:
    """Return a box plot for each row of `statistics`: positions in per cent of its width, and the figures as text."""
    found = []
    for row in table.rows[:MAX_BOXES]:
        if len(row) != len(table.header):
            continue
        values = dict(zip(table.header, row, strict=True))
        low, p10, p25, p50, p75, p90, high = (
            _number(values.get(name, "")) for name in ("min", "p10", "p25", "p50", "p75", "p90", "max")
        )
        if not all(map(math.isfinite, (low, p10, p25, p50, p75, p90, high))):
            continue
        # Extremes must not squeeze the box, so they are only given as figures.
        margin = (p90 - p10) or (high - low) or 1.0
        left, right = max(low, p10 - margin / 2), min(high, p90 + margin / 2)
        width = (right - left) or 1.0

        def percent(value: float, left: float = left, width: float = width) -> float:
            return round((value - left) / width * 100, 2)

        found.append(
            {
                "name": _cell(values["column"]),
                "p10": percent(p10),
                "p25": percent(p25),
                "p50": percent(p50),
                "p75": percent(p75),
                "p90": percent(p90),
                "cut": (low < left, high > right),
                "text": {name: number_text(value) for name, value in (("min", low), ("p50", p50), ("max", high))},
                "mean": _figure(values.get("mean", "")),
            }
        )
    return found


def group_bars(table: Table, group_by: Any) -> dict[str, Any]:
    """Return the first metric of `aggregate` as bars, for the groups in which it is largest."""
    groups = [name for name in table.header if isinstance(group_by, list) and name in group_by]
    metrics = [index for index, name in enumerate(table.header) if name not in groups]
    if not groups or not metrics:
        return {}
    group_columns = [table.header.index(name) for name in groups]
    rows = [
        (", ".join(_cell(row[index]) for index in group_columns), value)
        for row in table.rows
        if len(row) == len(table.header) and math.isfinite(value := _number(row[metrics[0]]))
    ]
    top = sorted(rows, key=lambda row: -abs(row[1]))[:MAX_BARS]
    most = max((abs(value) for _, value in top), default=0.0) or 1.0
    bars = [
        {"name": name, "share": round(abs(value) / most * 100, 2), "text": number_text(value), "below": value < 0}
        for name, value in top
    ]
    return {"bars": bars, "metric": _cell(table.header[metrics[0]]), "groups": len(rows)}


def ranges(table: Table) -> list[dict[str, str]]:
    """Return name, smallest, largest and number of missing values of the columns, in the rows read."""
    found = []
    for index, name in enumerate(table.header[:MAX_COLUMNS]):
        values = [row[index] for row in table.rows if index < len(row)]
        present = [value for value in values if value]
        numbers = _numbers(present)
        if numbers and all(map(math.isfinite, numbers)):
            low, high = number_text(min(numbers)), number_text(max(numbers))
        else:
            low, high = (_cell(min(present)), _cell(max(present))) if present else ("", "")
        found.append({"name": _cell(name), "low": low, "high": high, "missing": str(len(values) - len(present))})
    return found


def _figure(text: str) -> str:
    value = _number(text)
    return number_text(value) if math.isfinite(value) else ""


def _numbers(texts: list[str]) -> list[float]:
    """Return texts as numbers, none if one of them is no number."""
    try:
        return [*map(float, texts)]
    except ValueError:
        return []


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _cell(text: str) -> str:
    return printable(shown(text))
