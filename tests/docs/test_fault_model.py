"""docs/fault-model.md names the tests that inject faults into boards."""

from __future__ import annotations

import re

from tests.support.jobs import ROOT


def test_table_lists_every_board_fault_test() -> None:
    page = (ROOT / "docs/fault-model.md").read_text()
    table = page.split("<!-- table: faults on boards -->")[1].split("\n### ")[0]

    named = set(re.findall(r"^\| .* \| `(test_\w+\.py)` \|$", table, re.MULTILINE))
    assert named == {path.name for path in (ROOT / "tests/lab/faults").glob("test_*.py")}


def test_tests_of_the_drivers_faults_exist() -> None:
    table = (ROOT / "docs/fault-model.md").read_text().split("<!-- table: faults of the driver -->")[1]

    named = set(re.findall(r"`(test_\w+\.py)`", table))
    assert named
    assert named <= {path.name for path in (ROOT / "tests/driver").glob("test_*.py")}
