"""docs/fault-model.md names the tests that put faults into boards."""

from __future__ import annotations

import re

from tests.support.jobs import ROOT


def test_table_lists_every_board_fault_test() -> None:
    table = (ROOT / "docs/fault-model.md").read_text().split("<!-- table: faults on boards -->")[1]

    named = set(re.findall(r"^\| .* \| `(test_\w+\.py)` \|$", table, re.MULTILINE))
    assert named == {path.name for path in (ROOT / "tests/lab/faults").glob("test_*.py")}
