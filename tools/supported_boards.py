#!/usr/bin/env python3
"""Write the table of docs/boards/supported.md from the records of Molecule scenarios that passed.

    tools/supported_boards.py    # after: make molecule S=life

A scenario that passes leaves .lab/SCENARIO.passed.json. Its rows replace those of its earlier runs; rows of scenarios
without a record stay.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs/boards/supported.md"
BEGIN, END = "<!-- written by tools/supported_boards.py -->\n", "<!-- end -->\n"
HEAD = (
    "| system | architecture | Docker | scenario | boards | date |\n"
    "| --- | --- | --- | --- | ---: | --- |\n"
)  # fmt: skip
SCENARIO = re.compile(r"^\|[^|]*\|[^|]*\|[^|]*\| `(\w+)`", re.MULTILINE)


def rows(scenario: str, record: dict[str, Any]) -> list[str]:
    """Return the rows of a scenario: one for each kind of board. Raises KeyError where a record lacks something."""
    kinds: dict[tuple[str, ...], int] = {}
    for board in record["boards"]:
        kind = (board["system"], board["architecture"], board["docker"] or "none")
        kinds[kind] = kinds.get(kind, 0) + 1
    return [
        f"| {' | '.join(kind)} | `{scenario}` | {count} | {record['date']} |" for kind, count in sorted(kinds.items())
    ]


def updated(page: str, records: dict[str, dict[str, Any]]) -> str:
    """Return the page with the rows of these scenarios. Raises ValueError when it has no table."""
    before, begin, rest = page.partition(BEGIN)
    table, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{PAGE}: the lines {BEGIN.strip()!r} and {END.strip()!r} are missing")
    kept = [line for line in table.splitlines() if (found := SCENARIO.match(line)) and found[1] not in records]
    new = [row for scenario, record in records.items() for row in rows(scenario, record)]
    return before + BEGIN + HEAD + "".join(f"{row}\n" for row in sorted(kept + new)) + END + after


def main() -> None:
    """Update the page."""
    paths = sorted((ROOT / ".lab").glob("*.passed.json"))
    records = {path.name.removesuffix(".passed.json"): json.loads(path.read_text()) for path in paths}
    PAGE.write_text(updated(PAGE.read_text(), records))
    print(f"{PAGE.relative_to(ROOT)}: {', '.join(records) or 'no scenario has passed here'}")


if __name__ == "__main__":
    main()
