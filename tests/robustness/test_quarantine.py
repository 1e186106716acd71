"""on_error=quarantine: bad records are written to rejected.csv with number and reason, the rest is processed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from csvswarm.errors import CsvswarmError

from tests.support.jobs import CUTS, Result, Scripts, run_in_process, run_with_all_cuts

HEADER = "id,n,note\n"
POISON = """\
def process(block, context):
    if (block["note"] == "poison").any():
        raise ValueError("poison")
    return block
"""


def mine(directory: Path, code: str = POISON) -> str:
    (directory / "mine.py").write_text(code)
    return str(directory / "mine.py")


def written(directory: Path, *records: str | bytes) -> Path:
    """Return a CSV of these records between good ones, so that no chunk has only bad ones."""
    path = directory / "data.csv"
    lines = [record.encode() if isinstance(record, str) else record for record in records]
    path.write_bytes(HEADER.encode() + b"\n".join(lines) + b"\n")
    return path


def quarantine(directory: Path, source: Path, processor: str, **request: Any) -> Result:
    """Return the result of a job with quarantine, asserted to be the same for all divisions, ranges and chunk files."""
    request["max_rejected"] = "100%"
    result = run_with_all_cuts(directory, source, processor=processor, on_error="quarantine", **request)
    files = directory / "files"
    assert run_with_all_cuts(
        files, source, cuts=CUTS[1:], processor=processor, on_error="quarantine", mode="files", **request
    ) == result  # fmt: skip
    return result


EVERY_KIND: tuple[str | bytes, ...] = (
    "1,10,good",
    "2,20",
    '3,30,"two\nlines"',
    "4,40,too,many",
    b"5,50,n\0l",
    b"6,60,caf\xe9",
    "7,twelve,good",
    "8,80,poison",
    '9,"90",',
    '10,,"quoted, ""too"""',
)


def test_every_kind_of_bad_record_together(tmp_path: Path) -> None:
    source = written(tmp_path, *EVERY_KIND)

    result = quarantine(tmp_path, source, mine(tmp_path), column_types={"n": "int"})

    assert result.data.decode() == (
        'id,n,note\n1,10,good\n3,30,"two\nlines"\n9,90,\n10,,"quoted, ""too"""\n'
    )  # fmt: skip
    assert result.rejected
    assert result.rejected.startswith(b"record,column,reason,text\n")
    (few, many, nul, encoding, kind, raised) = result.rejects
    assert few == ["2", "", "2 fields where the header has 3", "2,20"]
    assert many == ["4", "", "4 fields where the header has 3", "4,40,too,many"]
    assert nul == ["5", "", "a NUL byte at position 6", "5,50,n\0l"]
    assert encoding[:2] == ["6", ""]
    assert encoding[2].startswith("byte 0xe9 at position 8 is not UTF-8")
    assert encoding[3] == "6,60,caf\N{REPLACEMENT CHARACTER}"
    assert kind == ["7", "n", "'twelve' is not of the type int", "7,twelve,good"]
    assert raised[:2] == ["8", ""]
    assert raised[2].startswith("processor mine failed: ValueError: poison")
    assert "mine.py:3 in process" in raised[2]
    assert raised[3] == "8,80,poison"


@pytest.mark.parametrize("processor", ["statistics", "transform", "aggregate"])
def test_metrics_cover_the_good_records(tmp_path: Path, processor: str) -> None:
    options: dict[str, dict[str, Any]] = {
        "aggregate": {"group_by": "note", "metrics": {"n": ["sum", "median", "first", "last"]}}
    }
    options |= {"statistics": {"window": 3}, "transform": {"where": "n > 0", "columns": ["n", "id"]}}
    good = [f"{number},{number * number},{'ab'[number % 2]}" for number in range(30)]
    bad: list[str | bytes] = ["x", "1,2,3,4", b"1,2,\xff", b"1,\0,3"]
    mixed = [*good[:10], *bad[:2], *good[10:29], *bad[2:], good[29]]

    result = quarantine(tmp_path, written(tmp_path, *mixed), processor, options=options[processor])

    assert [reject[0] for reject in result.rejects] == ["11", "12", "32", "33"]
    only_good = tmp_path / "good"
    only_good.mkdir()
    source = written(only_good, *good)
    assert result.data == run_in_process(only_good, source, processor=processor, options=options[processor]).data


