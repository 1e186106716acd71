"""The status file: small, replaced atomically, continued by the next driver of the same service."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from csvswarm.driver.status import MAX_BYTES, NAME, Status

from tests.driver.recorded import Clock


def read(output: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((output / NAME).read_text())
    return found


def test_new_status(tmp_path: Path) -> None:
    Status(tmp_path, "demo", "s1", "board1").write()

    found = read(tmp_path)
    assert (found["format"], found["job"], found["service"]) == (1, "demo", "s1")
    assert (found["stage"], found["board"], found["error"], found["exit"]) == ("starting", "board1", None, None)
    assert [path.name for path in tmp_path.iterdir()] == [NAME]


def test_stages_are_timed(tmp_path: Path, clock: Clock) -> None:
    status = Status(tmp_path, "demo", "s1", "board1")
    status.enter("splitting", "split")
    clock.now += 3
    status.enter("processing", "process")
    clock.now += 5
    assert status.seconds_of("process") == 5
    status.enter("collecting", "collect")
    clock.now += 2
    status.end("done")

    found = read(tmp_path)
    assert found["stages"] == {"split": 3, "process": 5, "collect": 2}
    assert (found["stage"], found["exit"]) == ("done", 0)


def test_file_is_renewed_when_it_is_due(tmp_path: Path, clock: Clock) -> None:
    status = Status(tmp_path, "demo", "s1", "board1")
    status.write()
    (tmp_path / NAME).unlink()

    clock.now += 1.9
    status.renew()
    assert not (tmp_path / NAME).exists()
    clock.now += 0.1
    status.renew()
    assert (tmp_path / NAME).exists()


def test_progress_is_that_of_the_stage(tmp_path: Path) -> None:
    status = Status(tmp_path, "demo", "s1", "board1")
    status.enter("processing", "process")
    status.values["rows_done"] = 9
    status.show_progress({"bytes": {"total": 9, "done": 3}, "rows_per_second": 2, "seconds_left": 1.5, "stage": "x"})
    status.enter("collecting", "collect")

    found = read(tmp_path)
    assert (found["stage"], found["bytes"], found["rows_done"]) == ("collecting", {"total": 0, "done": 0}, 9)
    assert (found["rows_per_second"], found["seconds_left"]) == (0, None)

    status.show_progress({"bytes": {"total": 9, "done": 3}, "rows_per_second": 2, "seconds_left": None})
    status.end("done")
    assert read(tmp_path)["bytes"] == {"total": 9, "done": 3}


def test_failure_is_reported(tmp_path: Path) -> None:
    Status(tmp_path, "demo", "s1", "board1").end("failed", error="chunk 1 \x1b[31mfailed", hint="resume")

    found = read(tmp_path)
    assert (found["stage"], found["exit"], found["hint"]) == ("failed", 1, "resume")
    assert found["error"] == r"chunk 1 \x1b[31mfailed"


def test_size_is_bounded(tmp_path: Path) -> None:
    status = Status(tmp_path, "demo", "s1", "board1")
    for number in range(1000):
        status.note(f"{number} " + "\U0001f600" * 10_000)
    status.end("failed", error="\U0001f600" * 100_000)

    assert (tmp_path / NAME).stat().st_size <= MAX_BYTES
    assert len(read(tmp_path)["notes"]) == 20


def test_note_is_not_repeated(tmp_path: Path) -> None:
    status = Status(tmp_path, "demo", "s1", "board1")
    for text in ("a", "a", "b", "a"):
        status.note(text)

    assert read(tmp_path)["notes"] == ["a", "b", "a"]


def test_driver_of_the_same_service_continues(tmp_path: Path, clock: Clock) -> None:
    first = Status(tmp_path, "demo", "s1", "board1")
    first.enter("processing", "process")
    clock.now += 7
    first.note("board3 is slow")

    second = Status(tmp_path, "demo", "s1", "board2")

    assert second.values["stages"]["process"] == 7
    assert second.values["started"] == first.values["started"]
    assert (second.values["notes"], second.values["board"]) == (["board3 is slow"], "board2")


def test_another_deployment_resets_the_progress(tmp_path: Path) -> None:
    Status(tmp_path, "demo", "s1", "board1").end("failed", error="x")

    other = Status(tmp_path, "demo", "s2", "board1")

    assert (other.values["stage"], other.values["error"]) == ("starting", None)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        '{"service": "s1"}',
        '{"service": "s1", "started": "x", "stages": {}, "notes": []}',
        '{"service": "s1", "started": 1, "stages": {"split": -1, "process": 0, "collect": 0}, "notes": []}',
        "[" * 50_000,
    ],
)
def test_forged_status_changes_nothing(tmp_path: Path, content: str) -> None:
    (tmp_path / NAME).write_text(content)

    status = Status(tmp_path, "demo", "s1", "board1")

    assert status.values["stages"] == {"split": 0, "process": 0, "collect": 0}


def test_link_in_its_place_is_replaced(tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    canary.write_text("as it was")
    (tmp_path / NAME).symlink_to(canary)

    Status(tmp_path, "demo", "s1", "board1").write()

    assert canary.read_text() == "as it was"
    assert not (tmp_path / NAME).is_symlink()


def test_full_share_does_not_end_the_job(tmp_path: Path) -> None:
    output = tmp_path / "away"

    Status(output, "demo", "s1", "board1").write()

    assert not output.exists()
