"""When a watch queries a manager about the driver, and the folder for the result."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.processing_job.fake_clock import Clock
from tests.processing_job.plugin_loader import watch

STATUS: dict[str, Any] = {"stage": "processing", "started": 1.0, "updated": 1.0, "notes": []}


def test_manager_is_queried_about_a_silent_driver(clock: Clock) -> None:
    seen = watch.Watch()
    assert not seen.is_silent()
    clock.now += watch.SILENT_FOR
    assert seen.is_silent()

    # The next watch waits as long, and the silence continues.
    after = watch.Watch(seen.heard)
    assert not after.is_silent()
    clock.now += 1
    assert after.silent() == watch.SILENT_FOR + 1

    after.add(STATUS)
    assert (after.silent(), after.away()) == (0, 0)
    clock.now += watch.SILENT_FOR
    after.add(STATUS)  # the same: no news, but the server answers
    assert (after.silent(), after.away()) == (watch.SILENT_FOR, 0)
    after.add(STATUS | {"updated": 2.0})
    assert not after.is_silent()


def test_the_folder_of_a_result_is_closed(tmp_path: Path) -> None:
    watch.make_closed(tmp_path / "a/b")

    assert (tmp_path / "a/b").stat().st_mode & 0o777 == 0o700