def test_only_bad_records(tmp_path: Path) -> None:
    source = written(tmp_path, "1", "2,3", "4,5,6,7")

    result = quarantine(tmp_path, source, "transform")

    assert result.data.decode() == HEADER
    assert [reject[0] for reject in result.rejects] == ["1", "2", "3"]


def test_no_rejects_means_no_rejected_csv(tmp_path: Path) -> None:
    assert quarantine(tmp_path, written(tmp_path, "1,2,3"), "transform").rejected is None


def test_rejected_text_keeps_delimiters_and_line_endings(tmp_path: Path) -> None:
    source = tmp_path / "data.csv"
    source.write_bytes(b'a;b\r\n1;2\r\n3\r\n"x\r\ny";4;5\r\n\r\n6;7')

    result = quarantine(tmp_path, source, "transform")

    assert result.data == b"a;b\r\n1;2\r\n6;7\r\n"
    assert result.rejects == [
        ["2", "", "1 field where the header has 2", "3"],
        ["3", "", "3 fields where the header has 2", '"x\r\ny";4;5'],
    ]


def test_mismatched_value_is_reported_with_its_column(tmp_path: Path) -> None:
    rows = ["1,1.5,a", "2,x,b", "3,,c", '4,"",d', "5,2020-01-01,e", "6,1e3,f"]
    source = written(tmp_path, *rows)
    aggregate = {"group_by": "note", "metrics": {"n": "sum"}}

    with pytest.raises(CsvswarmError, match=r"record 2, column 'n': 'x' is not of the type float: '2,x,b'\. Fix"):
        run_in_process(tmp_path, source, processor="aggregate", options=aggregate, column_types={"n": "float"})
    result = quarantine(tmp_path, source, "aggregate", options=aggregate, column_types={"n": "float"})

    assert result.rows == [["a", "1.5"], ["c", "0.0"], ["d", "0.0"], ["f", "1000.0"]]
    assert [reject[:2] for reject in result.rejects] == [["2", "n"], ["5", "n"]]


def test_overlap_processor_errors_cannot_be_quarantined(tmp_path: Path) -> None:
    source = written(tmp_path, "1,2,good", "2,3,poison", "3,4,good")

    with pytest.raises(CsvswarmError, match="cannot identify the bad record when blocks overlap"):
        run_in_process(tmp_path, source, processor=mine(tmp_path, f"OVERLAP = 2\n{POISON}"), on_error="quarantine")


def test_invalid_return_value_is_not_quarantined(tmp_path: Path) -> None:
    source = written(tmp_path, "1,2,good")

    with pytest.raises(CsvswarmError, match="returned NoneType, but process, combine and finish must return"):
        run_in_process(tmp_path, source, processor=mine(tmp_path, "def process(block, context):\n    pass\n"),
                 on_error="quarantine")  # fmt: skip


def test_blocks_emptied_by_quarantine_do_not_fail(tmp_path: Path) -> None:
    source = written(tmp_path, "1,2,x", "2", "3", "4", "5", "6,7,x")
    code = "def process(block, context):\n    block.iloc[0]\n    return block\n"

    result = quarantine(tmp_path, source, mine(tmp_path, code))

    assert result.data.decode() == f"{HEADER}1,2,x\n6,7,x\n"
    assert [reject[0] for reject in result.rejects] == ["2", "3", "4", "5"]


