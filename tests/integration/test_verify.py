"""verify: a processor whose result depends on how the input is cut is found, with the first row that differs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from csvswarm.errors import ProcessorError
from csvswarm.job.request import Request
from csvswarm.verify.run import CUTS, RECORDS, verify

from tests.support.jobs import SAMPLE

GROUPBY = """\
def process(block, context):
    return block.groupby("carrier", as_index=False)["distance"].sum()
"""
COMBINE = """

def combine(partials, context):
    return pd.concat(partials).groupby("carrier", as_index=False)["distance"].sum()
"""
AVERAGE = """

def combine(partials, context):
    return pd.concat(partials).groupby("carrier", as_index=False)["distance"].mean()
"""


def request(directory: Path, code: str, **more: Any) -> Request:
    (directory / "mine.py").write_text(f"import pandas as pd\n\n{code}")
    return Request(input=SAMPLE, processor=str(directory / "mine.py"), workers=1, **more)


def test_a_groupby_without_combine(tmp_path: Path) -> None:
    with pytest.raises(ProcessorError) as raised:
        verify(request(tmp_path, GROUPBY), tmp_path / "jobs")

    first, difference, remedy = str(raised.value).split("\n")
    assert first.startswith("the processor gives another result when the first 10,000 records are cut differently: ")
    assert "result.csv has 15 rows with 1 chunk of 1 block, " in first
    assert difference.startswith("The first difference is in row 1: '9E,")
    assert "combine(partials, context)" in remedy
    assert not list((tmp_path / "jobs").iterdir())


def test_combine_must_be_associative(tmp_path: Path) -> None:
    with pytest.raises(ProcessorError, match="combine must be associative to the bit"):
        verify(request(tmp_path, GROUPBY + AVERAGE, limit=1000), tmp_path)


@pytest.mark.parametrize("limit", [None, 1, 500, RECORDS + 1])
def test_correct_processor_passes(tmp_path: Path, limit: int | None) -> None:
    done = verify(request(tmp_path, GROUPBY + COMBINE, limit=limit), tmp_path / "jobs")

    assert done == {"records": min(limit or RECORDS, RECORDS), "ways": len(CUTS)}
    assert not list((tmp_path / "jobs").iterdir())


def test_record_rejected_only_in_some_blocks(tmp_path: Path) -> None:
    code = 'def process(block, context):\n    if len(block) < 100:\n        raise ValueError("few")\n    return block\n'

    with pytest.raises(
        ProcessorError, match=r"rejected.csv has 0 rows with 1 chunk of 1 block, \d+ with|result.csv has"
    ):
        verify(request(tmp_path, code, on_error="quarantine", max_rejected="100%", limit=900), tmp_path)
