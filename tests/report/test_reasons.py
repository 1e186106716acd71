"""Rejected records in the report: counted by reason, with examples."""

from __future__ import annotations

import re
from pathlib import Path

from csvswarm.report.data import gather
from csvswarm.report.render import render

from tests.report.html_page import EVIL, Page, page
from tests.report.records import attempt, record
from tests.support.jobs import Scripts, record_validator, write_csv

PICKY = """\
def process(block, context):
    for value in block["a"]:
        if value % 10 == 3:
            raise ValueError(f"no threes\\n{value}")
    return block
"""


def test_rejected_records_are_counted_by_reason_with_three_examples(tmp_path: Path) -> None:
    rows = [[number, "x"] for number in range(200)]
    source = write_csv(tmp_path / "data.csv", ["a", "b"], rows)
    source.write_text(source.read_text() + "1,2,3\n" * 5)
    (tmp_path / "picky.py").write_text(PICKY)
    scripts = Scripts(tmp_path)
    scripts.all(source, "--processor", tmp_path / "picky.py", "--on-error", "quarantine", "--chunks", "2")
    scripts.report("--output", scripts.output)

    found = page(scripts.output)

    shown = found.words.partition("Rejected records")[2].partition("The result at a glance")[0]
    first, _, second = shown.partition("5" + "3 fields where the header has 2")
    assert "20processor picky failed: ValueError (picky.py:4 in process)" in first
    assert 'in process: raise ValueError(f"no threes' in first  # the whole message of the first one
    assert [int(number) for number in re.findall(r"record (\d+):", first)] == [4, 14, 24]
    assert [int(number) for number in re.findall(r"record (\d+):", second)] == [201, 202, 203]
    assert second.count("1,2,3") == 3


def test_reasons_of_a_failed_job_are_counted(tmp_path: Path) -> None:
    """Without rejected records, which only a result has."""
    kinds = [
        {"reason": f"kind {n}", "records": 30 - n, "record": n, "example": f"{EVIL}\n{n}", "provisional": False}
        for n in range(1, 25)
    ]
    made_up = record([attempt(1)], status="failed", error="x", result=None, rows_out=None, rejected_reasons=kinds)
    record_validator().validate(made_up)

    found = Page(render(gather(made_up, tmp_path, tmp_path)))

    found.check_safe()
    assert f"29kind 1 record 1: {EVIL} 1" in found.words
    assert "4 more kinds of reasons are in job.json." in found.words