def test_failed_job_resumes_with_quarantine(scripts: Scripts) -> None:
    source = written(scripts.directory, *[f"{number},1,x" for number in range(50)], "50,1", "51,1,x")
    options = ("--processor", "transform", "--chunks", "3")
    assert scripts.split(source, *options).code == 0
    assert "record 51: 2 fields where the header has 3" in scripts.process().line

    assert scripts.split(source, *options, "--on-error", "quarantine").code == 0
    assert scripts.process().answer["chunks_run"] == 1
    collected = scripts.collect().answer

    assert (collected["rows_in"], collected["rows_out"], collected["rejected"]) == (52, 51, 1)
    assert (scripts.output / "rejected.csv").read_text() == (
        'record,column,reason,text\n51,,2 fields where the header has 3,"50,1"\n'
    )


def test_on_error_accepts_two_values(scripts: Scripts) -> None:
    source = written(scripts.directory, "1,2,3")

    line = scripts.split(source, "--on-error", "ignore").line

    assert line == "on_error is 'ignore', but must be fail or quarantine."
    assert not scripts.job.exists()


def test_too_many_rejections_stop_the_job_with_the_most_common_reasons(scripts: Scripts) -> None:
    good, short, long = [[f"{number},{text}" for number in range(count)] for count, text in
                         ((10, "1,x"), (6, "1"), (4, "1,x,y"))]  # fmt: skip
    source = written(scripts.directory, *good, *short, *long, "20,a\0b,x", *[f"{n},1,poison" for n in range(21, 24)])
    options = ("--processor", mine(scripts.directory), "--chunks", "4", "--on-error", "quarantine")
    assert scripts.split(source, *options, "--max-rejected", "50%").code == 0

    lines = scripts.process().message.splitlines()

    assert lines[0].endswith("of 24 records are rejected so far, more than max_rejected (50%) allows. The most common "
                             "reasons:")  # fmt: skip
    assert lines[1:-1] == [
        "  6 x 2 fields where the header has 3 (first: record 11)",
        "  4 x 4 fields where the header has 3 (first: record 17)",
        "  3 x processor mine failed: ValueError (mine.py:3 in process) (first: record 22)",
    ]
    assert scripts.shows_no_result()

    assert scripts.split(source, *options, "--max-rejected", "14").code == 0
    assert scripts.process().code == 0
    assert scripts.collect().answer["rejected"] == 14
    reasons = json.loads((scripts.output / "job.json").read_text())["rejected_reasons"]
    assert [(reason["records"], reason["record"]) for reason in reasons] == [(6, 11), (4, 17), (3, 22), (1, 21)]
    assert reasons[2]["reason"] == "processor mine failed: ValueError (mine.py:3 in process)"
    assert reasons[2]["example"] == (
        'processor mine failed: ValueError: poison\n  mine.py:3 in process: raise ValueError("poison")'
    )
    assert reasons[3]["reason"] == "a NUL byte at position …"


@pytest.mark.parametrize("limit", ["101%", "-1", "few", "5 %", ""])
def test_max_rejected_is_a_number_or_a_share(scripts: Scripts, limit: str) -> None:
    line = scripts.split(written(scripts.directory, "1,2,3"), f"--max-rejected={limit}").line

    assert line == (
        f"max_rejected is {limit!r}, but must be a number of records, or a share from 0% to 100%."
    )  # fmt: skip


def test_records_rejected_only_by_the_first_schema_do_not_count(tmp_path: Path) -> None:
    """The samples miss the one word that makes n a text column; until then the processor fails on all records."""
    code = 'def process(block, context):\n    return block.assign(n=block["n"].str.upper())\n'
    records = [f"{number},{number},x" for number in range(3000)]
    records[2001] = "2001,abc,x"
    source = written(tmp_path, *records)

    with mock.patch.multiple("csvswarm.split.schema_sample", SAMPLES=1, SAMPLE_BYTES=64):
        result = run_in_process(
            tmp_path, source, chunks=1, block_bytes=1 << 12, processor=mine(tmp_path, code), on_error="quarantine"
        )

    assert len(result.rows) == 3000
    assert result.rejected is None
