"""The benchmark's bad records are rejected, and no others; the same ones however the file is cut."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.bad_records import KINDS, Kind, table, write_bad
from tests.support.jobs import ROOT, run_with_all_cuts

HEADER = "id,time,category,price,quantity,late,latitude,longitude,note,code\n"


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.title)
def test_bad_records_are_rejected(tmp_path: Path, kind: Kind) -> None:
    source = tmp_path / "flat.csv"
    record = '2024-01-01 00:00:00,fruit,1.5,{0},7,1.0,2.0,"a, b",C-1\n'
    source.write_text(HEADER + "".join(f"{number},{record.format(number % 1000)}" for number in range(300)))
    bad = write_bad(source, tmp_path / "bad.csv", 0.2, kind.value)
    processor = str(ROOT / kind.processor) if "/" in kind.processor else kind.processor

    result = run_with_all_cuts(
        tmp_path,
        tmp_path / "bad.csv",
        cuts=((1, 1 << 20), (3, 2048)),
        processor=processor,
        options=kind.options,
        on_error="quarantine",
        column_types=kind.column_types,
    )

    assert 30 < bad < 90
    assert len(result.rejects) == bad


def test_table_names_the_cost_of_a_record() -> None:
    rows = [
        {"title": kind.title, "share": share, "bad": bad, "seconds": seconds}
        for kind in KINDS
        for share, bad, seconds in ((0.0, 0, 2.0), (0.001, 100, 2.1), (0.025, 1000, 3.0), (0.2, 10_000, 4.0))
    ]

    assert "| a field is missing | 2.00 | 2.10 (1.1x, 1.00 ms a record) | 3.00 (1.5x, 1.00 ms a record) |" in table(
        rows
    )
