"""The driver's reads of a job directory, into which a processor may have written anything."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from csvswarm.driver.job_files import AttemptLog, JobFiles, ReceiptSummary
from csvswarm.job.untrusted_files import Damaged

from tests.driver.recorded import tasks_of
from tests.support.jobs import Scripts

DATA = "a,b\n" + "".join(f"{n},{n % 7}\n" for n in range(2400))


@pytest.fixture
def scripts(tmp_path: Path) -> Scripts:
    """A job of 24 chunks that was split, and none of it processed."""
    source = tmp_path / "data.csv"
    source.write_text(DATA)
    scripts = Scripts(tmp_path)
    scripts.split(source, "--chunks", "24", "--workers", "1", "--durable")
    return scripts


@pytest.fixture
def files(scripts: Scripts) -> JobFiles:
    return JobFiles(scripts.job)


def process(scripts: Scripts, files: JobFiles, *slots: int) -> None:
    """Run slots of a round as containers do."""
    number = files.next_round([])
    files.write_round(number, 1, range(1, 25))
    for slot in slots:
        run = scripts.process("--round", str(number), "--slot", str(slot), "--attempt", f"task{slot}")
        assert run.answer["status"] == "done"


def test_new_receipts(scripts: Scripts, files: JobFiles) -> None:
    assert files.new_receipts(1, range(1, 25)) == []

    process(scripts, files, 2, 7)

    rows = [chunk["rows"] for chunk in json.loads((scripts.job / "manifest.json").read_text())["chunks"]]
    assert sorted(files.new_receipts(1, range(1, 25)), key=lambda receipt: receipt.chunk) == [
        ReceiptSummary(number, "done", rows[number - 1]) for number in (2, 7)
    ]
    assert [receipt.chunk for receipt in files.new_receipts(1, {*range(1, 25)} - {2})] == [7]
    assert files.new_receipts(1, range(3, 7)) == []
    assert files.new_receipts(2, range(1, 25)) == []


def test_reading_leaks_no_descriptor(scripts: Scripts, files: JobFiles) -> None:
    process(scripts, files, 2)
    before = sorted(path.name for path in scripts.job.rglob("*"))

    files.new_receipts(1, range(1, 25))

    assert sorted(path.name for path in scripts.job.rglob("*")) == before


# -- hostile files -----------------------------------------------------------------------------------------------------


def a_fifo(path: Path) -> None:
    os.mkfifo(path)


def a_link(path: Path) -> None:
    path.symlink_to("/dev/zero")


def a_directory(path: Path) -> None:
    path.mkdir()


def deep(path: Path) -> None:
    path.write_text("[" * 10_000 + "]" * 10_000)


def many_values(path: Path) -> None:
    path.write_text('{"chunk": [' + "1," * 1_000_001 + "1]}")


def ten_gigabytes(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(10_000_000_000)


def infinite(path: Path) -> None:
    path.write_text('{"chunk": 7, "status": "done", "rows_in": 1e999, "rejected": 0}')


def of_another_chunk(path: Path) -> None:
    path.write_text('{"chunk": 8, "status": "done", "rows_in": 1, "rejected": 0}')


def without_rows(path: Path) -> None:
    path.write_text('{"chunk": 7, "status": "done", "rows_in": "many", "rejected": 0}')


def of_an_unknown_status(path: Path) -> None:
    path.write_text('{"chunk": 7, "status": "\\u001b[31m", "rows_in": 1, "rejected": 0}')


def of_many_rows(path: Path) -> None:
    path.write_text('{"chunk": 7, "status": "done", "rows_in": 1' + "0" * 4000 + ', "rejected": 0}')


HOSTILE = [
    a_fifo,
    a_link,
    a_directory,
    deep,
    many_values,
    ten_gigabytes,
    infinite,
    of_another_chunk,
    without_rows,
    of_an_unknown_status,
    of_many_rows,
]


@pytest.mark.timeout(60)
@pytest.mark.parametrize("make", HOSTILE)
def test_unexpected_file_in_place_of_a_receipt_is_reported(
    scripts: Scripts, files: JobFiles, make: Callable[[Path], None]
) -> None:
    make(scripts.job / "receipts/000007-0001.json")

    with pytest.raises(Damaged, match=r"^000007-0001\.json (is|has) "):
        files.new_receipts(1, range(1, 25))


def test_link_in_place_of_the_receipts_is_not_followed(scripts: Scripts, files: JobFiles, tmp_path: Path) -> None:
    (scripts.job / "receipts").rename(tmp_path / "receipts")
    (scripts.job / "receipts").symlink_to(tmp_path / "receipts")

    with pytest.raises(Damaged, match=r"^receipts is a symbolic link$"):
        files.new_receipts(1, range(1, 25))


def test_only_own_names_count_as_receipts(scripts: Scripts, files: JobFiles) -> None:
    for name in ("7-0001.json", "000007-0001.json.part", "000007-0001-x.json", "000099-0001.json", "\udcff.json"):
        (scripts.job / "receipts" / name).touch()

    assert files.new_receipts(1, range(1, 25)) == []


def test_rounds_get_new_numbers(scripts: Scripts, files: JobFiles) -> None:
    assert files.next_round([]) == 1
    (scripts.job / "round-0007.json").symlink_to("/dev/zero")
    (scripts.job / f"round-{'9' * 200}.json").touch()
    assert files.next_round([3]) == 8
    assert files.next_round([9]) == 10


def test_plan_of_a_round_replaces_a_link(scripts: Scripts, files: JobFiles, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    canary.write_text("as it was")
    (scripts.job / "round-0002.json").symlink_to(canary)

    files.write_round(2, 1, [5])

    assert canary.read_text() == "as it was"
    plan = json.loads((scripts.job / "round-0002.json").read_text())
    assert plan == {"number": 2, "generation": 1, "chunks": [5]}


# -- logs --------------------------------------------------------------------------------------------------------------


def test_newest_log_of_a_slot(scripts: Scripts, files: JobFiles) -> None:
    for age, name, text in ((2, "a", "first"), (1, "b", "a line\nthe last line\n"), (3, "c", "older")):
        log = scripts.job / f"logs/0001-000007-{name}.log"
        log.write_text(text)
        os.utime(log, (1e9 - age, 1e9 - age))
    (scripts.job / "logs/0002-000008-a.log").write_text("of another round")

    path = str(scripts.job / "logs/0001-000007-b.log")
    assert files.logs(1, {7: 17, 8: 18}) == [AttemptLog(17, path, "the last line")]


@pytest.mark.timeout(60)
def test_only_the_end_of_a_regular_log_is_read(scripts: Scripts, files: JobFiles) -> None:
    a_fifo(scripts.job / "logs/0001-000007-fifo.log")
    a_link(scripts.job / "logs/0001-000007-link.log")
    with (scripts.job / "logs/0001-000007-a\n.log").open("wb") as file:
        file.truncate(10_000_000_000)
        file.seek(0, os.SEEK_END)
        file.write(b"\na \x1b[31m \xff \rlast line\n")

    [log] = files.logs(1, {7: 7})

    assert log.path == rf"{scripts.job}/logs/0001-000007-a\x0a.log"
    assert log.last_line == "a \\x1b[31m \ufffd \\x0dlast line"


def test_record_of_ended_tasks(scripts: Scripts, files: JobFiles) -> None:
    files.write_tasks(1, tasks_of("gave-up"))

    record = json.loads((scripts.job / "tasks-0001.json").read_text())["tasks"]
    assert len(record) == len(tasks_of("gave-up")) - 1  # one runs
    # What job.json makes of a lost attempt.
    assert {"chunk", "attempt", "board", "started", "ended", "exit", "message"} <= record[0].keys()
