"""The status file of a job, read as untrusted data."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.processing_job.plugin_loader import ROLE, files, load, shared

status = shared("status")
info = load(ROLE / "library/processing_job_status_info.py")
WRITTEN = {
    "format": 1, "job": "one", "service": "s1", "stage": "processing", "board": "board1",
    "started": 1.5, "updated": 2.5,
    "chunks": {"total": 9, "done": 2, "running": 3, "waiting": 4, "failed_attempts": 0},
    "bytes": {"total": 900, "done": 200}, "rows_done": 20, "rows_per_second": 10, "seconds_left": 35.0, "notes": ["a"],
    "stages": {"split": 1.0, "process": 0.5, "collect": 0.0}, "error": None, "hint": None, "exit": None,
}  # fmt: skip


@pytest.fixture
def share(tmp_path: Path) -> Path:
    (tmp_path / "results/one").mkdir(parents=True)
    write(tmp_path, WRITTEN)
    return tmp_path


def write(share: Path, found: Any) -> None:
    part = share / "results/one/.part"
    part.write_text(json.dumps(found))
    part.replace(share / "results/one/.status.json")


def read(share: Path) -> dict[str, Any] | None:
    with files.open_directory(str(share / "results")) as results:
        found: dict[str, Any] | None = status.read_status("one", results, None)
    return found


def read_status(share: Path, **arguments: Any) -> dict[str, Any]:
    given = {"share": str(share), "owner": None, "job": "one", "service": "", "stage": "", "wait": 0, **arguments}
    found: dict[str, Any] = info.wait_for_status(given)
    return found


def test_status_of_the_driver_is_read_completely(share: Path) -> None:
    found = read(share)

    assert found
    assert found.pop("age") >= 0
    assert found == {name: value for name, value in WRITTEN.items() if name not in ("format", "exit")}


values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*WRITTEN]), inner, max_size=4),
    max_leaves=12,
)


@given(found=st.dictionaries(st.sampled_from([*WRITTEN]), values))
def test_a_forged_status_has_the_same_kinds_of_values(found: dict[str, Any]) -> None:
    checked = status.checked(found)

    assert checked["stage"] in status.STAGES
    assert checked["hint"] in (None, *status.HINTS)
    assert all(isinstance(number, int) and number >= 0 for number in checked["chunks"].values())
    texts = [checked["board"], checked["job"], checked["service"], *checked["notes"]]
    assert all(text.isprintable() or "\u00ad" in text or not text.isascii() for text in texts)
    assert not {"\x1b", "\r", "\n", "\u202e"} & set("".join(texts))
    assert len(json.dumps(checked)) < 20 * 6 * status.LONGEST + 100_000


@pytest.mark.parametrize("harm", ["missing", "link", "pipe", "folder", "huge", "no JSON", "a list"])
def test_invalid_status_is_rejected(share: Path, harm: str) -> None:
    path = share / "results/one/.status.json"
    path.rename(share / "away")
    if harm == "link":
        path.symlink_to(share / "away")
    elif harm == "pipe":
        os.mkfifo(path)
    elif harm == "folder":
        path.mkdir()
    elif harm != "missing":
        texts = {"huge": json.dumps(WRITTEN | {"error": "x" * 70_000}), "no JSON": "{", "a list": "[]"}
        path.write_text(texts[harm])

    assert read(share) is None


def test_the_first_status_and_the_end_are_reported_immediately_and_others_after_the_wait(share: Path) -> None:
    assert read_status(share, wait=600)["stage"] == "processing"
    assert read_status(share, stage="processing", wait=0.3)["updated"] == 2.5
    assert read_status(share, stage="splitting", wait=0.3)["updated"] == 2.5

    timer = threading.Timer(0.3, lambda: write(share, WRITTEN | {"stage": "done"}))
    timer.start()
    try:
        assert read_status(share, stage="processing", wait=600)["stage"] == "done"
    finally:
        timer.join()


def test_status_of_an_earlier_deployment_is_ignored(share: Path) -> None:
    assert read_status(share, service="s2") == {}
    assert read_status(share, service="s1")["stage"] == "processing"
